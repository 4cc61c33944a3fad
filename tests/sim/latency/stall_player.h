// StallPlayer: a simulated cluster whose storage stalls as a measured one did, to count how often leases lapse.
//
// Three shipped engines, one voting datastore, no network between them, so that storage alone carries every lease: what
// `holdfast tune` predicts by default.  Each host's path hangs again and again, on its own: pauses between stalls and
// gaps come from a generator, or are drawn from a measurement.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <string>

#include "agent/measure/renewal_history.h"
#include "engine/machine/timing.h"

namespace holdfast::sim {

struct MeasuredStall {
    double pause_s = 0;  // since the end of the one before
    double gap_s = 0;    // that `holdfast bench` would have seen
};

using StallSource = std::function<MeasuredStall(std::mt19937_64&)>;

// Draws with replacement from the gaps of a measurement, in Poisson times of the same rate.
[[nodiscard]] StallSource stalls_like(const measure::RenewalHistory& history);

struct StallRun {
    std::uint64_t lapses = 0;  // of host leases, all hosts together
    double host_seconds = 0;
    std::optional<std::string> violation;  // a broken promise
};

// `interval_s`: that the gaps were measured with.
[[nodiscard]] StallRun play_stalls(const StallSource& source,
                                   double interval_s,
                                   const Timing& timing,
                                   double lasts_s,
                                   std::uint64_t seed);

}  // namespace holdfast::sim
