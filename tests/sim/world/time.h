// Time in the simulated world, and what each host's clock makes of it.
//
// WorldTime is the true time that nobody in the cluster can see.  A host's clock (CLOCK_BOOTTIME there) starts anew with
// each boot and runs up to 1 % fast or slow, at a rate that may change at any moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "engine/base/types.h"

namespace holdfast::sim {

struct WorldClock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::duration<rep, period>;
    using time_point = std::chrono::time_point<WorldClock, duration>;
    static constexpr bool is_steady = true;
};

using WorldTime = WorldClock::time_point;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

inline constexpr WorldTime kWorldStart{};
inline constexpr WorldTime kWorldNever{Duration::max()};

// Parts per million by which a clock may be wrong: the 1 % of timing.h.
inline constexpr std::int64_t kDriftPpmMax = 10'000;

class HostClock {
  public:
    HostClock() = default;

    // A clock that shows `shown` at `at`, and gains `drift_ppm` microseconds a second from then on.
    HostClock(WorldTime at, Instant shown, std::int64_t drift_ppm) {
        segments_.push_back(Segment{at, shown, drift_ppm});
    }

    // REQUIRES: now is not earlier than the last change of rate
    [[nodiscard]] Instant read(WorldTime now) const { return read(segments_.back(), now); }

    // The first world time at which read() shows, or showed, `shown` or more.
    [[nodiscard]] WorldTime when(Instant shown) const {
        if (shown == kNever) return kWorldNever;
        std::size_t index = segments_.size() - 1;
        while (index > 0 && shown < segments_[index].shown) --index;
        return when(segments_[index], shown);
    }

    void set_drift(WorldTime now, std::int64_t drift_ppm) {
        segments_.push_back(Segment{now, read(now), drift_ppm});
    }

  private:
    // From `at` on, until the next segment begins.
    struct Segment {
        WorldTime at{};
        Instant shown{};
        std::int64_t drift_ppm = 0;
    };

    static constexpr std::int64_t kSpanMax = 30LL * 24 * 3600 * 1'000'000'000;

    static Instant read(const Segment& segment, WorldTime now) {
        const std::int64_t elapsed = (now - segment.at).count();
        return segment.shown + Duration{elapsed + scaled(segment, elapsed)};
    }

    static WorldTime when(const Segment& segment, Instant shown) {
        if (shown <= segment.shown) return segment.at;
        const std::int64_t span = (shown - segment.shown).count();
        if (span > kSpanMax) return kWorldNever;
        // A first guess, then exact: the smallest elapsed time that shows `span`.
        const double rate = 1.0 + static_cast<double>(segment.drift_ppm) / 1e6;
        auto elapsed = static_cast<std::int64_t>(static_cast<double>(span) / rate);
        while (elapsed + scaled(segment, elapsed) < span) ++elapsed;
        while (elapsed > 0 && elapsed - 1 + scaled(segment, elapsed - 1) >= span) --elapsed;
        return segment.at + Duration{elapsed};
    }

    // span * drift, without overflow for spans up to kSpanMax.
    static std::int64_t scaled(const Segment& segment, std::int64_t span) {
        constexpr std::int64_t kMillion = 1'000'000;
        return span / kMillion * segment.drift_ppm + span % kMillion * segment.drift_ppm / kMillion;
    }

    std::vector<Segment> segments_{Segment{}};
};

using holdfast::in_seconds;

[[nodiscard]] inline double in_seconds(WorldTime at) {
    return in_seconds(at.time_since_epoch());
}

}  // namespace holdfast::sim
