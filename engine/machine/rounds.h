// Rounds: a *round* is a slot write and the scan issued with it, each done on a majority; and what others may know of it.
//
// A leader whose own storage is gone wants to know whether somebody else's is not: whether a member has completed a round that began
// after the leader's last one (design section 6, "Resigning").  No two clocks are compared for that.  A host remembers for each
// of its rounds which beat of the leader it had received when the round began, and its beats name that beat of its newest complete
// round; the leader knows when it issued it.
#pragma once

#include <array>
#include <cstddef>

#include "engine/base/types.h"

namespace holdfast {

class Rounds {
  public:
    // A round begins with the slot `sequence`; the newest beat of `leader` received before is `heard`, or none.
    void begin(Sequence sequence, HostKey leader, BeatNumber heard) {
        begun_[sequence.value() % kRoundsKept] = {sequence, leader, heard};
    }

    // The newest beat of `leader` that had been received before the newest complete round began; none: it is not known.
    [[nodiscard]] BeatNumber heard_before_last(HostKey leader) const {
        const Begun& round = begun_[last_.value() % kRoundsKept];
        return round.sequence == last_ && round.leader == leader ? round.heard : BeatNumber{};
    }

    // The newest round complete is that of the slot `sequence`.
    void note_complete(Sequence sequence, Instant now) {
        if (sequence <= last_) return;
        last_ = sequence;
        completed_at_ = now;
    }

    // When a round was last complete; kNotYet: none was.
    [[nodiscard]] Instant completed_at() const { return completed_at_; }

    // This host left its office to others, as no round of it ended.
    void leave(Instant now) { left_at_ = now; }

    // Whether it has completed none since: it is not the one to stand.
    [[nodiscard]] bool none_since_left() const {
        return left_at_ != kNotYet && completed_at_ <= left_at_;
    }

  private:
    struct Begun {
        Sequence sequence;
        HostKey leader;
        BeatNumber heard;
    };

    static constexpr std::size_t kRoundsKept = 64;  // older ones say nothing that is of use

    Sequence last_;
    Instant completed_at_ = kNotYet;
    Instant left_at_ = kNotYet;
    std::array<Begun, kRoundsKept> begun_{};
};

}  // namespace holdfast
