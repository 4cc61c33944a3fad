// TimingStage: how this host goes from one timing to another without anybody being judged by the wrong one (design section 5).
//
// Whoever judges this host goes by the lease that it *published*.  So a longer lease is published first and used later, once a
// majority of the voting datastores holds what was published; a shorter one is used first and published later, once everything
// that was allowed under the longer one has ended.  The rest of a timing may change in any host's own time: a change of the
// cluster's timing goes by way of between(), under which hosts of either timing understand each other.
#pragma once

#include "engine/machine/core.h"

namespace holdfast {

// Halfway: beats as often, leases and patience as long as the more demanding of the two.  Safe when both are.
[[nodiscard]] constexpr Timing between(const Timing& from, const Timing& to) {
    Timing both;
    both.interval = std::min(from.interval, to.interval);
    both.fresh = std::max(from.fresh, to.fresh);
    both.silent = std::max(from.silent, to.silent);
    both.isolation_after = std::max(from.isolation_after, to.isolation_after);
    both.lease = std::max(from.lease, to.lease);
    both.watchdog = std::max(from.watchdog, to.watchdog);
    both.granularity = std::max(from.granularity, to.granularity);
    both.landing = std::max(from.landing, to.landing);
    both.dead = std::max(
        {from.dead, to.dead, dead_min(both.lease, both.watchdog, both.granularity, both.landing)});
    return both;
}

// What an agent begins with: the timing of the record that a predecessor of this boot kept, else that of its file; of the lease the
// smaller of what the predecessor lived by and what is configured.
[[nodiscard]] Timing timing_at_start(const EngineConfig& file);

class TimingStage {
  public:
    // `used` is timing_at_start().
    TimingStage(const EngineConfig& file, const Timing& used);

    // What this host's slot and beats say of its lease.
    [[nodiscard]] Duration published_lease() const { return published_; }

    // The shortest watchdog that it may publish: what its keeper began with, from the file.
    [[nodiscard]] Duration watchdog_floor() const { return file_.watchdog; }

    // Whether the record's timing differs from the file's in a way that this was not asked about before.
    [[nodiscard]] bool differs_anew(const Timing& held) {
        if (held == file_ || held == said_) return false;
        said_ = held;
        return true;
    }

    // The longest lease that this host may still live by, for the next agent of this boot.
    [[nodiscard]] Duration living() const { return living_; }

    [[nodiscard]] bool at_rest(const Timing& used, const Timing& wanted) const {
        return used == wanted && published_ == wanted.lease && living_ == wanted.lease;
    }

    // The other parts of `wanted`, while the lease is `used`'s: beats do not become rare before leases are long.
    [[nodiscard]] static Timing with_lease_of(const Timing& used, const Timing& wanted);

    // A longer lease goes into the next slot, which is `sequence`.  True when it was not published before.
    bool publish_longer(Duration lease, Sequence sequence);

    // Whether a majority holds what publish_longer() published, when it holds `written`.
    [[nodiscard]] bool is_public(Sequence written) const {
        return !published_by_.is_none() && written >= published_by_;
    }

    void use_longer(Duration lease) { living_ = std::max(living_, lease); }

    // From now on a shorter lease is used; what was allowed under the longer one ends at `until`.
    void use_shorter(Instant until) { longer_until_ = std::max(longer_until_, until); }

    [[nodiscard]] Instant longer_until() const { return longer_until_; }

    // Publishes no more than `lease` from now on.  True when more was published before.
    bool publish_shorter(Duration lease);

  private:
    Timing file_;
    Timing said_;  // the last that differed
    Duration published_;
    Sequence published_by_;  // the first slot that published it
    Duration living_;
    Instant longer_until_ = kNotYet;
};

}  // namespace holdfast
