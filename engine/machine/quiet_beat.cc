// The short way through a step, for the event that comes most often: a beat that says nothing new while nothing is due.
//
// In a healthy cluster nearly every event is a beat of some other host that repeats what its last one said, and what it
// changes is when that host was last heard and which of our beats it answered.  Going through every rule for it costs
// time in proportion to the hosts and finds nothing to do; so these steps renew the lease, move the keeper's deadline
// and leave the rest to the next full step, which comes no later than the next beat of our own.
//
// What must hold: a full step in its place would do exactly the same.  tests/sim runs whole clusters both ways and
// compares all that their engines say.  A new rule in settle() that may act on a beat that repeats itself, or by the
// clock without wake_at(), must be named in at_rest().
#include "engine/machine/engine_state.h"

namespace holdfast {

// Whether, after a full step, nothing waits but for events, or for the time of our own next beat.
bool EngineState::at_rest() const {
    // Only a leader plans; for anybody else the flag waits for an office.
    const bool leads = leadership.role() == Leadership::Role::Leading;
    const bool rest = core.config.quiet_beats && phase == HostPhase::Member && !departing() &&
                      isolation.finding() == Finding::Connected && membership.at_rest() &&
                      !(plan_due && leads) && core.wakeup == next_beat_at && leadership.at_rest() &&
                      roster_writer.at_rest(core) && orders_writer.at_rest(core) &&
                      config_writer.at_rest(core) && rosters.at_rest() && admission.at_rest() &&
                      !hand_overs_due &&
                      timing_stage.at_rest(core.config.timing, membership.held().timing);
    if (!rest) return false;
    // What a leader does about a host that has fallen silent goes by the clock, and so does what a follower makes of its leader.
    const auto is_heard = [this](const Peer& peer) {
        return peer.beat_seen && core.now - peer.beat_at < core.config.timing.fresh;
    };
    if (leads) {
        if (storage_is_gone()) return false;
        for (const Peer& peer : peers.all()) {
            if (!is_heard(peer)) return false;
        }
    } else if (const Peer* leader = peers.find(leadership.winner().host)) {
        if (!is_heard(*leader)) return false;
    }
    // A start that has just begun goes on in the next step, whatever that is about.
    return std::none_of(vms.begin(), vms.end(), [](const OwnVm& own) {
        return own.under_way() && own.step < StartStep::Create;
    });
}

// Whether `beat` differs from the last one of its sender in its numbers only, and its sender has never been silent.
bool EngineState::repeats_itself(const Beat& beat) const {
    const Peer* peer = peers.find(beat.from);
    if (peer == nullptr || !peer->beat_seen || beat.incarnation != peer->incarnation) return false;
    if (core.now - peer->beat_at >= core.config.timing.fresh) return false;
    if (peer->is_dead(peer->incarnation)) return false;
    Beat last = peer->beat;
    last.number = beat.number;
    last.answered_number = beat.answered_number;
    last.round_after = beat.round_after;
    return last == beat;
}

void EngineState::settle_quietly() {
    lease.update(core, slots, lease_terms());
    isolation.looked(core);
    note_blackout();
    membership.keep(core);
    settle_keeper();
    note_usable();
    core.wake_at(next_beat_at);
    if (lease.held(core.now)) core.wake_at(lease.ends());
}

}  // namespace holdfast
