// A leader whose own storage is gone while others still have theirs gives its office up (design section 6, "Resigning").
//
// It could sit the office out: nobody is entitled to open the next epoch before its leader lease is over.  But that lease is three
// quarters of the host lease, and in the last quarter somebody must be elected whose answers carry the hosts that live on nothing
// else, this one among them.  It cannot say so in its slot, so it says so in its beats.
//
// When storage is gone for everybody nobody could be elected, and nobody resigns: the office ends by the clock.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

// Whether `peer` could lead, and has completed a round that began after this host's last one was complete.
bool still_has_storage(const EngineState& state, const Peer& peer) {
    const Core& core = state.core;
    const Beat& beat = peer.beat;
    const bool speaks = peer.beat_seen && beat.incarnation == peer.incarnation &&
                        core.now - peer.beat_at < core.config.timing.fresh;
    const bool could_lead = speaks && state.membership.held().counts(peer.id) &&
                            beat.config >= state.membership.number() && !beat.flags.barred &&
                            !beat.flags.isolated && !beat.flags.clean_shutdown;
    if (!could_lead || beat.answered_incarnation != core.incarnation) return false;
    if (planted(Mutant::ResignsInABlackout)) return true;
    const Instant after = state.lease.issued_at(beat.round_after);
    return !beat.round_after.is_none() && after != kNotYet && after >= state.rounds.completed_at();
}

}  // namespace

// The slot of this moment begins a round.
void EngineState::begin_round() {
    const HostKey leader = leadership.winner();
    const Peer* peer = peers.find(leader.host);
    const bool heard =
        peer != nullptr && peer->beat_seen && peer->beat.incarnation == leader.incarnation;
    rounds.begin(sequence, leader, heard ? peer->beat.number : BeatNumber{});
}

// No round of this host has been complete for half a leader lease.
bool EngineState::storage_is_gone() const {
    const Instant since = rounds.completed_at();
    return since != kNotYet && core.now - since >= leader_lease(core.config.timing) / 2;
}

void EngineState::settle_lost_storage() {
    if (leadership.role() != Leadership::Role::Leading) return;
    if (!storage_is_gone()) {
        if (rounds.completed_at() != kNotYet)
            core.wake_at(rounds.completed_at() + leader_lease(core.config.timing) / 2);
        return;
    }
    if (planted(Mutant::LostStorageIsSatOut)) return;
    for (const Peer& peer : peers.all()) {
        if (!still_has_storage(*this, peer)) continue;
        Trace line;
        line.code = TraceCode::StorageLeft;
        line.epoch = leadership.decided_epoch();
        line.who = {peer.id, peer.incarnation};
        line.span = core.now - rounds.completed_at();
        core.trace(line);
        rounds.leave(core.now);
        if (leadership.resign(core)) touch_slot();
        doorbell = true;
        return;
    }
}

}  // namespace holdfast
