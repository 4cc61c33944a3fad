#include "engine/machine/leadership.h"

#include <bit>

#include "engine/base/mutant.h"

namespace holdfast {

namespace {

// More than anybody can have decided on datastores that are lost, unseen by those who are left.
constexpr std::uint64_t kEpochsPassedOver = 1'000'000;

}  // namespace

// round (24 bits) | host - 1 (10) | boot part, low bits (14) | restart part, low bits (16).  The incarnation is in it so that a write of
// a predecessor that lands late is never taken for this incarnation's own.
BallotNumber ballot_above(BallotNumber above, HostKey self) {
    const std::uint64_t round = (above.value() >> 40U) + 1;
    if (planted(Mutant::BallotWithoutIncarnation))
        return BallotNumber{round << 40U | (self.host.value() - std::uint64_t{1}) << 30U};
    return BallotNumber{round << 40U | (self.host.value() - std::uint64_t{1}) << 30U |
                        (self.incarnation.boot() & 0x3fffU) << 16U |
                        (self.incarnation.restart() & 0xffffU)};
}

void Leadership::recall(const Ballot& ballot,
                        Epoch decided_epoch,
                        HostKey winner,
                        Epoch resigned_epoch) {
    const bool newer = ballot.epoch > ballot_.epoch ||
                       (ballot.epoch == ballot_.epoch && ballot.mbal > ballot_.mbal);
    if (newer && !planted(Mutant::PromiseForgotten)) ballot_ = ballot;
    resigned_epoch_ = std::max(resigned_epoch_, resigned_epoch);
    learn_ballot(ballot);
    if (decided_epoch > decided_epoch_) {
        decided_epoch_ = decided_epoch;
        winner_ = winner;
    }
}

void Leadership::learn_ballot(const Ballot& ballot) {
    if (ballot.epoch > epoch_opened_max_) {
        epoch_opened_max_ = ballot.epoch;
        mbal_seen_max_ = ballot.mbal;
        free_since_ = kNotYet;  // somebody else was first: leave it a head start
    } else if (ballot.epoch == epoch_opened_max_) {
        mbal_seen_max_ = std::max(mbal_seen_max_, ballot.mbal);
    }
}

void Leadership::learn_decided(Core& core, Epoch epoch, HostKey winner) {
    if (epoch > decided_epoch_) decide(core, epoch, winner);
}

void Leadership::decide(Core& core, Epoch epoch, HostKey winner) {
    if (role_ == Role::Leading) end_office(core);
    role_ = Role::Follower;
    decided_epoch_ = epoch;
    winner_ = winner;
    decided_learned_at_ = core.now;
    free_since_ = kNotYet;
    tries_ = 0;
    Trace line;
    line.code = TraceCode::EpochDecided;
    line.epoch = epoch;
    line.who = winner;
    core.trace(line);
}

void Leadership::end_office(Core& core) {
    role_ = Role::Follower;
    leads_until_ = kNotYet;
    Trace line;
    line.code = TraceCode::OfficeEnded;
    line.epoch = decided_epoch_;
    core.trace(line);
}

void Leadership::check_office(Core& core) {
    if (planted(Mutant::OfficeComesBack)) return;
    if (role_ == Role::Leading && core.now >= leads_until_) {
        end_office(core);
        resigned_epoch_ = std::max(resigned_epoch_, decided_epoch_);
    }
}

bool Leadership::resign(Core& core) {
    const bool in_office = role_ == Role::Leading;
    if (in_office) end_office(core);
    role_ = Role::Follower;
    if (winner_ != core.self_key() || resigned_epoch_ >= decided_epoch_) return in_office;
    resigned_epoch_ = decided_epoch_;
    Trace line;
    line.code = TraceCode::Resigned;
    line.epoch = decided_epoch_;
    core.trace(line);
    return true;
}

void Leadership::start_over() {
    role_ = Role::Follower;
    leads_until_ = kNotYet;
    free_since_ = kNotYet;
    milestone_ = Sequence{};
}

bool Leadership::winner_is_over(Core& core, const PeerTable& peers, SlotIo& slots) {
    opened_bound_ = core.now;
    if (decided_epoch_.is_none()) return true;
    if (winner_.host == core.config.self) {
        return winner_.incarnation < core.incarnation || resigned_epoch_ >= decided_epoch_;
    }
    const Peer* peer = peers.find(winner_.host);
    if (peer == nullptr) return true;  // not a member any more
    if (peer->incarnation > winner_.incarnation) return true;
    if (peer->slot_seen && peer->slot.resigned_epoch >= decided_epoch_) return true;
    if (peer->beat_seen && peer->beat.resigned_epoch >= decided_epoch_) return true;

    // A winner that is known only from this host's own past is waited for from now on.
    if (decided_learned_at_ == kNotYet) decided_learned_at_ = core.now;
    const Instant sight = std::max(peer->slot_moved_at, decided_learned_at_);
    const Instant due = sight + takeover_after(core.config.timing,
                                               std::max(peer->lease(), core.config.timing.lease));
    opened_bound_ = due;
    if (core.now < due && !planted(Mutant::TakeoverWithoutWaiting)) {
        core.wake_at(due);
        return false;
    }
    const bool early =
        planted(Mutant::TakeoverReadTooEarly) || planted(Mutant::TakeoverWithoutWaiting);
    if (peer->read_by(core.quorum) >= (early ? sight : due)) return true;
    slots.want_scan_issued_since(core, due);
    return false;
}

// Who stands first: the host that reaches the most datastores, then hears the most hosts, then the lowest id.
Duration Leadership::rank_delay(const Core& core,
                                const PeerTable& peers,
                                const SlotIo& slots) const {
    const int own_lost = std::popcount(slots.lost_mask());
    const std::size_t own_heard = peers.heard(core).size();
    int better = 0;
    for (const Peer& peer : peers.all()) {
        if (!peer.slot_seen || core.now - peer.slot_moved_at >= core.config.timing.fresh) continue;
        if (peer.id == winner_.host && peer.incarnation == winner_.incarnation) continue;
        if (peer.slot.flags.isolated || peer.slot.flags.barred) continue;
        // Who is in maintenance leads when nobody else does.
        if (peer.slot.flags.maintenance != core.in_maintenance) {
            better += core.in_maintenance ? 1 : 0;
            continue;
        }
        const int lost = std::popcount(peer.slot.storage_lost_mask);
        const std::size_t heard = peer.slot.heard.size();
        if (lost != own_lost) {
            better += lost < own_lost ? 1 : 0;
        } else if (heard != own_heard) {
            better += heard > own_heard ? 1 : 0;
        } else {
            better += peer.id < core.config.self ? 1 : 0;
        }
    }
    return better * 2 * core.config.timing.interval;
}

void Leadership::pass_over(Core& core, Duration lease) {
    if (role_ == Role::Leading) end_office(core);
    role_ = Role::Follower;
    epoch_opened_max_ =
        Epoch{std::max(epoch_opened_max_, decided_epoch_).value() + kEpochsPassedOver};
    mbal_seen_max_ = BallotNumber{};
    free_since_ = kNotYet;
    not_before_ = core.now + takeover_after(core.config.timing, lease);
    if (planted(Mutant::LostListNotWaitedFor)) not_before_ = core.now;
}

bool Leadership::may_open_next(Core& core, const PeerTable& peers, SlotIo& slots) {
    if (not_before_ != kNotYet && core.now < not_before_) {
        core.wake_at(not_before_);
        return false;
    }
    // Somebody opened an epoch and its winner is not known: run that instance to learn it.  Its opener was entitled to open it.
    const bool join = epoch_opened_max_ > decided_epoch_;
    if (!join && !winner_is_over(core, peers, slots)) {
        free_since_ = kNotYet;
        return false;
    }
    if (join) opened_bound_ = core.now;
    if (free_since_ == kNotYet) {
        free_since_ = core.now;
        // A fresh cluster waits two beats for others to show up; whoever joins a running ballot lets its opener finish.
        head_start_ = decided_epoch_.is_none() ? 2 * core.config.timing.interval : Duration{};
        if (join) {
            const auto spread = static_cast<std::uint64_t>(core.config.timing.interval.count())
                                << std::min(tries_, 3U);
            head_start_ += core.config.timing.interval +
                           Duration{static_cast<std::int64_t>(core.prng.below(spread))};
        }
    }
    // The rank is looked at anew each time: others may have shown up, or gone.
    const Instant turn = free_since_ + head_start_ + rank_delay(core, peers, slots);
    if (core.now >= turn) return true;
    core.wake_at(turn);
    return false;
}

void Leadership::stand(Core& core, Epoch epoch, SlotIo& slots, Sequence next_sequence) {
    if (ballot_.epoch != epoch) ballot_ = Ballot{epoch, {}, {}, {}};
    const BallotNumber above =
        epoch_opened_max_ == epoch ? std::max(mbal_seen_max_, ballot_.mbal) : ballot_.mbal;
    ballot_.mbal = ballot_above(above, core.self_key());
    learn_ballot(ballot_);
    role_ = Role::Preparing;
    milestone_ = next_sequence;
    // With an epoch in between, its unknown winner may have answered anybody.
    previous_winner_ = decided_epoch_.next() == epoch ? winner_ : HostKey{};
    answers_ended_at_ = opened_bound_;
    slots.want_scan_now(core);
    Trace line;
    line.code = TraceCode::CandidateStands;
    line.epoch = epoch;
    core.trace(line);
}

bool Leadership::beaten(const PeerTable& peers) const {
    for (const Peer& peer : peers.all()) {
        if (!peer.slot_seen || planted(Mutant::GreaterBallotIgnored)) continue;
        const Ballot& other = peer.slot.ballot;
        if (other.epoch > ballot_.epoch ||
            (other.epoch == ballot_.epoch && other.mbal > ballot_.mbal))
            return true;
    }
    return decided_epoch_ >= ballot_.epoch;
}

bool Leadership::give_way(Core& core) {
    role_ = Role::Follower;
    free_since_ = kNotYet;
    ++tries_;
    Trace line;
    line.code = TraceCode::BallotLost;
    line.epoch = ballot_.epoch;
    line.a = static_cast<std::int64_t>(mbal_seen_max_.value());
    core.trace(line);
    return false;
}

bool Leadership::finish_preparing(Core& core,
                                  const PeerTable& peers,
                                  SlotIo& slots,
                                  Sequence next_sequence) {
    if (slots.validated_by_majority(core) < milestone_) return false;
    BallotNumber best = ballot_.bal;
    HostKey value = best.is_none() ? core.self_key() : ballot_.value;
    for (const Peer& peer : peers.all()) {
        const Ballot& other = peer.slot.ballot;
        if (!peer.slot_seen || other.epoch != ballot_.epoch || other.bal <= best) continue;
        if (planted(Mutant::AcceptedValueIgnored)) continue;
        best = other.bal;
        value = other.value;
    }
    ballot_.bal = ballot_.mbal;
    ballot_.value = value;
    role_ = Role::Accepting;
    milestone_ = next_sequence;
    phase_issued_ = core.now;
    slots.want_scan_now(core);
    return true;
}

bool Leadership::finish_accepting(Core& core, const SlotIo& slots) {
    if (slots.validated_by_majority(core) < milestone_) return false;
    decide(core, ballot_.epoch, ballot_.value);
    if (winner_ != core.self_key()) return true;
    const Instant counted_from =
        planted(Mutant::FirstOfficeFromCompletion) ? core.now : phase_issued_;
    const Instant until = counted_from + leader_lease(core.config.timing);
    if (core.now >= until) return resign(core) || true;
    role_ = Role::Leading;
    leads_until_ = until;
    office_since_ = core.last_request;
    // Answers of the last leader that this host saw ended before this; of one that it did not see, before now.
    if (answers_ended_at_ == kNotYet || answers_ended_at_ > core.now) answers_ended_at_ = core.now;
    Trace line;
    line.code = TraceCode::OfficeTaken;
    line.epoch = decided_epoch_;
    core.trace(line);
    return true;
}

void Leadership::renew(Core& core, const SlotIo& slots) {
    const Instant validated = planted(Mutant::NoReadBackOnRenewal)
                                  ? slots.written_issued_by_majority(core)
                                  : slots.validated_issued_by_majority(core);
    if (validated == kNotYet) return;
    if (planted(Mutant::OfficeWithoutEnd)) leads_until_ = kNever;
    leads_until_ = std::max(leads_until_, validated + leader_lease(core.config.timing));
}

bool Leadership::advance(
    Core& core, const PeerTable& peers, SlotIo& slots, Sequence next_sequence, bool may_stand) {
    looked_ = false;
    switch (role_) {
        case Role::Leading:
            if (moved_beyond(decided_epoch_)) {
                end_office(core);
                return true;
            }
            renew(core, slots);
            core.wake_at(leads_until_);
            looked_ = true;
            return false;
        case Role::Preparing:
        case Role::Accepting:
            if (!may_stand || beaten(peers)) return give_way(core);
            if (role_ == Role::Preparing)
                return finish_preparing(core, peers, slots, next_sequence);
            return finish_accepting(core, slots);
        case Role::Follower: break;
    }
    // Named winner without an unbroken lease: resign, so that nobody waits.
    if (winner_ == core.self_key() && resigned_epoch_ < decided_epoch_ &&
        !planted(Mutant::WinnerWithoutLeaseStays))
        return resign(core);
    looked_ = true;
    if (!may_stand || !may_open_next(core, peers, slots)) return false;
    stand(core, std::max(epoch_opened_max_, decided_epoch_.next()), slots, next_sequence);
    return true;
}

}  // namespace holdfast
