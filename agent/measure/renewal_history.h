// RenewalHistory: how far apart the renewals of one host's lease lay, from one measurement; what the tail is fitted to.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/measure/measurement.h"

namespace holdfast::measure {

struct RenewalHistory {
    double interval_s = 0;
    double begun_s = 0;  // on the wall clock, to see what several hosts saw at once
    double observed_s = 0;
    std::uint64_t count = 0;
    std::vector<GapPoint>
        gaps;  // by end_s: all that are longer than complete_above_s, perhaps others
    double complete_above_s = 0;
    double open_s =
        0;  // longer than this, nobody knows how long: the measurement ended in it; 0: none
};

[[nodiscard]] RenewalHistory history_of(const GapReport& gaps,
                                        double observed_s,
                                        double interval_s,
                                        double begun_s = 0);

// What would have been seen with a longer interval at worst: a gap is the stall and what passed since the last renewal
// before it, at most one interval.  `renewal_intervals`: 1 for the host lease, 2 for the leader lease, whose renewal
// takes a write and a scan of the round after.
void lengthen_interval(RenewalHistory& history, double interval_s, double renewal_intervals);

// The lease that a majority of datastores renews: its gaps, from those of each of them on one clock.  At any moment its
// age is that of the majority-th youngest of theirs.  REQUIRES: 1 <= majority <= each.size()
[[nodiscard]] RenewalHistory majority_history(const std::vector<RenewalHistory>& each,
                                              std::size_t majority);

// The longest gap of each burst: gaps longer than `threshold_s` that follow each other within `apart_s` are one
// burst, because a host that has lost its lease does not lose it a second time.
[[nodiscard]] std::vector<GapPoint> burst_maxima(const RenewalHistory& history,
                                                 double threshold_s,
                                                 double apart_s);

}  // namespace holdfast::measure
