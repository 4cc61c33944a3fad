#include "agent/measure/measurement.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace holdfast::measure {

namespace {

std::string error_name(int number) {
    if (number == 0) return {};
    const char* name = ::strerrorname_np(number);
    return name == nullptr ? std::to_string(number) : name;
}

std::string state_of(const TargetResult& result, ChildEnd end, bool anything_out) {
    if (result.state.load() == TargetState::Failed || end == ChildEnd::Crashed) return "failed";
    return end == ChildEnd::Hung || anything_out ? "hung" : "complete";
}

}  // namespace

const char* to_string(Operation operation) {
    switch (operation) {
        case Operation::Write: return "write";
        case Operation::Scan: return "scan";
        case Operation::Cycle: return "cycle";
        case Operation::Wakeup: return "wakeup";
        case Operation::Roundtrip: break;
    }
    return "roundtrip";
}

double OperationReport::quantile(double share) const {
    if (count == 0) return 0;
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count)));
    std::uint64_t seen = 0;
    for (const auto& [upper_us, many] : buckets) {
        seen += many;
        if (seen >= std::max<std::uint64_t>(wanted, 1))
            return std::min(static_cast<double>(upper_us) / 1e6, worst_s);
    }
    return worst_s;
}

double GapReport::complete_above_s() const {
    if (worst.size() >= count || worst.empty()) return 0;
    return std::min_element(
               worst.begin(),
               worst.end(),
               [](const GapPoint& a, const GapPoint& b) { return a.length_s < b.length_s; })
        ->length_s;
}

const OperationReport* TargetReport::find(std::string_view operation) const {
    const auto it = std::find_if(operations.begin(),
                                 operations.end(),
                                 [operation](const auto& one) { return one.name == operation; });
    return it == operations.end() ? nullptr : &*it;
}

OperationReport report_of(const std::string& name, const LatencyHistogram& histogram) {
    OperationReport report;
    report.name = name;
    report.count = histogram.count();
    report.worst_s = in_seconds(histogram.max());
    for (std::size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
        if (histogram.buckets()[i] == 0) continue;
        const auto upper =
            std::chrono::duration_cast<std::chrono::microseconds>(LatencyHistogram::upper_edge(i));
        report.buckets.emplace_back(upper.count(), histogram.buckets()[i]);
    }
    return report;
}

OperationReport report_of(Operation operation, const OperationSeen& seen) {
    OperationReport report = report_of(std::string(to_string(operation)), seen.latency);
    report.errors = seen.errors;
    report.error = error_name(seen.last_errno);
    report.worst_at_s = in_seconds(seen.worst_at);
    report.timeline_bin_s = in_seconds(seen.timeline.bin_width());
    for (std::size_t i = 0; i < seen.timeline.used(); ++i) {
        report.timeline_us.push_back(seen.timeline.longest_us(i));
    }
    return report;
}

GapReport report_of(const GapRecorder& gaps, Instant begun, Duration open) {
    GapReport report;
    report.count = gaps.count();
    report.open_s = in_seconds(open);
    for (const Gap& gap : gaps.worst()) {
        report.worst.push_back({in_seconds(gap.end - begun), in_seconds(gap.length)});
    }
    std::sort(report.worst.begin(), report.worst.end(), [](const GapPoint& a, const GapPoint& b) {
        return a.end_s < b.end_s;
    });
    return report;
}

TargetReport report_of(const std::string& name,
                       const TargetResult& result,
                       ChildEnd end,
                       Instant now) {
    TargetReport report;
    report.name = name;
    report.backend = result.backend.data();
    report.medium = result.medium.data();
    report.features = result.features.data();
    report.problem = result.problem.data();
    report.beats = result.beats.load();
    report.beats_missed = result.beats_missed;
    const Instant begun{Duration{result.begun_at.load()}};
    const std::int64_t ended_ns = result.ended_at.load();
    const Instant ended = ended_ns == 0 ? now : Instant{Duration{ended_ns}};
    const bool measured = result.begun_at.load() != 0;
    report.duration_s = measured ? in_seconds(ended - begun) : 0;
    for (std::size_t i = 0; i < kOperations; ++i) {
        const OperationSeen& seen = result.operations[i];
        const std::int64_t since = seen.out_since.load();
        if (since != 0) {
            const Instant out{Duration{since}};
            report.outstanding.push_back({to_string(static_cast<Operation>(i)),
                                          in_seconds(out - begun),
                                          in_seconds(now - out)});
        }
        if (seen.latency.count() == 0 && seen.errors == 0) continue;
        report.operations.push_back(report_of(static_cast<Operation>(i), seen));
    }
    if (measured) {
        // A process that hangs did not come to write its open gap down.
        const Duration open = ended_ns == 0 ? result.lease.open_gap(now) : result.open_gap;
        report.lease = report_of(result.lease, begun, open);
        report.office = report_of(result.office, begun, Duration::zero());
    }
    report.state = state_of(result, end, !report.outstanding.empty());
    if (end == ChildEnd::Crashed && report.problem.empty())
        report.problem = "the measuring process was killed";
    if (end == ChildEnd::Hung && !measured && report.problem.empty()) {
        report.problem = "preparing hangs: it was " + std::to_string(result.prepared.load()) +
                         " % done and the storage does not answer";
    }
    return report;
}

}  // namespace holdfast::measure
