#include "agent/measure/measurement_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "agent/measure/report_text.h"
#include "agent/measure/svg.h"

namespace holdfast::measure {

namespace {

constexpr double kWidth = 1120;
constexpr double kMargin = 70;
constexpr double kTop = 60;
constexpr double kPanelHeight = 260;
constexpr double kStripHeight = 130;
constexpr double kStripGap = 62;
constexpr std::size_t kStallsMarked = 5;
constexpr const char* kGrid = "#e4e4e4";
constexpr const char* kStall = "#d00000";

struct Box {
    double left;
    double right;
    double top;
    double bottom;
};

// A power of ten, without decimals.
std::string axis_label(double seconds) {
    std::array<char, 32> text{};
    if (seconds < 0.9e-3) {
        std::snprintf(text.data(), text.size(), "%g us", std::round(seconds * 1e6));
    } else if (seconds < 0.9) {
        std::snprintf(text.data(), text.size(), "%g ms", std::round(seconds * 1e3));
    } else {
        std::snprintf(text.data(), text.size(), "%g s", std::round(seconds));
    }
    return text.data();
}

std::string label_of(const TargetReport& target) {
    std::string name = target.name;
    if (name.size() > 44) name = "..." + name.substr(name.size() - 41);
    return target.backend.empty() ? name : name + ", " + target.backend;
}

// What the picture is about: the slot write that keeps the lease, or the beat's way there and back.
const OperationReport* main_operation(const TargetReport& target) {
    const OperationReport* operation = target.find("write");
    return operation != nullptr ? operation : target.find("roundtrip");
}

struct Extent {
    double fastest_s = 1;
    double slowest_s = 1e-6;
    std::uint64_t most = 1;
};

Extent extent_of(const Measurement& measurement) {
    Extent extent;
    for (const TargetReport& target : measurement.targets) {
        for (const OperationReport& operation : target.operations) {
            if (operation.name == "wakeup" || operation.buckets.empty()) continue;
            extent.fastest_s = std::min(
                extent.fastest_s, static_cast<double>(operation.buckets.front().first) * 0.8e-6);
            extent.slowest_s = std::max(extent.slowest_s, operation.worst_s);
            extent.most = std::max(extent.most, operation.count);
        }
        extent.slowest_s = std::max(extent.slowest_s, target.lease.open_s);
    }
    extent.fastest_s = std::pow(10, std::floor(std::log10(extent.fastest_s)));
    extent.slowest_s =
        std::max(std::pow(10, std::ceil(std::log10(extent.slowest_s))), extent.fastest_s * 100);
    return extent;
}

void frame(Svg& svg, const Box& box, const std::string& title) {
    svg.line(box.left, box.bottom, box.right, box.bottom, "#444");
    svg.line(box.left, box.top, box.left, box.bottom, "#444");
    svg.text(box.left, box.top - 10, title, 13);
}

void latency_marks_y(Svg& svg, const Box& box, const Axis& y) {
    for (const double mark : y.marks()) {
        svg.line(box.left, y.at(mark), box.right, y.at(mark), kGrid);
        svg.text(box.left - 6, y.at(mark) + 4, axis_label(mark), 10, Anchor::End);
    }
}

void draw_histogram(Svg& svg,
                    const Box& box,
                    const Measurement& measurement,
                    const Extent& extent) {
    const Axis x(extent.fastest_s, extent.slowest_s, box.left, box.right, true);
    const Axis y(0.7, static_cast<double>(extent.most) * 1.5, box.bottom, box.top, true);
    for (const double mark : x.marks()) {
        svg.line(x.at(mark), box.top, x.at(mark), box.bottom, kGrid);
        svg.text(x.at(mark), box.bottom + 15, axis_label(mark), 10, Anchor::Middle);
    }
    for (const double mark : y.marks()) {
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), "%.0f", mark);
        svg.text(box.left - 6, y.at(mark) + 4, text.data(), 10, Anchor::End);
    }
    std::size_t index = 0;
    for (const TargetReport& target : measurement.targets) {
        const char* color = series_color(index++);
        const OperationReport* operation = main_operation(target);
        if (operation == nullptr) continue;
        std::vector<std::pair<double, double>> outline;
        double last_edge = 0;
        for (const auto& [upper_us, count] : operation->buckets) {
            const double upper = static_cast<double>(upper_us) * 1e-6;
            // A bucket is an eighth of a doubling, so this is its lower edge or a little less.
            const double lower = std::max(upper_us <= 8 ? upper - 1e-6 : upper / 1.125, last_edge);
            if (lower > last_edge * 1.01) {
                outline.emplace_back(x.at(std::max(last_edge, extent.fastest_s)), box.bottom);
                outline.emplace_back(x.at(lower), box.bottom);
            }
            outline.emplace_back(x.at(lower), y.at(static_cast<double>(count)));
            outline.emplace_back(x.at(upper), y.at(static_cast<double>(count)));
            last_edge = upper;
        }
        outline.emplace_back(x.at(std::max(last_edge, extent.fastest_s)), box.bottom);
        svg.area(outline, color, 0.2);
        svg.polyline(outline, color);
    }
    frame(svg,
          box,
          measurement.kind == "net"
              ? "Histogram: round trips by how long they took (both logarithmic)"
              : "Histogram: slot writes by how long they took (both logarithmic)");
}

