// The generalised Pareto distribution, to which the excesses over a high threshold of nearly every distribution tend
// (Pickands 1975): its likelihood, and two tests of whether what was seen has it.  Pure.
#pragma once

#include <cstddef>
#include <vector>

namespace holdfast::measure {

inline constexpr double kShapeMin = -0.5;  // below it maximum likelihood is not regular
inline constexpr double kShapeMax = 2.0;

struct Excesses {
    std::vector<double> seen;  // ascending
    std::vector<double> open;  // at least so long
};

// The probability that an excess is longer than `excess`.
[[nodiscard]] double survivor(double excess, double shape, double scale);

[[nodiscard]] double log_likelihood(const Excesses& excesses, double shape, double scale);

// The likeliest scale for this shape.  REQUIRES: something was seen
[[nodiscard]] double best_scale(const Excesses& excesses, double shape);

// Anderson-Darling, weighted to the upper tail alone (Sinclair, Spurr and Ahmad 1990): it is the longest stalls that
// must be described well.
[[nodiscard]] double upper_deviation(const Excesses& excesses, double shape, double scale);

// What one in ten samples of this shape exceeds when both parameters are fitted to it.
[[nodiscard]] double upper_deviation_limit(double shape);

// How much longer the kStrangers longest are than all the others let expect.  A rare second kind of stall, such as the
// failover of a path among everyday ones, hides from a test of the whole: the fit bends towards it.  So the longest are
// fitted as "at least so long" and then looked at; where they are of one kind with the rest, the sum of their
// surprises is about their number.  0: too few were seen to tell.
inline constexpr std::size_t kStrangers = 5;
[[nodiscard]] double strangeness(const Excesses& excesses);

// What about one in thirty samples of one kind exceeds.
[[nodiscard]] double strangeness_limit(std::size_t count);

}  // namespace holdfast::measure
