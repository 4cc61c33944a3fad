// Live migration of a claimed VM (design section 9): two hosts agree through their claims, and nobody else has a say.
//
//   target                                        source
//   asked by the hook before libvirt begins
//   claim Arriving, on a majority          -->    reads it, names target and claim number in its own claim
//   reads that, on a majority              <--
//   lets the migration in
//   the VM runs here: claim Running        -->    what is left of it is gone or destroyed; its claim is struck
//
// What must hold, so that never two copies run:
//
// - While both list the VM both claims hold, so nobody else starts it.
// - From before the target's yes until the source has read that the target's claim is over, the source starts it no more: its
//   QEMU may have ended because it runs on the target.  That outlives the source's agent, since the target waits until the name
//   is on a majority; and it holds for this claim of the target only, since the name carries its number.
// - The target gives its claim back only when its half is proved gone.
// - A host that dies in between is certified as any other, which voids its claim.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

Trace about(TraceCode code, const OwnVm& own, HostId other) {
    Trace line;
    line.code = code;
    line.vm = own.claim.spec.vm;
    line.vm_name = own.claim.spec.name;
    line.number = own.claim.number.value();
    line.who.host = other;
    return line;
}

// What of a claim number fits beside the name of a target.
std::uint32_t low_half(ClaimNumber number) {
    return static_cast<std::uint32_t>(number.value());
}

// How long libvirt may take to end, or to start, what no other host claims.
Duration hand_over_limit(const Core& core) {
    return core.config.timing.lease + 8 * core.config.timing.interval;
}

bool names(const Claim& source, HostId target, ClaimNumber number) {
    return source.target == target &&
           (source.target_number == low_half(number) || planted(Mutant::ArrivalNumberNotChecked));
}

}  // namespace

// Whether what this incarnation claimed is proved void, as the leader says or knows.
bool EngineState::is_void(HostId host, Incarnation incarnation) const {
    const Peer* peer = peers.find(host);
    if (peer == nullptr || peer->is_dead(incarnation)) return true;
    const Orders* orders = current_orders();
    return orders != nullptr && certified(*orders, {host, incarnation});
}

// ---- the target

// libvirt's hook asks about a migration, before it begins (incoming) and once more before its QEMU is started; or somebody wants to
// start here what is on its way.
void EngineState::ask_arrival(OwnVm& own, const StartAsked& asked) {
    const auto answer = [&](StartVerdict verdict) {
        core.emit(
            AnswerStart{asked.token, asked.spec.vm, verdict, HostId{}, low_half(own.claim.number)});
    };
    const bool let_in = own.kind == StartKind::Arrive && own.step == StartStep::Appear;
    if (!asked.incoming) {
        // Only the QEMU of this very migration: anything else would be a second copy.
        const bool its_qemu = let_in && asked.arrival == low_half(own.claim.number);
        return answer(its_qemu ? StartVerdict::Allowed : StartVerdict::Busy);
    }
    if (let_in && !own.qemu_seen) return answer(StartVerdict::Allowed);  // tried anew
    if (own.under_way() || own.qemu_seen || (own.listed && own.claim.holds()))
        return answer(StartVerdict::Busy);
    own.token = asked.token;
    own.unclaimed_since = kNotYet;
    if (!own.listed) own.claim.spec = asked.spec;
    begin_start(own, StartKind::Arrive);
}

// The hook knows little more than the VM's name; what it needs, and where its XML lies, its source has written down.
bool EngineState::learn_source(OwnVm& own) const {
    bool found = false;
    rosters.for_each_of_vm(
        own.claim.spec.vm, [&](const RosterTable::Known& known, const Claim& claim) {
            if (claim.state != ClaimState::Running || is_void(known.host, known.incarnation))
                return;
            own.claim.spec = claim.spec;
            found = true;
        });
    return found;
}