void draw_percentiles(Svg& svg,
                      const Box& box,
                      const Measurement& measurement,
                      const Extent& extent) {
    const double nines_max = std::max(2.0, std::ceil(std::log10(static_cast<double>(extent.most))));
    const Axis x(0, nines_max, box.left, box.right, false);
    const Axis y(extent.fastest_s, extent.slowest_s, box.bottom, box.top, true);
    latency_marks_y(svg, box, y);
    constexpr std::array<const char*, 8> kNines{
        "0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %"};
    for (std::size_t nines = 0; nines < kNines.size() && static_cast<double>(nines) <= nines_max;
         ++nines) {
        const double at = x.at(static_cast<double>(nines));
        svg.line(at, box.top, at, box.bottom, kGrid);
        svg.text(at, box.bottom + 15, kNines[nines], 10, Anchor::Middle);
    }
    std::size_t index = 0;
    for (const TargetReport& target : measurement.targets) {
        const char* color = series_color(index++);
        const OperationReport* operation = main_operation(target);
        if (operation == nullptr || operation->count == 0) continue;
        std::vector<std::pair<double, double>> curve;
        std::uint64_t seen = 0;
        for (const auto& [upper_us, count] : operation->buckets) {
            const double before =
                1 - static_cast<double>(seen) / static_cast<double>(operation->count);
            const double latency =
                std::min(static_cast<double>(upper_us) * 1e-6, operation->worst_s);
            curve.emplace_back(x.at(-std::log10(before)), y.at(latency));
            seen += count;
            const double after =
                std::max(1 - static_cast<double>(seen) / static_cast<double>(operation->count),
                         1 / static_cast<double>(operation->count));
            curve.emplace_back(x.at(-std::log10(after)), y.at(latency));
        }
        svg.polyline(curve, color, 2);
    }
    frame(svg, box, "Percentiles: how long the share below took at most");
}

void draw_course(Svg& svg,
                 const Box& box,
                 const Axis& x,
                 const Axis& y,
                 const OperationReport& operation,
                 const char* color,
                 double opacity) {
    for (std::size_t i = 0; i < operation.timeline_us.size(); ++i) {
        if (operation.timeline_us[i] == 0) continue;
        const double from = x.at(static_cast<double>(i) * operation.timeline_bin_s);
        const double to = x.at(static_cast<double>(i + 1) * operation.timeline_bin_s);
        const double top = y.at(static_cast<double>(operation.timeline_us[i]) * 1e-6);
        svg.rectangle(from, top, std::max(to - from, 1.0), box.bottom - top, color, opacity);
    }
}

