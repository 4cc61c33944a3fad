// Leadership: one leader at a time, decided by Disk Paxos, one instance per epoch (design section 6).
//
//   Follower --stand--> Preparing --majority--> Accepting --majority--> decided: Leading, or somebody else's Follower
//
// Source: E. Gafni, L. Lamport, "Disk Paxos", Distributed Computing 16(1), 2003, section 3; the ballot blocks lie in the slots, so
// that one contiguous read shows them all.  A phase ends when a majority of the voting datastores took this host's block and
// a clean scan issued after that showed no greater ballot and no greater epoch.
//
// Inside an epoch safety needs no clock.  Between epochs it needs the leader lease: an epoch may be opened only when the winner
// of the one before has shown nothing newer, in majority reads issued after (its last newer sight + leader lease with drift and
// granularity), or has resigned, or its host shows a newer incarnation.  A leader lease that has ended is over for that epoch.
#pragma once

#include "engine/machine/core.h"
#include "engine/machine/peer_table.h"
#include "engine/machine/slot_io.h"

namespace holdfast {

class Leadership {
  public:
    enum class Role : std::uint8_t { Follower, Preparing, Accepting, Leading };

    // What this host says of leadership in its slot.
    [[nodiscard]] const Ballot& ballot() const { return ballot_; }

    [[nodiscard]] Epoch decided_epoch() const { return decided_epoch_; }

    [[nodiscard]] HostKey winner() const { return winner_; }

    [[nodiscard]] Epoch resigned_epoch() const { return resigned_epoch_; }

    [[nodiscard]] Role role() const { return role_; }

    [[nodiscard]] bool leading(Instant now) const {
        return role_ == Role::Leading && now < leads_until_;
    }

    [[nodiscard]] Instant leads_until() const { return leads_until_; }

    // The last moment at which a previous leader could have answered anybody, as this leader bounds it; meaningful while
    // leading.
    [[nodiscard]] Instant answers_ended_at() const { return answers_ended_at_; }

    // Whose answers that bound is about: its own host is not concerned by it.
    [[nodiscard]] HostKey previous_winner() const { return previous_winner_; }

    // Whether this host leads, or follows and saw no reason to stand when it last looked.
    [[nodiscard]] bool at_rest() const {
        return looked_ &&
               (role_ == Role::Leading || (role_ == Role::Follower && free_since_ == kNotYet));
    }

    // The newest request at the moment of taking office: what was read before does not count for a new leader.
    [[nodiscard]] RequestId office_since() const { return office_since_; }

    // The past of this host, as read from its own slots: registers are monotone across incarnations.
    void recall(const Ballot& ballot, Epoch decided_epoch, HostKey winner, Epoch resigned_epoch);

    // A decided epoch was seen in somebody's slot or beat.
    void learn_decided(Core& core, Epoch epoch, HostKey winner);

    // A slot's ballot block was seen.
    void learn_ballot(const Ballot& ballot);

    // Whether an epoch above `epoch` was opened or decided anywhere, as far as this host has read.
    [[nodiscard]] bool moved_beyond(Epoch epoch) const {
        return epoch_opened_max_ > epoch || decided_epoch_ > epoch;
    }

    // Ends the office when its lease is over.  To be called before anything else of a step.
    void check_office(Core& core);

    // A majority of the datastores is lost: what may have been decided there is passed over, and whoever won it has its time, by
    // the longest `lease` that anybody goes by.
    void pass_over(Core& core, Duration lease);

    // Moves on: renews, stands, finishes phases.  `may_stand`: this host is a member, not in maintenance, and so on.
    // True when what the slot says has changed.
    bool advance(
        Core& core, const PeerTable& peers, SlotIo& slots, Sequence next_sequence, bool may_stand);

    // Gives the office up, as this host's lease is over or it is told to.  True when the slot changes.
    bool resign(Core& core);

    // This host starts over as a new incarnation.
    void start_over();

  private:
    [[nodiscard]] bool may_open_next(Core& core, const PeerTable& peers, SlotIo& slots);
    [[nodiscard]] bool winner_is_over(Core& core, const PeerTable& peers, SlotIo& slots);
    [[nodiscard]] Duration rank_delay(const Core& core,
                                      const PeerTable& peers,
                                      const SlotIo& slots) const;
    void stand(Core& core, Epoch epoch, SlotIo& slots, Sequence next_sequence);
    bool finish_preparing(Core& core,
                          const PeerTable& peers,
                          SlotIo& slots,
                          Sequence next_sequence);
    bool finish_accepting(Core& core, const SlotIo& slots);
    [[nodiscard]] bool beaten(const PeerTable& peers) const;
    bool give_way(Core& core);
    void renew(Core& core, const SlotIo& slots);
    void end_office(Core& core);
    void decide(Core& core, Epoch epoch, HostKey winner);

    Role role_ = Role::Follower;
    Ballot ballot_;
    Epoch decided_epoch_;
    HostKey winner_;
    Epoch resigned_epoch_;
    Epoch epoch_opened_max_;      // the greatest epoch of any ballot block seen
    BallotNumber mbal_seen_max_;  // the greatest ballot seen in that epoch
    Instant decided_learned_at_ = kNotYet;
    Instant free_since_ = kNotYet;  // since when nobody holds the epoch before
    Instant not_before_ = kNotYet;  // nothing is opened before
    Duration head_start_{};  // what this host leaves to others from then on, besides its rank
    Sequence milestone_;     // the phase is over once this own sequence is validated
    Instant phase_issued_ =
        kNotYet;  // when phase 2 was issued: the first leader lease counts from it
    Instant leads_until_ = kNotYet;
    Instant answers_ended_at_ = kNotYet;
    Instant opened_bound_ = kNotYet;  // the bound that was computed when standing
    HostKey previous_winner_;
    RequestId office_since_;
    unsigned tries_ = 0;
    bool looked_ = false;  // the last advance() went all the way for the role that it left
};

// A ballot number that no other (host, incarnation) can choose, greater than `above`.
[[nodiscard]] BallotNumber ballot_above(BallotNumber above, HostKey self);

}  // namespace holdfast