// What the claim of the host that runs the VM says to an arrival.
ClaimCheck EngineState::check_source(const OwnVm& own,
                                     const RosterTable::Known& known,
                                     const Claim& source) const {
    if (source.number >= own.claim.number) return ClaimCheck::Renumber;
    if (planted(Mutant::ArrivalNotNamed)) return ClaimCheck::Clean;
    const Peer* peer = peers.find(known.host);
    if (peer == nullptr || is_void(known.host, known.incarnation)) return ClaimCheck::Wait;
    if (!names(source, core.config.self, own.claim.number)) return ClaimCheck::Wait;
    // Its successor must find the name as well: versions are announced only when a majority holds them.
    const bool durable =
        peer->incarnation == known.incarnation && RosterTable::announced(*peer) >= known.version;
    return durable || planted(Mutant::ArrivalNameNotDurable) ? ClaimCheck::Clean : ClaimCheck::Wait;
}

// Its QEMU is here and has not run.  That may go on as long as its source claims it for this host; without a source it will never
// run, or it runs and libvirt is about to say so.
void EngineState::wait_for_arrival(OwnVm& own) {
    bool claimed = false;
    rosters.for_each_of_vm(
        own.claim.spec.vm, [&](const RosterTable::Known& known, const Claim& claim) {
            claimed = claimed || (claim.state == ClaimState::Running &&
                                  names(claim, core.config.self, own.claim.number) &&
                                  !is_void(known.host, known.incarnation));
        });
    if (claimed) {
        own.unclaimed_since = kNotYet;
        return;
    }
    if (own.unclaimed_since == kNotYet) own.unclaimed_since = core.now;
    const Instant due = own.unclaimed_since + hand_over_limit(core);
    if (core.now < due) return core.wake_at(due);
    Trace line = about(TraceCode::ArrivalUnclaimed, own, HostId{});
    line.span = core.now - own.unclaimed_since;
    core.trace(line);
    if (planted(Mutant::ArrivalNotProvedGone)) return arrival_failed(own);
    own.failure = StartFailure::Superseded;
    own.step = StartStep::Destroy;
    own.step_since = core.now;
    own.destroying = true;
    core.emit(DestroyVm{own.claim.spec.vm});
}

// It never ran here and nothing of it is left: its source, or the leader, knows what becomes of it.
void EngineState::arrival_failed(OwnVm& own) {
    core.trace(about(TraceCode::ArrivalFailed, own, HostId{}));
    own.step = StartStep::Idle;
    own.kind = StartKind::None;
    own.qemu_seen = false;
    own.half_started = false;
    own.moving = false;
    plan_due = true;
    give_claim_back(own);
}

// This agent's predecessor let it in.  When no QEMU is here that must be proved, and libvirt's hook asks again before it starts one.
void EngineState::keep_arriving(OwnVm& own) {
    own.kind = StartKind::Arrive;
    own.step = StartStep::Appear;
    own.step_since = core.now;
    own.unclaimed_since = kNotYet;
    if (own.qemu_seen) return;
    own.step = StartStep::Destroy;
    own.destroying = true;
    core.emit(DestroyVm{own.claim.spec.vm});
}

// ---- the source

// The entry of another host that shows that it runs, or ran, what this one let go: a claim that only arrives or starts may be
// withdrawn again, any other has a greater number only because the VM was there.  Null when there is none.
const Claim* EngineState::handed_to(const OwnVm& own, HostId& host) const {
    const Claim* found = nullptr;
    if (own.claim.target.is_none()) return found;
    rosters.for_each_of_vm(
        own.claim.spec.vm, [&](const RosterTable::Known& known, const Claim& claim) {
            const bool may_be_withdrawn =
                claim.state == ClaimState::Arriving || claim.state == ClaimState::Starting;
            if (may_be_withdrawn || claim.number <= own.claim.number) return;
            if (found != nullptr && found->holds()) return;
            found = &claim;
            host = known.host;
        });
    return found;
}

