#include "agent/measure/tail_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "agent/measure/report_text.h"
#include "agent/measure/search.h"

namespace holdfast::measure {

namespace {

constexpr double kShapeStep = 0.02;
constexpr std::size_t kScalesEach = 4;  // on either side of the best one, for each shape
constexpr int kScaleHalvings = 20;
constexpr double kApartIntervals = 10;
// With more than this share of all renewals, one in seven stalls would by chance lie so near the next that both would
// be taken for one burst, whose longest is no single stall; so few of them are tried in any case.
constexpr std::uint64_t kTailShare = 67;
constexpr std::size_t kTailAlways = 120;
constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();
// How many of the longest gaps are tried as the tail, most first.
constexpr std::array<std::size_t, 10> kCandidates{
    500, 380, 280, 210, 160, 120, 90, 65, 45, kBurstsMin};

// The means of a Poisson variable whose deviance from `count` seen is at most `deviance`: the ends of their range.
std::pair<double, double> poisson_range(double count, double deviance) {
    if (count <= 0) return {0, deviance / 2};
    const auto left = [count, deviance](double mean) {
        return deviance - 2 * (mean - count - count * std::log(mean / count));
    };
    return {crossing(left, count, count * 1e-6),
            crossing(left, count, 4 * count + 10 + 2 * deviance)};
}

}  // namespace

std::vector<TailFit::Point> TailFit::allowed(const Peaks& peaks) {
    const double most = kDeviance90 * peaks.dispersion.length;
    std::vector<Point> points;
    double best = kMinusInfinity;
    const auto add = [&](double shape, double scale) {
        points.push_back({shape, scale, log_likelihood(peaks.excesses, shape, scale)});
        best = std::max(best, points.back().deviance);
    };
    for (double shape = kShapeMin; shape <= kShapeMax + 1e-9; shape += kShapeStep)
        add(shape, best_scale(peaks.excesses, shape));
    const std::vector<Point> ridge = points;
    points.clear();
    for (const Point& top : ridge) {
        // Shapes that are out are out with every scale.
        if (2 * (best - top.deviance) > most) continue;
        points.push_back({top.shape, top.scale_s, 2 * (best - top.deviance)});
        const auto left = [&](double log_scale) {
            const double value = log_likelihood(peaks.excesses, top.shape, std::exp(log_scale));
            return most - 2 * (best - value);
        };
        const double middle = std::log(top.scale_s);
        for (const double side : {-1.0, 1.0}) {
            const double end = crossing(left, middle, middle + side * 4, kScaleHalvings);
            for (std::size_t i = 1; i <= kScalesEach; ++i) {
                const double log_scale =
                    middle + (end - middle) * static_cast<double>(i) / kScalesEach;
                const double deviance = most - left(log_scale);
                if (deviance <= most + 1e-6)
                    points.push_back({top.shape, std::exp(log_scale), std::max(deviance, 0.0)});
            }
        }
    }
    return points;
}

TailFit::Peaks TailFit::peaks_over(const std::vector<RenewalHistory>& histories,
                                   double threshold_s) {
    Peaks peaks;
    peaks.threshold_s = threshold_s;
    std::vector<BurstsSeen> all;
    for (const RenewalHistory& history : histories) {
        const double apart = kApartIntervals * history.interval_s;
        BurstsSeen seen{history.begun_s, history.observed_s, {}};
        for (const GapPoint& longest : burst_maxima(history, threshold_s, apart)) {
            peaks.excesses.seen.push_back(longest.length_s - threshold_s);
            seen.bursts.push_back({longest.end_s, longest.length_s});
        }
        all.push_back(std::move(seen));
        for (const GapPoint& gap : history.gaps) peaks.gaps += gap.length_s > threshold_s ? 1 : 0;
        if (history.open_s > threshold_s)
            peaks.excesses.open.push_back(history.open_s - threshold_s);
    }
    std::sort(peaks.excesses.seen.begin(), peaks.excesses.seen.end());
    peaks.dispersion = dispersion_of(all);
    return peaks;
}

void TailFit::take(const Peaks& peaks, const std::vector<Point>& points) {
    const auto best =
        std::min_element(points.begin(), points.end(), [](const Point& a, const Point& b) {
            return a.deviance < b.deviance;
        });
    const Excesses& excesses = peaks.excesses;
    threshold_s_ = peaks.threshold_s;
    dispersion_ = peaks.dispersion;
    shape_ = best->shape;
    scale_s_ = best->scale_s;
    bursts_ = excesses.seen.size() + excesses.open.size();
    gaps_per_burst_ = static_cast<double>(peaks.gaps) / static_cast<double>(excesses.seen.size());
    deviation_ = upper_deviation(excesses, shape_, scale_s_);
    const double deviation = deviation_ / upper_deviation_limit(shape_);
    const double strange = strangeness(excesses) / strangeness_limit(excesses.seen.size());
    poor_ = deviation > 1;
    strange_ = strange > 1;
    misfit_ = std::max(deviation, strange);
    points_ = points;
}

Result<TailFit> TailFit::fit(const std::vector<RenewalHistory>& histories) {
    TailFit all;
    std::uint64_t renewals = 0;
    for (const RenewalHistory& history : histories) {
        renewals += history.count;
        all.observed_s_ += history.observed_s;
        all.complete_above_s_ = std::max(all.complete_above_s_, history.complete_above_s);
        for (const GapPoint& gap : history.gaps) all.seen_.push_back(gap.length_s);
        all.longest_s_ = std::max(all.longest_s_, history.open_s);
    }
    std::sort(all.seen_.begin(), all.seen_.end(), std::greater<>());
    if (!all.seen_.empty()) all.longest_s_ = std::max(all.longest_s_, all.seen_.front());
    std::optional<TailFit> best;
    std::size_t most_bursts = 0;
    for (const std::size_t wanted : kCandidates) {
        if (wanted >= all.seen_.size() || (wanted > renewals / kTailShare && wanted > kTailAlways))
            continue;
        const double threshold = std::max(all.seen_[wanted], all.complete_above_s_);
        const Peaks peaks = peaks_over(histories, threshold);
        most_bursts = std::max(most_bursts, peaks.excesses.seen.size());
        if (peaks.excesses.seen.size() < kBurstsMin || peaks.excesses.seen.back() <= 0) continue;
        const std::vector<Point> points = allowed(peaks);
        if (points.empty()) continue;
        TailFit tried = all;
        tried.take(peaks, points);
        if (best && tried.misfit_ >= best->misfit_) continue;
        best = tried;
        if (best->misfit_ <= 1) break;
    }
    if (best) return *best;
    return Unexpected{Error{0,
                            "only " + std::to_string(most_bursts) + " independent stall" +
                                (most_bursts == 1 ? "" : "s") + " in " +
                                short_time(all.observed_s_) + ", and a tail shows in " +
                                std::to_string(kBurstsMin) + " or more"}};
}

std::size_t TailFit::most_bursts(const std::vector<RenewalHistory>& histories) {
    std::vector<double> lengths;
    for (const RenewalHistory& history : histories) {
        for (const GapPoint& gap : history.gaps) lengths.push_back(gap.length_s);
    }
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
    std::size_t most = 0;
    for (const std::size_t wanted : kCandidates) {
        if (wanted < lengths.size())
            most = std::max(most, peaks_over(histories, lengths[wanted]).excesses.seen.size());
    }
    return most;
}

RateInterval TailFit::lapses(double lease_s, double evidence) const {
    // Stalls that come unevenly say as much as fewer that come by chance.
    const double counted = evidence / dispersion_.count;
    const double observed = observed_s_ * counted;
    const double count = static_cast<double>(bursts_) * counted;
    if (lease_s < threshold_s_) {
        // Within what was seen there is nothing to extrapolate; gaps of one burst count each, on the safe side.
        const auto longer = std::lower_bound(
            seen_.begin(), seen_.end(), std::max(lease_s, complete_above_s_), std::greater<>());
        const auto over = std::max(static_cast<double>(longer - seen_.begin()) * counted, count);
        const auto [low, high] = poisson_range(over, kDeviance90);
        return {low / observed, over / observed, high / observed};
    }
    const double excess = lease_s - threshold_s_;
    RateInterval interval;
    interval.expected = count / observed * survivor(excess, shape_, scale_s_);
    interval.low = interval.expected;
    interval.high = interval.expected;
    for (const Point& point : points_) {
        const double left = kDeviance90 - point.deviance * evidence / dispersion_.length;
        if (left < 0) continue;
        const auto [low, high] = poisson_range(count, left);
        const double over = survivor(excess, point.shape, point.scale_s);
        interval.low = std::min(interval.low, low / observed * over);
        interval.high = std::max(interval.high, high / observed * over);
    }
    return interval;
}

std::optional<double> TailFit::lease_expected(double per_s) const {
    if (lapses(kLeaseMax).expected > per_s) return std::nullopt;
    return crossing(
        [&](double lease) { return per_s - lapses(lease).expected; }, kLeaseMax, complete_above_s_);
}

std::optional<double> TailFit::lease_safe(double per_s, double evidence) const {
    if (lapses(kLeaseMax, evidence).high > per_s) return std::nullopt;
    return crossing([&](double lease) { return per_s - lapses(lease, evidence).high; },
                    kLeaseMax,
                    complete_above_s_);
}

double TailFit::mean_excess_s(double lease_s) const {
    if (shape_ >= 1) return std::numeric_limits<double>::infinity();
    return (scale_s_ + shape_ * std::max(lease_s - threshold_s_, 0.0)) / (1 - shape_);
}

RateInterval TailFit::shape_interval() const {
    RateInterval interval{shape_, shape_, shape_};
    for (const Point& point : points_) {
        interval.low = std::min(interval.low, point.shape);
        interval.high = std::max(interval.high, point.shape);
    }
    return interval;
}

}  // namespace holdfast::measure
