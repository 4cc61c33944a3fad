#include "agent/measure/tail_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "agent/measure/report_text.h"

namespace holdfast::measure {

namespace {

constexpr double kShapeMin = -0.5;  // below it maximum likelihood is not regular
constexpr double kShapeMax = 2.0;
constexpr double kShapeStep = 0.02;
constexpr std::size_t kScalesEach = 4;  // on either side of the best one, for each shape
constexpr double kLeaseMax = 86400;
constexpr double kApartIntervals = 10;
constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();
// How many of the longest gaps are tried as the tail, most first.
constexpr std::array<std::size_t, 10> kCandidates{
    500, 380, 280, 210, 160, 120, 90, 65, 45, kBurstsMin};

// The probability that a generalised Pareto variable exceeds `excess`.
double survivor(double excess, double shape, double scale) {
    if (excess <= 0) return 1;
    if (std::abs(shape) < 1e-6) return std::exp(-excess / scale);
    const double base = 1 + shape * excess / scale;
    return base <= 0 ? 0 : std::pow(base, -1 / shape);
}

// Where `function`, which has one maximum in [low, high], has it.
template <typename Function>
double maximum_of(Function function, double low, double high) {
    constexpr double kGolden = 0.6180339887498949;
    double left = high - kGolden * (high - low);
    double right = low + kGolden * (high - low);
    double at_left = function(left);
    double at_right = function(right);
    for (int i = 0; i < 45; ++i) {
        if (at_left > at_right) {
            high = right;
            right = left;
            at_right = at_left;
            left = high - kGolden * (high - low);
            at_left = function(left);
        } else {
            low = left;
            left = right;
            at_left = at_right;
            right = low + kGolden * (high - low);
            at_right = function(right);
        }
    }
    return (low + high) / 2;
}

// Where `function` falls through zero between `inside` (above) and `outside`.
template <typename Function>
double crossing(Function function, double inside, double outside) {
    for (int i = 0; i < 40; ++i) {
        const double middle = (inside + outside) / 2;
        (function(middle) > 0 ? inside : outside) = middle;
    }
    return inside;
}

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

double TailFit::likelihood(const Peaks& peaks, double shape, double scale_s) {
    if (scale_s <= 0) return kMinusInfinity;
    double sum = 0;
    const bool exponential = std::abs(shape) < 1e-6;
    for (const double excess : peaks.excesses) {
        if (exponential) {
            sum -= excess / scale_s;
            continue;
        }
        const double base = 1 + shape * excess / scale_s;
        if (base <= 0) return kMinusInfinity;
        sum -= (1 + 1 / shape) * std::log(base);
    }
    for (const double excess : peaks.open) {
        const double over = survivor(excess, shape, scale_s);
        if (over <= 0) return kMinusInfinity;
        sum += std::log(over);
    }
    return sum - static_cast<double>(peaks.excesses.size()) * std::log(scale_s);
}

double TailFit::best_scale(const Peaks& peaks, double shape) {
    double mean = 0;
    double longest = 0;
    for (const double excess : peaks.excesses) {
        mean += excess;
        longest = std::max(longest, excess);
    }
    for (const double excess : peaks.open) longest = std::max(longest, excess);
    mean = std::max(mean / static_cast<double>(peaks.excesses.size()), 1e-9);
    const double least = shape < 0 ? -shape * longest * (1 + 1e-9) : mean * 1e-4;
    const auto at = [&](double log_scale) { return likelihood(peaks, shape, std::exp(log_scale)); };
    return std::exp(maximum_of(
        at, std::log(std::max(least, mean * 1e-4)), std::log(std::max(mean, least) * 50)));
}

std::vector<TailFit::Point> TailFit::allowed(const Peaks& peaks) {
    std::vector<Point> points;
    double best = kMinusInfinity;
    const auto add = [&](double shape, double scale) {
        points.push_back({shape, scale, likelihood(peaks, shape, scale)});
        best = std::max(best, points.back().deviance);
    };
    for (double shape = kShapeMin; shape <= kShapeMax + 1e-9; shape += kShapeStep)
        add(shape, best_scale(peaks, shape));
    const std::vector<Point> ridge = points;
    points.clear();
    for (const Point& top : ridge) {
        // Shapes that are out are out with every scale.
        if (2 * (best - top.deviance) > kDeviance90) continue;
        points.push_back({top.shape, top.scale_s, 2 * (best - top.deviance)});
        const auto left = [&](double log_scale) {
            const double value = likelihood(peaks, top.shape, std::exp(log_scale));
            return kDeviance90 - 2 * (best - value);
        };
        const double middle = std::log(top.scale_s);
        for (const double side : {-1.0, 1.0}) {
            const double end = crossing(left, middle, middle + side * 4);
            for (std::size_t i = 1; i <= kScalesEach; ++i) {
                const double log_scale =
                    middle + (end - middle) * static_cast<double>(i) / kScalesEach;
                const double deviance = kDeviance90 - left(log_scale);
                if (deviance <= kDeviance90 + 1e-6)
                    points.push_back({top.shape, std::exp(log_scale), std::max(deviance, 0.0)});
            }
        }
    }
    return points;
}

// Anderson-Darling, weighted to the upper tail as well as the lower.
double TailFit::deviation(const Peaks& peaks, double shape, double scale_s) {
    const std::size_t count = peaks.excesses.size();
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double below =
            std::clamp(1 - survivor(peaks.excesses[i], shape, scale_s), 1e-12, 1 - 1e-12);
        const double above =
            std::clamp(survivor(peaks.excesses[count - 1 - i], shape, scale_s), 1e-12, 1 - 1e-12);
        sum += (2 * static_cast<double>(i) + 1) * (std::log(below) + std::log(above));
    }
    return -static_cast<double>(count) - sum / static_cast<double>(count);
}

// What one in ten samples of a generalised Pareto distribution with this shape exceeds when both parameters are
// fitted to it; tests/unit/measure/tail_fit_test.cc draws the samples again.
double TailFit::deviation_limit(double shape) {
    if (shape < -0.1) return 0.84;
    if (shape < 0.15) return 0.72;
    if (shape < 0.5) return 0.66;
    return 0.60;
}

TailFit::Peaks TailFit::peaks_over(const std::vector<RenewalHistory>& histories,
                                   double threshold_s) {
    Peaks peaks;
    peaks.threshold_s = threshold_s;
    for (const RenewalHistory& history : histories) {
        const double apart = kApartIntervals * history.interval_s;
        for (const double longest : burst_maxima(history, threshold_s, apart))
            peaks.excesses.push_back(longest - threshold_s);
        for (const GapPoint& gap : history.gaps) peaks.gaps += gap.length_s > threshold_s ? 1 : 0;
        if (history.open_s > threshold_s) peaks.open.push_back(history.open_s - threshold_s);
    }
    std::sort(peaks.excesses.begin(), peaks.excesses.end());
    return peaks;
}

void TailFit::take(const Peaks& peaks, const std::vector<Point>& points, double statistic) {
    const auto best =
        std::min_element(points.begin(), points.end(), [](const Point& a, const Point& b) {
            return a.deviance < b.deviance;
        });
    threshold_s_ = peaks.threshold_s;
    shape_ = best->shape;
    scale_s_ = best->scale_s;
    bursts_ = peaks.excesses.size() + peaks.open.size();
    gaps_per_burst_ = static_cast<double>(peaks.gaps) /
                      static_cast<double>(std::max<std::size_t>(peaks.excesses.size(), 1));
    anderson_darling_ = statistic;
    points_ = points;
}

Result<TailFit> TailFit::fit(const std::vector<RenewalHistory>& histories) {
    TailFit fit;
    for (const RenewalHistory& history : histories) {
        fit.observed_s_ += history.observed_s;
        fit.complete_above_s_ = std::max(fit.complete_above_s_, history.complete_above_s);
        for (const GapPoint& gap : history.gaps) fit.seen_.push_back(gap.length_s);
        fit.longest_s_ = std::max(fit.longest_s_, history.open_s);
    }
    std::sort(fit.seen_.begin(), fit.seen_.end(), std::greater<>());
    if (!fit.seen_.empty()) fit.longest_s_ = std::max(fit.longest_s_, fit.seen_.front());
    double least = std::numeric_limits<double>::infinity();
    std::size_t most_bursts = 0;
    for (const std::size_t wanted : kCandidates) {
        // A tail of more than a fifth of what is listed would be the body.
        if (wanted >= fit.seen_.size() ||
            (wanted > fit.seen_.size() / 5 && wanted > 4 * kBurstsMin))
            continue;
        const double threshold = std::max(fit.seen_[wanted], fit.complete_above_s_);
        const Peaks peaks = peaks_over(histories, threshold);
        most_bursts = std::max(most_bursts, peaks.excesses.size());
        if (peaks.excesses.size() < kBurstsMin || peaks.excesses.back() <= 0) continue;
        const std::vector<Point> points = allowed(peaks);
        if (points.empty()) continue;
        TailFit tried = fit;
        tried.take(peaks, points, 0);
        const double statistic = deviation(peaks, tried.shape_, tried.scale_s_);
        const double excess = statistic / deviation_limit(tried.shape_);
        if (excess >= least) continue;
        least = excess;
        tried.anderson_darling_ = statistic;
        tried.poor_ = excess > 1;
        fit = tried;
        if (!fit.poor_) break;
    }
    if (fit.points_.empty()) {
        return Unexpected{Error{0,
                                "only " + std::to_string(most_bursts) + " independent stalls in " +
                                    short_time(fit.observed_s_) + ", and a tail shows in " +
                                    std::to_string(kBurstsMin) + " or more"}};
    }
    return fit;
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
            most = std::max(most, peaks_over(histories, lengths[wanted]).excesses.size());
    }
    return most;
}

RateInterval TailFit::lapses(double lease_s, double evidence) const {
    const double count = static_cast<double>(bursts_) * evidence;
    const double observed = observed_s_ * evidence;
    if (lease_s < threshold_s_) {
        // Within what was seen there is nothing to extrapolate; gaps of one burst count each, on the safe side.
        const auto longer = std::lower_bound(
            seen_.begin(), seen_.end(), std::max(lease_s, complete_above_s_), std::greater<>());
        const auto over = std::max(static_cast<double>(longer - seen_.begin()) * evidence, count);
        const auto [low, high] = poisson_range(over, kDeviance90);
        return {low / observed, over / observed, high / observed};
    }
    const double excess = lease_s - threshold_s_;
    RateInterval interval;
    interval.expected = count / observed * survivor(excess, shape_, scale_s_);
    interval.low = interval.expected;
    interval.high = interval.expected;
    for (const Point& point : points_) {
        const double left = kDeviance90 - point.deviance * evidence;
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
