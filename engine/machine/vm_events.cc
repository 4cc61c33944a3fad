// What this host itself reports: its keeper, its VMs, its people.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"
#include "engine/machine/trace_about.h"

namespace holdfast {

namespace {

bool is_claimed(const OwnVm& own) {
    return (own.listed && own.claim.holds()) || own.under_way();
}

constexpr std::uint8_t kRevivesMax = 3;  // then the leader looks for another host

}  // namespace

void EngineState::on(const IncarnationPersisted& event) {
    persisted = std::max(persisted, event.incarnation);
}

void EngineState::on(const KeeperReport& report) {
    const bool was_armed = keeper.armed();
    keeper.report = report;
    keeper.reported = true;
    keeper.arming_last = std::max(
        keeper.arming_last, report.arming);  // an arming is never acknowledged by an older one
    touch_slot();
    if (!keeper.armed() || was_armed) return;
    Trace line;
    line.code = TraceCode::KeeperArmed;
    line.span = report.watchdog;
    core.trace(line);
}

void EngineState::on(const VmSeen& seen) {
    // Before the past is known it may still name the VM.
    if (seen.bystander && reconciled) {
        const OwnVm* known = vms.find(seen.spec.vm);
        if (known == nullptr || !is_claimed(*known)) return;
    }
    const bool has_qemu = seen.state != VmRunState::Off;
    OwnVm* own = has_qemu ? vms.find_or_add(seen.spec) : vms.find(seen.spec.vm);
    if (own == nullptr) {
        if (has_qemu) {
            Trace line = about(TraceCode::LimitReached, seen.spec);
            line.a = static_cast<std::int64_t>(kRosterEntriesMax);
            core.trace(line);
        }
        return;
    }
    own->bystander = seen.bystander && !is_claimed(*own);
    // What a migration is bringing may be defined here as it was long ago; its source's claim knows better.
    const bool arriving =
        own->kind == StartKind::Arrive && seen.state != VmRunState::Running && own->listed;
    if (own->claim.spec != seen.spec && !seen.bystander && !arriving) {
        own->claim.spec = seen.spec;
        if (own->listed) roster_writer.touch();
    }
    if (!has_qemu) {
        const bool waited_for = own->kind == StartKind::Arrive && own->step == StartStep::Appear;
        own->off_seen = !own->under_way() || (waited_for && own->qemu_seen);
        return;
    }
    own->qemu_seen = true;
    own->off_seen = false;
    own->post_copy = seen.state == VmRunState::PostCopy;
    own->moving = seen.state == VmRunState::Moving || own->post_copy;
    if (planted(Mutant::ArrivingIsRunning)) own->moving = false;
    const bool outgoing =
        own->claim.state == ClaimState::Running || own->claim.state == ClaimState::Stopping;
    own->half_started = seen.state == VmRunState::Paused || (own->moving && !outgoing);
    // Whoever started it in the end: it runs, under a claim that is held.
    const bool claim_held = own->step == StartStep::Appear || own->step == StartStep::Create ||
                            own->step == StartStep::Resume;
    const bool runs = seen.state == VmRunState::Running ||
                      (seen.state == VmRunState::Moving && planted(Mutant::ArrivingIsRunning));
    if (claim_held && runs) running(*own);
}

void EngineState::on(const VmListComplete&) {
    list_complete = true;
    if (!reconciled) {
        reconcile_claims();
        return;
    }
    // A later listing: the VM process came back and may have missed an end.
    for (OwnVm& own : vms) {
        if (own.off_seen && own.kind == StartKind::Arrive && own.step == StartStep::Appear) {
            start_failed(own, StartFailure::Superseded);
        } else if (own.off_seen && own.listed && own.claim.holds() && !own.under_way() &&
                   !own.destroying) {
            crashed(own);
        }
        own.off_seen = false;
    }
}

// Once both the past and libvirt's list are known: VMs that run are kept, half-started ones are destroyed, and a claim without a
// QEMU is not restartable here before it is proved that no call of a predecessor is still under way.
void EngineState::reconcile_claims() {
    if (!past.known || !list_complete || reconciled) return;
    reconciled = true;
    hand_overs_due = true;
    for (std::size_t i = vms.size(); i-- > 0;) {
        OwnVm& own = *(vms.begin() + i);
        if (!own.bystander) continue;
        own.bystander = false;
        own.qemu_seen = is_claimed(own);
        if (!own.qemu_seen && !own.listed) vms.remove(own.claim.spec.vm);
    }
    for (OwnVm& own : vms) {
        own.off_seen = false;
        if (!own.listed || !own.claim.holds() || own.under_way()) continue;
        if (own.claim.state == ClaimState::Arriving && (!own.qemu_seen || own.half_started)) {
            keep_arriving(own);
            continue;
        }
        // One that a predecessor was stopping for somebody else may be half-way through its shutdown.
        if (own.qemu_seen && own.claim.state != ClaimState::Stopping &&
            (!own.half_started || planted(Mutant::HalfStartedIsRunning))) {
            own.claim.state = ClaimState::Running;
            Trace line = about(TraceCode::VmAdopted, own.claim.spec);
            line.number = own.claim.number.value();
            core.trace(line);
            continue;
        }
        own.destroying = true;
        core.emit(DestroyVm{own.claim.spec.vm});
    }
    roster_writer.touch();
}

void EngineState::crashed(OwnVm& own) {
    core.trace(about(TraceCode::VmLost, own.claim.spec));
    own.qemu_seen = false;
    own.crash_pending = phase != HostPhase::Member || stopping;
    if (own.crash_pending) return;
    if (host_goes_down || core.in_maintenance) return left_behind(own);
    // An isolated host that would stop it does not start it: once it is proved gone, somebody else does.
    const bool given_up = own.claim.state == ClaimState::Stopping ||
                          (responding && response_of(own.claim.spec) != IsolationResponse::Leave);
    if (given_up) {
        own.destroying = true;
        core.emit(DestroyVm{own.claim.spec.vm});
        return;
    }
    if (!own.claim.target.is_none() && !planted(Mutant::HandedOverIsRevived))
        return left_for_target(own);
    if (own.crashed_at == kNotYet || core.now - own.crashed_at > 150 * core.config.timing.lease)
        own.crashes_count = 0;
    own.crashed_at = core.now;
    if (++own.crashes_count > kRevivesMax) {
        start_failed(own, StartFailure::Libvirt);
        return;
    }
    begin_start(own, StartKind::Revive);
}

// The host goes down and its VM with it, or takes no VMs: it should run, on another host.
void EngineState::left_behind(OwnVm& own) {
    own.qemu_seen = false;
    own.step = StartStep::Idle;
    own.kind = StartKind::None;
    own.claim.state = ClaimState::WantsStart;
    own.listed = true;
    plan_due = true;
    roster_writer.touch();
}

void EngineState::stopped_on_purpose(OwnVm& own) {
    core.trace(about(TraceCode::VmStoppedOnPurpose, own.claim.spec));
    own.qemu_seen = false;
    own.step = StartStep::Idle;
    own.kind = StartKind::None;
    // The greatest number of a VM decides whether it should run, so a stop takes one of its own.
    own.claim.number = std::max(own.claim.number, greatest_number(own.claim.spec.vm)).next();
    own.claim.state = ClaimState::Stopped;
    own.listed = true;
    roster_writer.touch();
}

// The hook asks faster than the end of the run before is reported.  Such an end strikes no claim: the start that was allowed since
// shows up under it, or is given back after the proof.
bool EngineState::is_end_of_run_before(OwnVm& own, StopCause cause) {
    const bool allowed = own.allowed_again_at != kNotYet &&
                         core.now - own.allowed_again_at < kAppearWithin &&
                         !planted(Mutant::LateStopStrikes);
    own.allowed_again_at = kNotYet;
    const bool awaited = own.step == StartStep::Appear || own.step == StartStep::Idle;
    if (!allowed || !awaited || !own.claim.holds() || cause == StopCause::Migrated || departing())
        return false;
    if (own.step == StartStep::Idle) {
        own.before = own.claim;
        own.before.state =
            cause == StopCause::ByUser ? ClaimState::Stopped : ClaimState::WantsStart;
        own.listed_before = true;
        own.kind = StartKind::Person;
    }
    own.step = StartStep::Appear;
    own.step_since = core.now;
    own.qemu_seen = false;
    return true;
}

void EngineState::on(const VmStopped& stopped) {
    OwnVm* own = vms.find(stopped.vm);
    if (own == nullptr || own->destroying || is_end_of_run_before(*own, stopped.cause)) return;
    const bool starting = own->step == StartStep::Create || own->step == StartStep::Resume;
    if (starting) {
        if (own->step == StartStep::Resume) start_failed(*own, StartFailure::Libvirt);
        return;  // while it is being created, only the answer to StartVm counts
    }
    if (own->kind == StartKind::Arrive && own->step == StartStep::Appear)
        return arrival_failed(*own);
    const bool claimed = own->listed && own->claim.holds();
    // Whoever ends what is paused for its hand-over does not say that it shall not run.
    const bool handed = claimed && !own->under_way() && !own->claim.target.is_none() &&
                        (stopped.cause == StopCause::Migrated || own->moving);
    if (handed) return left_for_target(*own);
    if (stopped.cause == StopCause::Migrated) {
        if (own->under_way()) withdraw(*own, StartFailure::Superseded, HostId{});
        vms.remove(stopped.vm);
        roster_writer.touch();
        return;
    }
    if (host_goes_down && claimed && !own->under_way()) {
        left_behind(*own);
    } else if (stopped.cause == StopCause::ByUser || (own->step == StartStep::Appear)) {
        stopped_on_purpose(*own);
    } else if (claimed && !own->under_way()) {
        crashed(*own);
    } else {
        own->qemu_seen = false;
    }
}

void EngineState::on(const VmStarted& started) {
    OwnVm* own = vms.find(started.vm);
    if (own == nullptr || own->step != StartStep::Create || own->claim.number != started.claim)
        return;
    if (started.failure != StartFailure::None) {
        start_failed(*own, started.failure);
        return;
    }
    own->qemu_seen = true;
    core.trace(about(TraceCode::VmCreated, own->claim.spec));
    own->step = StartStep::Resume;
    own->step_since = core.now;
    core.emit(ResumeVm{own->claim.spec.vm, own->claim.number, start_until()});
}

void EngineState::on(const VmResumed& resumed) {
    OwnVm* own = vms.find(resumed.vm);
    if (own == nullptr || own->step != StartStep::Resume || own->claim.number != resumed.claim)
        return;
    if (resumed.failure != StartFailure::None) {
        start_failed(*own, resumed.failure);
        return;
    }
    running(*own);
}

void EngineState::on(const VmGone& gone) {
    OwnVm* own = vms.find(gone.vm);
    if (own == nullptr) return;
    const bool asked = own->destroying;
    const bool ran = own->qemu_seen && !own->half_started;
    own->destroying = false;
    own->shutting_down = false;
    own->qemu_seen = false;
    own->half_started = false;
    own->moving = false;
    if (!asked) return;
    core.trace(about(TraceCode::VmProvedGone, own->claim.spec));
    const bool never_ran = own->step == StartStep::Destroy && own->kind == StartKind::Person;
    HostId other;
    const bool arriving = own->listed && own->claim.state == ClaimState::Arriving;
    // What ran here in the end was lost here: all that its source has is older than the disks (seed 214).
    if (arriving && !ran) {
        arrival_failed(*own);
    } else if (never_ran) {
        // The person's start never appeared.
        own->step = StartStep::Idle;
        own->kind = StartKind::None;
        give_claim_back(*own);
    } else if (own->listed && handed_to(*own, other) != nullptr) {
        return left_for_target(*own);
    } else if (own->step == StartStep::Destroy) {
        own->claim.state = ClaimState::Failed;
        own->claim.failure = own->failure;
        own->step = StartStep::Idle;
        own->kind = StartKind::None;
    } else if (!own->listed || own->claim.holds()) {
        if (own->claim.number.is_none()) own->claim.number = greatest_number(gone.vm).next();
        own->claim.state = ClaimState::WantsStart;
        own->listed = !planted(Mutant::WantsStartForgotten);
    }
    plan_due = true;
    roster_writer.touch();
}

void EngineState::on(const StartAsked& asked) {
    const auto refuse = [this, &asked](StartVerdict verdict) {
        core.emit(AnswerStart{asked.token, asked.spec.vm, verdict, HostId{}});
    };
    if (departing() && !planted(Mutant::BeginsWhileLeaving)) return refuse(StartVerdict::Stopping);
    if (phase != HostPhase::Member || !lease.held(core.now)) return refuse(StartVerdict::NoLease);
    OwnVm* own = vms.find_or_add(asked.spec);
    const bool being_stopped =
        own != nullptr && own->listed && own->claim.state == ClaimState::Stopping;
    if (own == nullptr || own->destroying || being_stopped) return refuse(StartVerdict::Busy);
    if (responding && response_of(asked.spec) != IsolationResponse::Leave)
        return refuse(StartVerdict::Isolated);
    if (asked.incoming || asked.arrival != 0 || own->kind == StartKind::Arrive)
        return ask_arrival(*own, asked);
    // It is not asked about a VM that runs here: so it left, and runs there or is about to.
    const bool handed = own->listed && own->claim.state == ClaimState::Running &&
                        !own->claim.target.is_none() && !planted(Mutant::StartWhileHandedOver);
    if (handed)
        return core.emit(AnswerStart{
            asked.token, asked.spec.vm, StartVerdict::RunsElsewhere, own->claim.target});
    // The start that libvirt is about to make is one that this agent claimed and ordered itself.
    const bool ours = own->step == StartStep::Create || own->step == StartStep::Resume ||
                      own->step == StartStep::Appear;
    const bool runs = own->listed && own->claim.state == ClaimState::Running && !own->under_way();
    if (runs || own->step == StartStep::Appear) own->allowed_again_at = core.now;
    if (ours || runs) return refuse(StartVerdict::Allowed);
    if (own->under_way()) return refuse(StartVerdict::Busy);
    if (core.in_maintenance && !planted(Mutant::MaintenanceTakesVms))
        return refuse(StartVerdict::Maintenance);
    if (planted(Mutant::PersonStartsUnclaimed)) return refuse(StartVerdict::Allowed);
    own->token = asked.token;
    if (!own->listed) own->claim.spec = asked.spec;
    begin_start(*own, StartKind::Person);
}

void EngineState::on(const CapacityReport& report) {
    if (capacity == report.capacity) return;
    capacity = report.capacity;
    plan_due = true;
    roster_writer.touch();
}

void EngineState::on(const ShutdownAsked& asked) {
    if (host_goes_down && !asked.host_goes_down) return;  // that is not taken back (seed 6908)
    Trace line;
    line.code = TraceCode::ShutdownBegun;
    line.a = asked.host_goes_down ? 1 : 0;
    core.trace(line);
    host_goes_down = asked.host_goes_down;
    if (leadership.resign(core)) touch_slot();
    if (host_goes_down) roster_writer.touch();
    stopping = !asked.host_goes_down;
    stopping_since = core.now;
    leaving_sequence = next_sequence();
    touch_slot();
    doorbell = true;
}

}  // namespace holdfast
