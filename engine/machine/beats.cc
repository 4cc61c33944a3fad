// Beats on the network: evidence, answers, doorbells (design section 4).
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

void EngineState::on(const BeatReceived& received) {
    const Beat& beat = received.beat;
    if (beat.to != core.config.self) {
        ++beats_ignored_count;
        return;
    }
    if (peers.find(beat.from) != nullptr) isolation.hear(core);
    if (!peers.learn_beat(core, beat)) {
        ++beats_ignored_count;
        return;
    }
    look_again(beat.from);
    leadership.learn_decided(core, beat.epoch, beat.winner);
    membership.note(beat.config, beat.from);
    const bool mine =
        beat.answered_incarnation == core.incarnation || planted(Mutant::AnswersToThePastCount);
    const bool answers = mine && core.incarnation.boot() != 0;
    if (answers) {
        Peer& peer = *peers.find(beat.from);
        peer.answered = std::max(peer.answered, beat.answered_number);
        membership.answered(peer, beat.config);
        // Under whichever record it was said: whose answers are needed is what this host's own record decides.
        if (!beat.flags.barred || planted(Mutant::BarredVouch))
            peer.vouched_issued =
                std::max(peer.vouched_issued, lease.issued_at(beat.answered_number));
    }
    const HostKey author{beat.from, beat.incarnation};
    const bool from_leader =
        beat.epoch == leadership.decided_epoch() && author == leadership.winner();
    if (!from_leader && !planted(Mutant::OldLeaderRenewsLease)) return;
    // From here on the leader of the highest epoch known speaks.
    if (beat.pill >= core.incarnation && core.incarnation.boot() != 0 &&
        phase == HostPhase::Member) {
        Trace line;
        line.code = TraceCode::PillTaken;
        line.who = author;
        core.trace(line);
        lapse();
        return;
    }
    const BeatNumber renewing =
        planted(Mutant::AnswerCountsFromReceipt) ? beat_number : beat.answered_number;
    if (beat.leading && mine) lease.leader_answered(renewing);
}

void EngineState::send_beats() {
    const bool may_beat = core.incarnation.boot() != 0 &&
                          (core.incarnation == persisted || planted(Mutant::BeatsBeforeDurable)) &&
                          phase != HostPhase::Refused;
    if (!may_beat) return;
    beat_number = beat_number.next();
    lease.beat_issued(beat_number, core.now);
    Beat beat;
    beat.from = core.config.self;
    beat.host_uuid = core.config.host_uuid;
    beat.boot_id = core.config.boot_id;
    beat.incarnation = core.incarnation;
    beat.number = beat_number;
    beat.flags = own_slot.flags;
    beat.flags.provisional = false;  // or it would not beat
    beat.flags.clean_shutdown = phase == HostPhase::Leaving;
    if (phase == HostPhase::Leaving && leaving_beat.is_none()) leaving_beat = beat_number;
    // In a beat it says: this host's answers vouch for nobody.
    beat.flags.barred = !membership.may_vouch();
    beat.lease = timing_stage.published_lease();
    beat.watchdog = published_watchdog();
    beat.watchdog_class = own_watchdog_class();
    beat.epoch = leadership.decided_epoch();
    beat.winner = leadership.winner();
    beat.leading = leadership.leading(core.now) || (planted(Mutant::AnswersWithoutOffice) &&
                                                    leadership.winner() == core.self_key());
    beat.resigned_epoch = leadership.resigned_epoch();
    beat.config = own_slot.config;
    beat.roster_version = own_slot.roster_version;
    beat.orders_version = own_slot.orders_version;
    const bool to_all = !in_star() || calls_all() || is_hub(core.config.self);
    for (Peer& peer : peers.all()) {
        if (!beats_to(peer, to_all)) continue;
        peer.told_at = core.now;
        beat.to = peer.id;
        const bool dead = peer.beat_seen && peer.is_dead(peer.beat.incarnation) &&
                          !planted(Mutant::TheDeadAreAnswered);
        beat.answered_incarnation = peer.beat_seen && !dead ? peer.beat.incarnation : Incarnation{};
        beat.answered_number = peer.beat_seen && !dead ? peer.beat.number : BeatNumber{};
        const HostKey leader = leadership.winner();
        const bool to_leader = leader == HostKey{peer.id, peer.beat.incarnation} && !dead;
        beat.round_after = to_leader ? rounds.heard_before_last(leader) : BeatNumber{};
        beat.pill = dead ? peer.certified_dead : Incarnation{};
        core.emit(SendBeat{beat});
    }
}

}  // namespace holdfast
