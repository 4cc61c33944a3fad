// Timing: every timeout of the system, and the one inequality that keeps VMs from running twice.
//
// A host may run protected VMs until its lease ends.  The lease runs from the moment at which the
// engine *issued* the write or beat that renewed it.  Its keeper feeds the watchdog up to that end,
// so the hardware resets it at most twice the watchdog's time later: a feeder that was frozen at the
// last instant may feed once more, and the kernel feeds when a dying feeder's descriptor closes.
// An observer counts `dead` from its last *evidence* of the host.  Evidence cannot be older than its
// cause, so with clocks that differ by at most rho
//
//     dead >= (lease + 2 watchdog + granularity) (1 + rho) / (1 - rho) + landing
//
// is enough.  Worked example, profile fast (seconds):
//
//     0.0   host 2 issues write 41; the leader reads it at once
//     0.1   host 2 loses storage and network; write 42 hangs
//     2.0   lease over: the keeper stops feeding, the agent destroys the VMs
//     4.0   latest reset: one frozen feed at 2.0 + 1.0, expiry 1.0 later
//     4.6   drift (1 %) and the scheduler's granularity are used up
//     5.1   writes that were still inside the array have landed
//     5.5   dead: a read issued from now on may call host 2 dead
#pragma once

#include "engine/base/types.h"

namespace holdfast {

struct Timing {
    Duration interval{};         // between two beats, on network and storage
    Duration fresh{};            // a beat younger than this is fresh
    Duration silent{};           // older than this: silent
    Duration isolation_after{};  // no host and no isolation address heard for so long
    Duration lease{};            // the host lease
    Duration watchdog{};         // the watchdog's timeout, as read back from the device
    Duration granularity{};      // how late a timer may be noticed
    Duration landing{};          // how long a dead host's writes may still arrive
    Duration dead{};             // silence after which a verdict read may call a host dead

    friend bool operator==(const Timing&, const Timing&) = default;
};

inline constexpr std::int64_t kDriftPerMille = 10;  // rho: clocks may differ by 1 %

// `span` as it may appear on the slowest clock, measured by the fastest.
[[nodiscard]] constexpr Duration with_drift(Duration span) {
    return Duration{span.count() / (1000 - kDriftPerMille) * (1000 + kDriftPerMille) +
                    span.count() % (1000 - kDriftPerMille) * (1000 + kDriftPerMille) /
                        (1000 - kDriftPerMille) +
                    1};
}

// The shortest safe `dead` for a host that published `lease` and `watchdog`; the other two are the observer's.
[[nodiscard]] constexpr Duration dead_min(Duration lease,
                                          Duration watchdog,
                                          Duration granularity,
                                          Duration landing) {
    return with_drift(lease + 2 * watchdog + granularity) + landing;
}

// How long a host that published `lease` and `watchdog` must have been silent; the observer's own `dead` is a floor.
[[nodiscard]] constexpr Duration dead_after(const Timing& observers,
                                            Duration lease,
                                            Duration watchdog) {
    const Duration shortest = dead_min(lease, watchdog, observers.granularity, observers.landing);
    return shortest > observers.dead ? shortest : observers.dead;
}

// The leader lease: three quarters of the host lease, so that office ends before anybody's VMs do.
[[nodiscard]] constexpr Duration leader_lease(const Timing& timing) {
    return timing.lease * 3 / 4;
}

// How long the winner of an epoch must have been silent before somebody else may open the next one.
[[nodiscard]] constexpr Duration takeover_after(const Timing& timing, Duration winners_lease) {
    return with_drift(winners_lease * 3 / 4) + timing.granularity;
}

// Whether this timing keeps the promises.  The same function checks the shipped profiles at compile time, the
// operator's configuration, what peers publish, and what `holdfast tune` proposes.
[[nodiscard]] constexpr bool is_safe(const Timing& timing) {
    const bool ordered =
        timing.interval > Duration::zero() && timing.fresh >= 2 * timing.interval &&
        timing.silent >= timing.fresh && timing.lease >= 4 * timing.interval &&
        leader_lease(timing) >= 2 * timing.interval && timing.isolation_after >= timing.silent;
    return ordered && timing.watchdog > Duration::zero() && timing.granularity > Duration::zero() &&
           timing.landing > Duration::zero() &&
           timing.dead >=
               dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing);
}

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr Timing kTimingFast{
    milliseconds{250},
    milliseconds{750},
    seconds{1},
    seconds{2},
    seconds{2},
    seconds{1},
    milliseconds{500},
    milliseconds{500},
    milliseconds{5500},
};
inline constexpr Timing kTimingStandard{
    milliseconds{500},
    milliseconds{1500},
    seconds{2},
    seconds{4},
    seconds{4},
    seconds{3},
    milliseconds{500},
    seconds{1},
    seconds{12},
};
inline constexpr Timing kTimingPatient{
    seconds{2},
    seconds{6},
    seconds{8},
    seconds{15},
    seconds{20},
    seconds{10},
    seconds{1},
    seconds{2},
    seconds{44},
};

static_assert(is_safe(kTimingFast), "profile fast must satisfy the inequality above");
static_assert(is_safe(kTimingStandard), "profile standard must satisfy the inequality above");
static_assert(is_safe(kTimingPatient), "profile patient must satisfy the inequality above");

}  // namespace holdfast
