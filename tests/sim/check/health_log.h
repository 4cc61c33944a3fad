// HealthLog: when one way of keeping a host's lease was open, as stretches of true time.
//
// Promise L2 is judged with it: a lease that ran out although the way had been open for long enough within the lease's
// time ran out for nothing.
#pragma once

#include <algorithm>
#include <deque>

#include "tests/sim/world/time.h"

namespace holdfast::sim {

class HealthLog {
  public:
    // The way has been open since `since`; kWorldNever: it is closed now.
    void note(WorldTime now, WorldTime since) {
        if (since == open_since_) return;
        if (open_since_ != kWorldNever) {
            closed_.push_back({open_since_, now});
            if (closed_.size() > kStretchesMax) closed_.pop_front();
        }
        open_since_ = since;
    }

    // The longest stretch within from..to during which the way was open.
    [[nodiscard]] Duration longest(WorldTime from, WorldTime to) const {
        Duration best{};
        for (const Stretch& stretch : closed_) best = std::max(best, overlap(stretch, from, to));
        if (open_since_ != kWorldNever)
            best = std::max(best, overlap({open_since_, kWorldNever}, from, to));
        return best;
    }

  private:
    struct Stretch {
        WorldTime from;
        WorldTime to;
    };

    static constexpr std::size_t kStretchesMax = 32;

    static Duration overlap(const Stretch& stretch, WorldTime from, WorldTime to) {
        const WorldTime begin = std::max(stretch.from, from);
        const WorldTime end = std::min(stretch.to, to);
        return end > begin ? end - begin : Duration::zero();
    }

    std::deque<Stretch> closed_;
    WorldTime open_since_ = kWorldNever;
};

}  // namespace holdfast::sim
