#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "agent/measure/report_text.h"
#include "agent/measure/svg.h"
#include "agent/measure/tune_report.h"

namespace holdfast::measure {

namespace {

constexpr double kWidth = 1000;
constexpr double kHeight = 560;
constexpr double kLeft = 110;
constexpr double kRight = kWidth - 40;
constexpr double kTop = 60;
constexpr double kBottom = kHeight - 70;
constexpr int kSteps = 160;
constexpr const char* kGrid = "#e4e4e4";
constexpr const char* kFit = "#0072b2";

// Rates that people speak of, per year.
constexpr std::pair<const char*, double> kRates[] = {{"1 a second", 365.25 * 86400},
                                                     {"1 a minute", 365.25 * 1440},
                                                     {"1 an hour", 365.25 * 24},
                                                     {"1 a day", 365.25},
                                                     {"1 a month", 12},
                                                     {"1 a year", 1},
                                                     {"1 a decade", 0.1},
                                                     {"1 a century", 0.01},
                                                     {"1 in 1000 years", 0.001},
                                                     {"1 in 10^4 years", 1e-4},
                                                     {"1 in 10^5 years", 1e-5}};

std::string rate_text(double per_year) {
    for (const auto& [name, rate] : kRates) {
        if (std::abs(per_year / rate - 1) < 0.01) return name;
    }
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%.3g a year", per_year);
    return text.data();
}

// An axis label without needless decimals.
std::string mark_text(double seconds) {
    std::array<char, 32> text{};
    std::snprintf(text.data(),
                  text.size(),
                  seconds < 0.9 ? "%g ms" : "%g s",
                  seconds < 0.9 ? std::round(seconds * 1e3) : std::round(seconds));
    return text.data();
}

double lease_of(const JudgedTiming& judged) {
    return std::chrono::duration<double>(judged.timing.lease).count();
}

void mark_lease(
    Svg& svg, const Axis& x, const JudgedTiming& judged, const char* color, double row) {
    const double at = x.at(lease_of(judged));
    svg.line(at, kTop, at, kBottom, color, 1.5, true);
    std::array<char, 96> text{};
    std::snprintf(text.data(),
                  text.size(),
                  "%s: lease %s, failover %.1f s",
                  judged.name.c_str(),
                  short_time(lease_of(judged)).c_str(),
                  judged.failover.total_s());
    const bool left = at > (kLeft + kRight) / 2;
    svg.label(left ? at - 5 : at + 5,
              kTop + 14 + 15 * row,
              text.data(),
              11,
              left ? Anchor::End : Anchor::Start,
              color);
}

void draw_fit(Svg& svg, const TailFit& fit, const Axis& x, const Axis& y) {
    std::vector<std::pair<double, double>> curve;
    std::vector<std::pair<double, double>> upper;
    std::vector<std::pair<double, double>> band;
    for (int i = 0; i <= kSteps; ++i) {
        const double lease = fit.threshold_s() * std::pow(x.high() / fit.threshold_s(),
                                                          static_cast<double>(i) / kSteps);
        if (lease < x.low()) continue;
        const RateInterval rate = fit.lapses(lease);
        // What would lie below the picture is left out rather than drawn along its edge.
        if (rate.expected * kSecondsPerYear >= y.low())
            curve.emplace_back(x.at(lease), y.at(rate.expected * kSecondsPerYear));
        upper.emplace_back(x.at(lease), y.at(std::max(rate.high * kSecondsPerYear, y.low())));
        band.emplace_back(x.at(lease), y.at(std::max(rate.low * kSecondsPerYear, y.low())));
    }
    band.insert(band.end(), upper.rbegin(), upper.rend());
    svg.area(band, kFit, 0.18);
    svg.polyline(curve, kFit, 2);
    // The n-th longest gap: a lease of its length would have lapsed n times.
    for (std::size_t i = 0; i < fit.seen().size(); ++i) {
        const double per_year = static_cast<double>(i + 1) / fit.observed_s() * kSecondsPerYear;
        svg.circle(x.at(fit.seen()[i]), y.at(per_year), 2, "#333333");
    }
}

}  // namespace

std::string tune_chart(const Proposal& proposal, const TuneWishes& wishes) {
    const TailFit& fit = proposal.fit;
    const double wanted = wishes.false_alarms_per_s * kSecondsPerYear;
    const double most = static_cast<double>(std::max<std::size_t>(fit.seen().size(), 1)) /
                        fit.observed_s() * kSecondsPerYear;
    double longest = std::max(lease_of(proposal.proposal), fit.longest_s());
    for (const JudgedTiming& profile : proposal.profiles)
        longest = std::max(longest, lease_of(profile));
    const double shortest = fit.seen().empty() ? fit.threshold_s() : fit.seen().back();
    const Axis x(shortest * 0.8, longest * 1.4, kLeft, kRight, true);
    const Axis y(std::min(wanted, 0.01) / 30, std::max(most, wanted) * 3, kBottom, kTop, true);
    Svg svg(kWidth, kHeight);
    svg.text(kLeft,
             28,
             "How often a lease would lapse without need, per host, if storage alone renewed it",
             16);
    for (const double factor : {1.0, 2.0, 5.0}) {
        for (const double power : {0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0}) {
            const double mark = power * factor;
            if (mark < x.low() || mark > x.high()) continue;
            svg.line(x.at(mark), kTop, x.at(mark), kBottom, kGrid);
            svg.text(x.at(mark), kBottom + 16, mark_text(mark), 10, Anchor::Middle);
        }
    }
    for (const auto& [name, rate] : kRates) {
        if (rate < y.low() || rate > y.high()) continue;
        svg.line(kLeft, y.at(rate), kRight, y.at(rate), kGrid);
        svg.text(kLeft - 6, y.at(rate) + 4, name, 10, Anchor::End);
    }
    draw_fit(svg, fit, x, y);
    svg.line(kLeft, y.at(wanted), kRight, y.at(wanted), "#009e73", 1.5);
    svg.label(kLeft + 6,
              y.at(wanted) - 5,
              "wanted: at most " + rate_text(wanted),
              11,
              Anchor::Start,
              "#00805a");
    double row = 0;
    for (const JudgedTiming& profile : proposal.profiles)
        mark_lease(svg, x, profile, "#707070", row++);
    mark_lease(svg, x, proposal.proposal, "#d55e00", row++);
    svg.line(kLeft, kBottom, kRight, kBottom, "#444");
    svg.line(kLeft, kTop, kLeft, kBottom, "#444");
    svg.text((kLeft + kRight) / 2, kBottom + 34, "length of the lease", 12, Anchor::Middle);
    std::array<char, 240> text{};
    const RateInterval shape = fit.shape_interval();
    std::snprintf(text.data(),
                  text.size(),
                  "dots: gaps seen in %s; line: generalised Pareto beyond %s, shape %.2f (%.2f to "
                  "%.2f); blue: 90 %% interval%s",
                  short_time(fit.observed_s()).c_str(),
                  short_time(fit.threshold_s()).c_str(),
                  fit.shape(),
                  shape.low,
                  shape.high,
                  fit.poor() ? "; a poor fit" : "");
    svg.text(kLeft, kBottom + 54, text.data(), 11);
    return svg.str();
}

}  // namespace holdfast::measure
