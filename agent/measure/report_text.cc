#include "agent/measure/report_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "agent/text.h"

namespace holdfast::measure {

namespace {

constexpr std::size_t kStallsShown = 5;
constexpr std::size_t kBarWidth = 50;
constexpr std::array<double, 6> kShares{0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999};

// A percentile that fewer operations than its inverse stand for says nothing.
std::string percentile(const OperationReport& operation, double share) {
    if (static_cast<double>(operation.count) * (1 - share) < 0.999) return "-";
    return short_time(operation.quantile(share));
}

std::string one_decimal(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

std::string operations_table(const TargetReport& target) {
    std::string text = text_line("  %-10s %8s %6s %10s %10s %10s %10s %10s %10s %10s %10s",
                                 "OPERATION",
                                 "COUNT",
                                 "FAILED",
                                 "P50",
                                 "P90",
                                 "P99",
                                 "P99.9",
                                 "P99.99",
                                 "P99.999",
                                 "WORST",
                                 "AT");
    for (const OperationReport& operation : target.operations) {
        std::array<std::string, kShares.size()> shown;
        const std::string at = one_decimal(operation.worst_at_s) + " s";
        for (std::size_t i = 0; i < kShares.size(); ++i)
            shown[i] = percentile(operation, kShares[i]);
        text += text_line("  %-10s %8llu %6llu %10s %10s %10s %10s %10s %10s %10s %10s%s%s",
                          operation.name.c_str(),
                          static_cast<unsigned long long>(operation.count),
                          static_cast<unsigned long long>(operation.errors),
                          shown[0].c_str(),
                          shown[1].c_str(),
                          shown[2].c_str(),
                          shown[3].c_str(),
                          shown[4].c_str(),
                          shown[5].c_str(),
                          operation.count == 0 ? "-" : short_time(operation.worst_s).c_str(),
                          operation.count == 0 ? "-" : at.c_str(),
                          operation.error.empty() ? "" : "  last error ",
                          operation.error.c_str());
    }
    return text;
}

// One bar for each doubling of the latency.
std::string histogram(const OperationReport& operation) {
    std::map<int, std::uint64_t> doublings;
    for (const auto& [upper_us, count] : operation.buckets) {
        doublings[static_cast<int>(std::ceil(std::log2(static_cast<double>(upper_us))))] += count;
    }
    if (doublings.empty()) return {};
    std::uint64_t most = 0;
    for (const auto& [power, count] : doublings) most = std::max(most, count);
    std::string text = text_line("  %s, by doubling:", operation.name.c_str());
    for (int power = doublings.begin()->first; power <= doublings.rbegin()->first; ++power) {
        const auto it = doublings.find(power);
        const std::uint64_t count = it == doublings.end() ? 0 : it->second;
        // Logarithmic, so that one stall among a million beats is still seen.
        const double share = count == 0 ? 0
                                        : std::log1p(static_cast<double>(count)) /
                                              std::log1p(static_cast<double>(most));
        const auto width = static_cast<std::size_t>(std::ceil(share * kBarWidth));
        text += text_line("    < %-10s %9llu %s",
                          short_time(std::exp2(power) / 1e6).c_str(),
                          static_cast<unsigned long long>(count),
                          std::string(width, '#').c_str());
    }
    return text;
}

std::string stalls(const TargetReport& target, double interval_s) {
    std::vector<GapPoint> longest = target.lease.worst;
    if (longest.empty()) return {};
    std::sort(longest.begin(), longest.end(), [](const GapPoint& a, const GapPoint& b) {
        return a.length_s > b.length_s;
    });
    longest.resize(std::min(longest.size(), kStallsShown));
    std::string text = text_line(
        "  %s; the longest times without one, which a lease must outlast:",
        target.backend.empty() ? ("an answer comes every " + short_time(interval_s)).c_str()
                               : ("the lease is renewed every " + short_time(interval_s)).c_str());
    for (const GapPoint& gap : longest) {
        text +=
            text_line("    %-10s until second %.2f", short_time(gap.length_s).c_str(), gap.end_s);
    }
    return text;
}

std::string target_text(const Measurement& measurement, const TargetReport& target) {
    if (target.duration_s <= 0) {
        return text_line(
                   "%s: %s, nothing was measured", target.name.c_str(), target.state.c_str()) +
               "  " + target.problem + "\n";
    }
    std::string text = text_line(
        "%s%s%s: %s, %s, %.1f s, %llu beats%s",
        target.name.c_str(),
        target.backend.empty() ? "" : " by ",
        target.backend.c_str(),
        target.state.c_str(),
        target.medium.c_str(),
        target.duration_s,
        static_cast<unsigned long long>(target.beats),
        target.beats_missed == 0 ? ""
                                 : (", " + std::to_string(target.beats_missed) +
                                    " of them without a write because the one before was still out")
                                       .c_str());
    if (!target.problem.empty()) text += "  " + target.problem + "\n";
    if (!target.features.empty()) text += "  " + target.features + "\n";
    for (const OutstandingReport& out : target.outstanding) {
        text += text_line(
            "  STILL OUT: a %s since second %.2f, for %s now; its end would not be waited for.",
            out.operation.c_str(),
            out.since_s,
            short_time(out.age_s).c_str());
    }
    if (target.operations.empty()) return text;
    text += operations_table(target);
    const OperationReport* shown = target.find("write");
    if (shown == nullptr) shown = target.find("roundtrip");
    if (shown != nullptr) text += histogram(*shown);
    if (target.lease.open_s > 2 * measurement.interval_s) {
        text += text_line("  when the measurement ended, nothing had been renewed for %s.",
                          short_time(target.lease.open_s).c_str());
    }
    return text + stalls(target, measurement.interval_s);
}

std::string comparison(const Measurement& measurement) {
    const char* operation = measurement.kind == "net" ? "roundtrip" : "cycle";
    std::string text = text_line("%-40s %-9s %10s %10s %10s %10s %12s %10s",
                                 "COMPARED",
                                 "BACKEND",
                                 "P50",
                                 "P99",
                                 "P99.9",
                                 "WORST",
                                 "LONGEST GAP",
                                 "P50 RATIO");
    double first = 0;
    for (const TargetReport& target : measurement.targets) {
        const OperationReport* seen = target.find(operation);
        if (seen == nullptr || seen->count == 0) {
            text += text_line(
                "%-40s %-9s %s", target.name.c_str(), target.backend.c_str(), target.state.c_str());
            continue;
        }
        if (first == 0) first = seen->quantile(0.5);
        double longest = target.lease.open_s;
        for (const GapPoint& gap : target.lease.worst) longest = std::max(longest, gap.length_s);
        text += text_line("%-40s %-9s %10s %10s %10s %10s %12s %10.2f%s%s",
                          target.name.c_str(),
                          target.backend.c_str(),
                          percentile(*seen, 0.5).c_str(),
                          percentile(*seen, 0.99).c_str(),
                          percentile(*seen, 0.999).c_str(),
                          short_time(seen->worst_s).c_str(),
                          short_time(longest).c_str(),
                          first > 0 ? seen->quantile(0.5) / first : 0,
                          target.state == "complete" ? "" : "  ",
                          target.state == "complete" ? "" : target.state.c_str());
    }
    return text;
}

// How the report is to be read, and what comes next.
std::string legend(const Measurement& measurement) {
    bool any = false;
    for (const TargetReport& target : measurement.targets) any = any || target.duration_s > 0;
    if (!any) return {};
    std::string text = measurement.kind == "net"
                           ? "A beat every " + short_time(measurement.interval_s) + ". "
                           : "Every " + short_time(measurement.interval_s) +
                                 " a write of one slot (4 KiB) and a "
                                 "scan of " +
                                 std::to_string(measurement.hosts) + " slots; cycle: both. ";
    if (measurement.load > 0)
        text += "Beside them " + std::to_string(measurement.load) +
                " workers of competing I/O on each. ";
    return text +
           "wakeup: how late this process ran, the host's fault. -: too few for this percentile. "
           "`holdfast tune` tells from a saved measurement (--save) which timing it allows.\n";
}

}  // namespace

std::string short_time(double seconds) {
    std::array<char, 32> text{};
    if (seconds < 0.9995e-3) {
        std::snprintf(text.data(), text.size(), "%.0f us", seconds * 1e6);
    } else if (seconds < 0.9995) {
        std::snprintf(
            text.data(), text.size(), seconds < 0.09995 ? "%.2f ms" : "%.0f ms", seconds * 1e3);
    } else {
        std::snprintf(text.data(), text.size(), seconds < 99.995 ? "%.2f s" : "%.0f s", seconds);
    }
    return text.data();
}

std::string report_text(const Measurement& measurement) {
    std::string text;
    for (const TargetReport& target : measurement.targets)
        text += target_text(measurement, target) + "\n";
    if (measurement.targets.size() > 1) text += comparison(measurement) + "\n";
    text += legend(measurement);
    if (measurement.ended == "interrupted")
        text += "The measurement was ended early; this is what was seen until then.\n";
    return text;
}

std::string progress_text(SharedResults& results, Duration duration, Instant now) {
    std::uint64_t beats = 0;
    std::int64_t worst = 0;
    std::int64_t oldest = 0;
    double elapsed = 0;
    std::uint32_t prepared = 100;
    for (TargetResult& result : results.all()) {
        beats += result.beats.load();
        worst = std::max(worst, result.worst_ns.load());
        const std::int64_t begun = result.begun_at.load();
        if (begun == 0 && result.state.load() == TargetState::Preparing) {
            prepared = std::min(prepared, result.prepared.load());
        }
        if (begun != 0)
            elapsed = std::max(
                elapsed, std::chrono::duration<double>(now - Instant{Duration{begun}}).count());
        for (const OperationSeen& seen : result.operations) {
            const std::int64_t out = seen.out_since.load();
            if (out != 0) oldest = std::max(oldest, now.time_since_epoch().count() - out);
        }
    }
    if (beats == 0) return "preparing: " + std::to_string(prepared) + " %";
    const double whole = std::chrono::duration<double>(duration).count();
    std::array<char, 160> text{};
    std::snprintf(text.data(),
                  text.size(),
                  "%.0f of %.0f s, %llu beats, worst %s",
                  std::min(elapsed, whole),
                  whole,
                  static_cast<unsigned long long>(beats),
                  short_time(static_cast<double>(worst) / 1e9).c_str());
    std::string shown = text.data();
    if (oldest > 1'000'000'000)
        shown += ", something is out for " + short_time(static_cast<double>(oldest) / 1e9);
    return shown;
}

}  // namespace holdfast::measure