void mark_stalls(Svg& svg,
                 const Box& box,
                 const Axis& x,
                 const Axis& y,
                 const TargetReport& target,
                 double interval_s) {
    std::vector<GapPoint> longest = target.lease.worst;
    std::sort(longest.begin(), longest.end(), [](const GapPoint& a, const GapPoint& b) {
        return a.length_s > b.length_s;
    });
    std::size_t marked = 0;
    for (const GapPoint& gap : longest) {
        // A gap of hardly more than the interval is no stall.
        if (marked == kStallsMarked || gap.length_s < 2.5 * interval_s) break;
        const double from = x.at(std::max(gap.end_s - gap.length_s, 0.0));
        const double to = x.at(gap.end_s);
        svg.rectangle(from, box.top, std::max(to - from, 2.0), box.bottom - box.top, kStall, 0.2);
        svg.circle((from + to) / 2, y.at(gap.length_s), 3.5, kStall);
        const bool at_end = to > box.right - 70;
        svg.label(at_end ? from - 5 : to + 5,
                  box.top + 10 + 12 * static_cast<double>(marked),
                  short_time(gap.length_s),
                  10,
                  at_end ? Anchor::End : Anchor::Start,
                  kStall);
        ++marked;
    }
    for (const OutstandingReport& out : target.outstanding) {
        const double from = x.at(out.since_s);
        if (&out == &target.outstanding.front()) {
            svg.rectangle(
                from, box.top, std::max(box.right - from, 3.0), box.bottom - box.top, kStall, 0.35);
        }
        const auto row = static_cast<double>(&out - target.outstanding.data());
        svg.label(std::max(from - 5, box.left + 150),
                  box.bottom - 8 - 13 * row,
                  "a " + out.operation + " is still out",
                  11,
                  Anchor::End,
                  kStall);
    }
}

void draw_timeline(Svg& svg,
                   const Box& box,
                   const Measurement& measurement,
                   std::size_t index,
                   const Extent& extent) {
    const TargetReport& target = measurement.targets[index];
    const Axis x(0, std::max(target.duration_s, 0.1), box.left, box.right, false);
    const Axis y(extent.fastest_s, extent.slowest_s, box.bottom, box.top, true);
    latency_marks_y(svg, box, y);
    for (const double mark : x.marks()) {
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), "%g s", mark);
        svg.text(x.at(mark), box.bottom + 15, text.data(), 10, Anchor::Middle);
    }
    if (const OperationReport* operation = main_operation(target)) {
        draw_course(svg, box, x, y, *operation, series_color(index), 0.9);
    }
    // Before the writes, which are longer as a rule and would hide them.
    if (const OperationReport* scan = target.find("scan"))
        draw_course(svg, box, x, y, *scan, "#222", 0.3);
    mark_stalls(svg, box, x, y, target, measurement.interval_s);
    std::string title =
        label_of(target) + ": the longest of each moment; red: nothing renewed the lease";
    if (target.find("scan") != nullptr) title += "; dark: scans";
    if (target.state != "complete") title += "; " + target.state;
    frame(svg, box, title);
    if (target.operations.empty())
        svg.text(box.left + 10,
                 (box.top + box.bottom) / 2,
                 target.problem.substr(0, 150),
                 11,
                 Anchor::Start,
                 kStall);
}

}  // namespace

std::string measurement_chart(const Measurement& measurement) {
    const auto targets = static_cast<double>(measurement.targets.size());
    const double legend_top = kTop + kPanelHeight + 50;
    const double strips_top = legend_top + 16 * targets + 40;
    Svg svg(kWidth, strips_top + targets * (kStripHeight + kStripGap));
    const Extent extent = extent_of(measurement);
    std::array<char, 160> title{};
    std::snprintf(title.data(),
                  title.size(),
                  "holdfast bench %s on %s: a beat every %s%s",
                  measurement.kind.c_str(),
                  measurement.host.substr(0, 60).c_str(),
                  short_time(measurement.interval_s).c_str(),
                  measurement.load > 0 ? ", under competing load" : "");
    svg.text(kMargin, 26, title.data(), 16);
    const double middle = kWidth / 2;
    draw_histogram(svg, {kMargin, middle - 30, kTop, kTop + kPanelHeight}, measurement, extent);
    draw_percentiles(
        svg, {middle + 50, kWidth - 30, kTop, kTop + kPanelHeight}, measurement, extent);
    for (std::size_t i = 0; i < measurement.targets.size(); ++i) {
        const double top = legend_top + 16 * static_cast<double>(i);
        const TargetReport& target = measurement.targets[i];
        svg.rectangle(kMargin, top - 9, 14, 10, series_color(i));
        std::string text = label_of(target);
        if (const OperationReport* operation = main_operation(target)) {
            text += ": median " + short_time(operation->quantile(0.5)) + ", worst " +
                    short_time(operation->worst_s) + " of " + std::to_string(operation->count);
        }
        svg.text(kMargin + 22, top, text, 12);
        const double strip = strips_top + static_cast<double>(i) * (kStripHeight + kStripGap);
        draw_timeline(
            svg, {kMargin, kWidth - 30, strip, strip + kStripHeight}, measurement, i, extent);
    }
    return svg.str();
}

}  // namespace holdfast::measure