// Whether the arrival that this host named is over.  An entry that was there before the name is gone only when a later reading
// shows none, and a successor of the agent that named must have read as much as that one had.
bool EngineState::target_is_settled(const OwnVm& own) {
    const Peer* target = peers.find(own.claim.target);
    if (target == nullptr || is_void(target->id, target->incarnation)) return true;
    const RosterTable::Known* known = rosters.find(target->id);
    if (known->thorough.is_none() && known->wanted_after.is_none()) rosters.want(core, target->id);
    if (!known->valid || known->thorough.is_none() || !rosters.current(*target)) return false;
    const Claim* entry = entry_of(target->id, own.claim.spec.vm);
    return entry == nullptr || !entry->holds() ||
           low_half(entry->number) != own.claim.target_number;
}

void EngineState::settle_hand_overs() {
    if (!hand_overs_due || phase != HostPhase::Member || !lease.held(core.now)) return;
    hand_overs_due = false;
    for (OwnVm& own : vms) {
        const bool here = own.listed && own.claim.state == ClaimState::Running &&
                          !own.under_way() && !own.destroying;
        if (!here) continue;
        HostId other;
        const Claim* there = handed_to(own, other);
        if (there != nullptr && (there->holds() || own.moving)) {
            leave_to(own, other, there->holds());
        } else {
            name_target(own);
        }
        hand_overs_due = hand_overs_due || !own.claim.target.is_none();
    }
}

// It runs on the other host, or did.  libvirt ends what it paused here by itself, and must not be disturbed while that host still
// fetches memory; what goes on running, or is forgotten, is destroyed: its memory is older than its disks.
void EngineState::leave_to(OwnVm& own, HostId other, bool runs_there) {
    const Peer* peer = peers.find(other);
    const bool lives = runs_there && peer != nullptr && !is_void(other, peer->incarnation);
    if (own.unclaimed_since == kNotYet) own.unclaimed_since = core.now;
    const Instant due = own.unclaimed_since + kAppearWithin;
    const bool ends_by_itself = own.qemu_seen && own.moving && lives;
    if (ends_by_itself && own.post_copy) return;
    if (ends_by_itself && core.now < due) return core.wake_at(due);
    core.trace(about(TraceCode::LeftBehind, own, other));
    own.destroying = true;
    core.emit(DestroyVm{own.claim.spec.vm});
}

void EngineState::name_target(OwnVm& own) {
    own.unclaimed_since = kNotYet;
    HostId waiting;
    std::uint32_t number = 0;
    rosters.for_each_of_vm(
        own.claim.spec.vm, [&](const RosterTable::Known& known, const Claim& claim) {
            if (claim.state != ClaimState::Arriving || is_void(known.host, known.incarnation))
                return;
            const bool first = waiting.is_none() || known.host == own.claim.target;
            if (first) number = low_half(claim.number);
            if (first) waiting = known.host;
        });
    if (waiting == own.claim.target && number == own.claim.target_number) return;
    if (!own.claim.target.is_none() && !target_is_settled(own)) return;
    if (waiting.is_none()) {
        core.trace(about(TraceCode::TargetDropped, own, own.claim.target));
    } else if (!own.qemu_seen) {
        return;
    } else {
        core.trace(about(TraceCode::TargetNamed, own, waiting));
    }
    own.claim.target = waiting;
    own.claim.target_number = number;
    roster_writer.touch();
}

// Its QEMU ended here because it runs on the target now, or ended while it might: only the target knows.  It stays wanted until
// the target's claim has been read.
void EngineState::left_for_target(OwnVm& own) {
    core.trace(about(TraceCode::VmHandedOver, own, own.claim.target));
    HostId other;
    const bool runs_there = handed_to(own, other) != nullptr;
    left_behind(own);
    own.claim.target = HostId{};
    own.claim.target_number = 0;
    if (runs_there) vms.remove(own.claim.spec.vm);
}

}  // namespace holdfast
