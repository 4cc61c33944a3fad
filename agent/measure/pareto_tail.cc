#include "agent/measure/pareto_tail.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "agent/measure/search.h"

namespace holdfast::measure {

namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();
constexpr double kExponential = 1e-6;  // a shape nearer to zero is zero
constexpr double kHardlyPossible = 1e-12;

}  // namespace

double survivor(double excess, double shape, double scale) {
    if (excess <= 0) return 1;
    if (std::abs(shape) < kExponential) return std::exp(-excess / scale);
    const double base = 1 + shape * excess / scale;
    return base <= 0 ? 0 : std::pow(base, -1 / shape);
}

double log_likelihood(const Excesses& excesses, double shape, double scale) {
    if (scale <= 0) return kMinusInfinity;
    double sum = 0;
    const bool exponential = std::abs(shape) < kExponential;
    for (const double excess : excesses.seen) {
        if (exponential) {
            sum -= excess / scale;
            continue;
        }
        const double base = 1 + shape * excess / scale;
        if (base <= 0) return kMinusInfinity;
        sum -= (1 + 1 / shape) * std::log(base);
    }
    for (const double excess : excesses.open) {
        const double over = survivor(excess, shape, scale);
        if (over <= 0) return kMinusInfinity;
        sum += std::log(over);
    }
    return sum - static_cast<double>(excesses.seen.size()) * std::log(scale);
}

double best_scale(const Excesses& excesses, double shape) {
    double mean = 0;
    for (const double excess : excesses.seen) mean += excess;
    mean = std::max(mean / static_cast<double>(excesses.seen.size()), 1e-9);
    double longest = excesses.seen.back();
    for (const double excess : excesses.open) longest = std::max(longest, excess);
    // With a negative shape nothing is longer than scale / -shape.
    const double least = std::max(shape < 0 ? -shape * longest * (1 + 1e-9) : 0, mean * 1e-4);
    const auto at = [&](double log_scale) {
        return log_likelihood(excesses, shape, std::exp(log_scale));
    };
    return std::exp(maximum_of(at, std::log(least), std::log(std::max(mean, least) * 50)));
}

double upper_deviation(const Excesses& excesses, double shape, double scale) {
    const auto count = static_cast<double>(excesses.seen.size());
    double sum = count / 2;
    double rank = 0;
    for (const double excess : excesses.seen) {
        const double above =
            std::clamp(survivor(excess, shape, scale), kHardlyPossible, 1 - kHardlyPossible);
        sum -= 2 * (1 - above) + (2 - (2 * rank + 1) / count) * std::log(above);
        rank += 1;
    }
    return sum;
}

double upper_deviation_limit(double shape) {
    if (shape < -0.2) return 0.36;
    if (shape < 0.1) return 0.32;
    if (shape < 0.3) return 0.30;
    return 0.285;
}

double strangeness(const Excesses& excesses) {
    if (excesses.seen.size() < 4 * kStrangers) return 0;
    const auto cut = excesses.seen.end() - static_cast<std::ptrdiff_t>(kStrangers);
    const Excesses others{{excesses.seen.begin(), cut},
                          std::vector<double>(kStrangers, *(cut - 1))};
    // A shape below zero would put an end right behind the others, and make any longer one impossible.
    const auto at = [&](double shape) {
        return log_likelihood(others, shape, best_scale(others, shape));
    };
    const double shape = maximum_of(at, 0, kShapeMax);
    const double scale = best_scale(others, shape);
    const double over_cut = survivor(*(cut - 1), shape, scale);
    double surprise = 0;
    for (auto it = cut; it != excesses.seen.end(); ++it) {
        surprise -=
            std::log(std::max(survivor(*it, shape, scale), over_cut * kHardlyPossible) / over_cut);
    }
    return surprise;
}

double strangeness_limit(std::size_t count) {
    return 10 + 270 / static_cast<double>(std::max<std::size_t>(count, 1));
}

}  // namespace holdfast::measure
