#include "agent/measure/dispersion.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace holdfast::measure {

namespace {

// Long stretches see long bad hours, short ones are many enough to tell them from chance.
constexpr std::array<std::size_t, 2> kStretches{10, 30};
// A stretch that expects fewer says nothing of its own.
constexpr double kExpectedMin = 2;

// Wall-clock time without what no measurement covers, from 0.
class CoveredTime {
  public:
    explicit CoveredTime(const std::vector<BurstsSeen>& all) {
        for (const BurstsSeen& one : all) {
            if (one.observed_s > 0) spans_.push_back({one.begun_s, one.begun_s + one.observed_s});
        }
        std::sort(spans_.begin(), spans_.end(), [](const Span& a, const Span& b) {
            return a.begin < b.begin;
        });
        std::vector<Span> merged;
        for (const Span& span : spans_) {
            if (merged.empty() || span.begin > merged.back().end) {
                merged.push_back(span);
            } else {
                merged.back().end = std::max(merged.back().end, span.end);
            }
        }
        spans_ = std::move(merged);
    }

    [[nodiscard]] double at(double wall_s) const {
        double covered = 0;
        for (const Span& span : spans_)
            covered += std::clamp(wall_s, span.begin, span.end) - span.begin;
        return covered;
    }

    [[nodiscard]] double whole() const { return spans_.empty() ? 0 : at(spans_.back().end); }

  private:
    struct Span {
        double begin;
        double end;
    };

    std::vector<Span> spans_;
};

struct Stretch {
    double exposure = 0;
    double bursts = 0;
    double ranks = 0;  // of their lengths among all, from -1/2 to 1/2
};

// Half the share that is longer or as long less the share that is shorter, so that ties are in the middle.
double centred_rank(const std::vector<double>& sorted, double length) {
    const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), length);
    const auto below = static_cast<double>(low - sorted.begin());
    const auto not_above = static_cast<double>(high - sorted.begin());
    return (below + not_above) / (2 * static_cast<double>(sorted.size())) - 0.5;
}

std::vector<Stretch> stretches_of(const std::vector<BurstsSeen>& all,
                                  const CoveredTime& covered,
                                  const std::vector<double>& sorted,
                                  std::size_t count) {
    std::vector<Stretch> stretches(count);
    const double width = covered.whole() / static_cast<double>(count);
    for (const BurstsSeen& one : all) {
        const double begin = covered.at(one.begun_s) / width;
        const double end = covered.at(one.begun_s + one.observed_s) / width;
        for (std::size_t i = 0; i < count; ++i) {
            const auto from = static_cast<double>(i);
            stretches[i].exposure += std::max(0.0, std::min(end, from + 1) - std::max(begin, from));
        }
        for (const BurstSeen& burst : one.bursts) {
            const double where = covered.at(one.begun_s + burst.at_s) / width;
            Stretch& stretch = stretches[std::min(static_cast<std::size_t>(where), count - 1)];
            stretch.bursts += 1;
            stretch.ranks += centred_rank(sorted, burst.length_s);
        }
    }
    return stretches;
}

Dispersion index_of(const std::vector<Stretch>& stretches, double bursts) {
    double exposures = 0;
    for (const Stretch& stretch : stretches) exposures += stretch.exposure;
    double counts = 0;
    double ranks = 0;
    for (const Stretch& stretch : stretches) {
        const double expected = bursts * stretch.exposure / exposures;
        if (expected > 0)
            counts += (stretch.bursts - expected) * (stretch.bursts - expected) / expected;
        // Ranks are as good as uniform, with a variance of 1/12.
        ranks += 12 * stretch.ranks * stretch.ranks;
    }
    const auto count = static_cast<double>(stretches.size());
    // The ranks of all add up to zero, which takes one from each.
    return {counts / (count - 1), ranks / bursts * count / (count - 1)};
}

}  // namespace

Dispersion dispersion_of(const std::vector<BurstsSeen>& all) {
    const CoveredTime covered(all);
    std::vector<double> sorted;
    for (const BurstsSeen& one : all) {
        for (const BurstSeen& burst : one.bursts) sorted.push_back(burst.length_s);
    }
    std::sort(sorted.begin(), sorted.end());
    Dispersion largest;
    if (covered.whole() <= 0) return largest;
    const auto bursts = static_cast<double>(sorted.size());
    for (const std::size_t count : kStretches) {
        if (bursts < kExpectedMin * static_cast<double>(count)) continue;
        const Dispersion index = index_of(stretches_of(all, covered, sorted, count), bursts);
        largest.count = std::max(largest.count, index.count);
        largest.length = std::max(largest.length, index.length);
    }
    return largest;
}

}  // namespace holdfast::measure
