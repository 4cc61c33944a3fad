// What a host does when it finds itself isolated (design section 7): a leader gives way to somebody who is not, and VMs are
// stopped if their policy says so and if somebody could start them elsewhere.
//
// Everybody who lost the network at the same moment must have had the time to say so.  Two intervals after the finding
// everybody has written it; what was seen for the first time an interval after that was written after it.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"
#include "engine/machine/trace_about.h"

namespace holdfast {

IsolationResponse EngineState::response_of(const VmSpec& spec) const {
    return spec.isolation == IsolationResponse::Cluster ? core.config.isolation_response
                                                        : spec.isolation;
}

// Whether `peer` has written, since all findings of this moment are known, that it is not isolated and could lead.
bool EngineState::is_connected_since(const Peer& peer, Instant since) const {
    const SlotFlags& flags = peer.slot.flags;
    const bool alive = peer.slot_seen && peer.slot_moved_at >= since &&
                       core.now - peer.slot_moved_at < core.config.timing.silent &&
                       peer.slot.incarnation == peer.incarnation && !peer.is_dead(peer.incarnation);
    // When a network comes back, some notice it a little earlier than others; and who hears no host needs time to find out why.
    const Timing& timing = core.config.timing;
    const Duration needed =
        2 * timing.interval + (peer.slot.heard.empty() ? timing.isolation_after : Duration{});
    // Counted from sight to sight: to a host whose storage comes back a slot of long ago is news (seed 5205).
    const bool steady =
        planted(Mutant::NewcomerIsRefuge) ||
        (peer.connected_since != kNotYet && peer.slot_moved_at - peer.connected_since >= needed);
    return alive && steady && !flags.isolated && !flags.barred && !flags.maintenance &&
           !flags.clean_shutdown &&
           core.quorum.holds(static_cast<std::uint8_t>(~peer.slot.storage_lost_mask));
}

// Whether the office must be left to others: this host is isolated, and somebody else is not.
bool EngineState::gives_way_to_connected() const {
    if (isolation.finding() != Finding::Isolated || planted(Mutant::IsolatedLeaderStays))
        return false;
    const Instant since = isolation.found_at() + 3 * core.config.timing.interval;
    for (const Peer& peer : peers.all()) {
        if (is_connected_since(peer, since)) return true;
    }
    return false;
}

// Whether somebody could start elsewhere what is stopped here: a leader other than this host.
bool EngineState::leader_could_restart() const {
    const HostKey winner = leadership.winner();
    const Peer* leader = peers.find(winner.host);
    if (leader == nullptr || leader->slot.incarnation != winner.incarnation) return false;
    const SeenSlot& slot = leader->slot;
    return slot.winner == winner && slot.decided_epoch == leadership.decided_epoch() &&
           slot.resigned_epoch < slot.decided_epoch &&
           is_connected_since(*leader, isolation.found_at() + 3 * core.config.timing.interval);
}

void EngineState::settle_isolation() {
    if (isolation.judge(core, peers, leadership)) {
        own_slot.flags.isolated = isolation.finding() == Finding::Isolated;
        own_slot.flags.partitioned = isolation.finding() == Finding::Partitioned;
        touch_slot();
        doorbell = true;
        held_back_said = false;
    }
    const bool acts =
        phase == HostPhase::Member && isolation.finding() == Finding::Isolated && !stopping;
    responding = acts && (leader_could_restart() || planted(Mutant::RespondsWithoutRefuge));
    if (acts && leadership.winner() == core.self_key() && gives_way_to_connected() &&
        leadership.resign(core)) {
        touch_slot();
        doorbell = true;
    }
    for (OwnVm& own : vms) settle_response(own);
    if (acts && !responding) say_held_back();
}

// Isolated, and nobody could start the VMs elsewhere: they are better off here.  Said once, if some would have been stopped.
void EngineState::say_held_back() {
    const Instant due = isolation.found_at() + 5 * core.config.timing.interval;
    if (core.now < due) return core.wake_at(due);
    if (held_back_said) return;
    std::int64_t count = 0;
    for (const OwnVm& own : vms) {
        const bool runs = own.listed && own.claim.state == ClaimState::Running;
        if (runs && response_of(own.claim.spec) != IsolationResponse::Leave) ++count;
    }
    if (count == 0) return;
    held_back_said = true;
    Trace line;
    line.code = TraceCode::IsolationHeldBack;
    line.a = count;
    core.trace(line);
}

// One VM: first the roster says that it is being stopped, on a majority, so that an agent that restarts goes on with it; then
// it is stopped; and once it is proved gone the claim becomes a wish, which the leader grants elsewhere at once.
void EngineState::settle_response(OwnVm& own) {
    if (!reconciled) return;  // what a predecessor began is settled first (seed 2990)
    const bool stopping_it = own.listed && own.claim.state == ClaimState::Stopping;
    const bool settled = own.listed && !own.under_way() && !own.destroying;
    const IsolationResponse response = response_of(own.claim.spec);
    if (stopping_it && !own.destroying && !responding && phase == HostPhase::Member) {
        own.claim.state = ClaimState::Running;  // nothing was asked of it yet
        roster_writer.touch();
        return;
    }
    if (!responding || !settled || response == IsolationResponse::Leave) return;
    if (own.claim.state == ClaimState::Running) {
        Trace line = about(TraceCode::VmStopping, own);
        line.who = leadership.winner();
        line.a = static_cast<std::int64_t>(response);
        line.span = core.config.shutdown_limit;
        core.trace(line);
        own.claim.state = ClaimState::Stopping;
        own.needs_version = roster_writer.next_version();
        roster_writer.touch();
        return;
    }
    const bool said = own_slot.roster_version >= own.needs_version;
    if (!stopping_it || (!said && !planted(Mutant::StoppedBeforeSaid))) return;
    own.destroying = true;
    own.shutting_down = response == IsolationResponse::Shutdown;
    if (own.shutting_down) {
        core.emit(ShutdownVm{own.claim.spec.vm, core.config.shutdown_limit});
    } else {
        core.emit(DestroyVm{own.claim.spec.vm});
    }
}

}  // namespace holdfast
