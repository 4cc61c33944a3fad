// When the lease ends: destroy the VMs, prove it, start over as a new incarnation; or be reset (design section 8).
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

void EngineState::lapse() {
    if (phase != HostPhase::Reading && phase != HostPhase::Writing && phase != HostPhase::Member)
        return;
    Trace line;
    line.code = TraceCode::LeaseLapsed;
    line.a = static_cast<std::int64_t>(lease.source());
    if (lease.ends() != kNotYet) line.span = core.now - (lease.ends() - core.config.timing.lease);
    core.trace(line);
    lapsed_at = core.now;
    if (leadership.resign(core)) touch_slot();
    leadership.start_over();
    lease.drop();
    peers.forget_answers();
    slots.forget_writes();
    change_phase(PhaseInput::LeaseEnded);
    destroy_held();
}

void EngineState::destroy_held() {
    for (OwnVm& own : vms) {
        // A claim for which nothing was asked of libvirt is given back: its number, which no scan validated, decides nothing.
        const bool unasked = own.under_way() && own.step < StartStep::Create && !own.qemu_seen &&
                             own.kind != StartKind::Arrive;
        if (unasked && !planted(Mutant::UnheldClaimDecides))
            withdraw(own, StartFailure::Lease, HostId{});
        const bool asked = own.kind == StartKind::Person || own.kind == StartKind::Arrive;
        if (asked && own.under_way()) answer_start(own, StartVerdict::NoLease, HostId{});
        const bool held = (own.listed && own.claim.holds()) || (own.qemu_seen && !own.bystander) ||
                          own.under_way();
        own.step = StartStep::Idle;
        own.kind = StartKind::None;
        const bool under_way = own.destroying && !own.shutting_down;
        if (!held || under_way || planted(Mutant::LapseLeavesVmsAlone)) continue;
        own.destroying = true;
        own.shutting_down = false;
        Trace destroying;
        destroying.code = TraceCode::VmDestroying;
        destroying.vm = own.claim.spec.vm;
        destroying.vm_name = own.claim.spec.name;
        core.trace(destroying);
        core.emit(DestroyVm{own.claim.spec.vm});
    }
}

void EngineState::settle_lapsed() {
    if (!past.known && keeper.arming != 0) static_cast<void>(learn_past());
    // What shows up only now, in the roster or in libvirt, is destroyed as well.
    for (OwnVm& own : vms) {
        const bool ours = own.qemu_seen && !own.bystander;
        if (own.destroying || !(ours || (own.listed && own.claim.holds()))) continue;
        // Only libvirt's list tells whether what was on its way has run meanwhile, and so whose it is when it is gone.
        if (own.claim.state == ClaimState::Arriving && !ours && !list_complete) continue;
        if (planted(Mutant::LapseLeavesVmsAlone)) continue;
        own.destroying = true;
        core.emit(DestroyVm{own.claim.spec.vm});
    }
    // An agent that came back armed must know what its predecessor claimed and what runs, before it can prove anything.
    const bool knows = keeper.arming == 0 || (past.known && list_complete);
    if (knows && (!vms.any_held() || planted(Mutant::StruckBeforeProof))) {
        if (keeper.arming != 0) disarm_keeper();
        change_phase(PhaseInput::AllGone);
        start_over();
        return;
    }
    const Instant reset_at =
        lapsed_at + std::max(core.config.timing.watchdog, keeper.report.watchdog);
    if (core.now < reset_at) return core.wake_at(reset_at);
    if (keeper.reset_asked || keeper.arming == 0) return;
    keeper.reset_asked = true;
    Trace line;
    line.code = TraceCode::HostReset;
    line.span = core.now - lapsed_at;
    core.trace(line);
    core.emit(ResetHost{});
}

// As a new incarnation, to which nothing counts that was written or answered while the VMs were being destroyed.
void EngineState::start_over() {
    // A boot part that was asked to be persisted is on a majority, whether or not the answer has come.
    const Incarnation known = std::max(persisted, persist_asked);
    const std::uint32_t used = std::max(core.incarnation.restart(), known.restart());
    core.incarnation = {known.boot(), planted(Mutant::IncarnationReused) ? used : used + 1};
    core.emit(PersistIncarnation{core.incarnation});
    lease.drop();
    peers.forget_answers();
    Membership::forget_greetings(peers);
    slots.forget_writes();
    begin_reading();
}

// After a lapse and before the next lease nothing may run here: a start that was allowed just before the end may show up late.
void EngineState::destroy_strays() {
    if (lapsed_at == kNotYet || lease.held(core.now)) return;
    for (OwnVm& own : vms) {
        if (!own.qemu_seen || own.destroying || own.bystander) continue;
        own.destroying = true;
        core.emit(DestroyVm{own.claim.spec.vm});
    }
}

void EngineState::disarm_keeper() {
    keeper.arming = 0;
    keeper.deadline = kNever;
    core.emit(DisarmKeeper{});
    Trace line;
    line.code = TraceCode::KeeperDisarmed;
    core.trace(line);
}

void EngineState::settle_keeper() {
    if (phase != HostPhase::Member && phase != HostPhase::Reading && phase != HostPhase::Writing)
        return;
    const bool held = vms.any_held();
    if (keeper.arming == 0) {
        const bool wanted = held && keeper.reported && phase == HostPhase::Member &&
                            core.config.watchdog_class != WatchdogClass::None;
        if (!wanted) return;
        keeper.arming = ++keeper.arming_last;
        keeper.deadline = lease.ends();
        core.emit(ArmKeeper{keeper.arming, keeper.deadline});
        return;
    }
    if (!held && reconciled && phase == HostPhase::Member) {
        disarm_keeper();
        touch_slot();
        return;
    }
    if (lease.ends() == kNotYet || lease.ends() == keeper.deadline) return;
    keeper.deadline = lease.ends();
    core.emit(MoveDeadline{keeper.deadline});
}

// The weaker of what the configuration expects and what the keeper found; only an armed keeper counts, see death_watch.cc.
WatchdogClass EngineState::own_watchdog_class() const {
    return keeper.reported ? std::min(core.config.watchdog_class, keeper.report.watchdog_class)
                           : core.config.watchdog_class;
}

// The longest that may be true: of the record, of the file that the keeper began with, and as read back from the device.
Duration EngineState::published_watchdog() const {
    return std::max(
        {core.config.timing.watchdog, timing_stage.watchdog_floor(), keeper.report.watchdog});
}

bool EngineState::may_claim() const {
    return keeper.armed() || core.config.watchdog_class == WatchdogClass::None ||
           planted(Mutant::KeeperArmedAfterClaim);
}

// Until when libvirt may be asked to start or resume something; the executor looks at the clock once more.
Instant EngineState::start_until() const {
    return planted(Mutant::StartOutlivesLease) ? kNever : lease.ends();
}

}  // namespace holdfast
