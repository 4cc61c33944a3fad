// How unevenly stalls come.  Pure.
//
// A Poisson process puts as many stalls into each stretch of time as chance has it, of lengths that have nothing to do
// with each other.  Stalls that come in bad hours, or hit several hosts at once because these share the storage, vary
// more: by the index of dispersion, a variance over what it would be by chance.  By so much less than their number do
// they say about the long run (McCullagh and Nelder 1989, on overdispersed counts), and intervals are widened by it.
#pragma once

#include <vector>

namespace holdfast::measure {

// One burst of stalls: when its longest gap ended, since the beginning of its measurement, and how long that was.
struct BurstSeen {
    double at_s = 0;
    double length_s = 0;
};

struct BurstsSeen {
    double begun_s = 0;  // on the wall clock: what overlaps in time is counted together
    double observed_s = 0;
    std::vector<BurstSeen> bursts;
};

// Each the largest of a few widths of stretches; 1 where stalls come no less evenly than by chance.
struct Dispersion {
    double count = 1;   // of how many there are in a stretch
    double length = 1;  // of how long those of one stretch are, by rank among all
};

[[nodiscard]] Dispersion dispersion_of(const std::vector<BurstsSeen>& all);

}  // namespace holdfast::measure
