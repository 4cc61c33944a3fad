// Time in the simulated world, and what each host's clock makes of it.
//
// WorldTime is the true time that nobody in the cluster can see.  A host's clock (CLOCK_BOOTTIME there) starts anew with
// each boot and runs up to 1 % fast or slow, at a rate that may change at any moment.
#pragma once

#include <chrono>
#include <cstdint>

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
    HostClock(WorldTime at, Instant shown, std::int64_t drift_ppm)
        : at_(at), shown_(shown), drift_ppm_(drift_ppm) {}

    // REQUIRES: now is not earlier than the last change of rate
    [[nodiscard]] Instant read(WorldTime now) const {
        const std::int64_t elapsed = (now - at_).count();
        return shown_ + Duration{elapsed + scaled(elapsed)};
    }

    // The first world time at which read() shows `shown` or more; the past when it does already.
    [[nodiscard]] WorldTime when(Instant shown) const {
        if (shown == kNever) return kWorldNever;
        if (shown <= shown_) return at_;
        // shown_span = elapsed (1 + drift); one correction is enough because drift is small and scaled() rounds down.
        const std::int64_t span = (shown - shown_).count();
        if (span > kSpanMax) return kWorldNever;
        std::int64_t elapsed =
            span - scaled(span) + scaled(scaled(span)) - scaled(scaled(scaled(span)));
        while (elapsed + scaled(elapsed) < span) elapsed += 1 + (span - elapsed - scaled(elapsed));
        return at_ + Duration{elapsed};
    }

    void set_drift(WorldTime now, std::int64_t drift_ppm) {
        shown_ = read(now);
        at_ = now;
        drift_ppm_ = drift_ppm;
    }

    [[nodiscard]] std::int64_t drift_ppm() const { return drift_ppm_; }

  private:
    static constexpr std::int64_t kSpanMax = 30LL * 24 * 3600 * 1'000'000'000;

    // span * drift, without overflow for spans up to kSpanMax.
    [[nodiscard]] std::int64_t scaled(std::int64_t span) const {
        constexpr std::int64_t kMillion = 1'000'000;
        return span / kMillion * drift_ppm_ + span % kMillion * drift_ppm_ / kMillion;
    }

    WorldTime at_{};
    Instant shown_{};
    std::int64_t drift_ppm_ = 0;
};

// For messages: seconds with three digits.
[[nodiscard]] inline double in_seconds(Duration span) {
    return static_cast<double>(span.count()) / 1e9;
}

[[nodiscard]] inline double in_seconds(WorldTime at) {
    return in_seconds(at.time_since_epoch());
}

}  // namespace holdfast::sim
