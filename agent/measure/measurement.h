// Measurement: what `holdfast bench` saw, as it is written to a file and read by `holdfast tune`.  Seconds are of the
// measurement itself, from its beginning.  docs/JSON.md is the contract of the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/measure/supervise.h"
#include "agent/measure/target_result.h"
#include "engine/base/result.h"

namespace holdfast::measure {

inline constexpr int kMeasurementVersion = 1;
// The medium of a target that is no storage.
inline constexpr const char* kMediumNetwork = "udp";

struct OperationReport {
    std::string name;
    std::uint64_t count = 0;
    std::uint64_t errors = 0;
    std::string error;  // the last one's name, or empty
    double worst_s = 0;
    double worst_at_s = 0;
    std::vector<std::pair<std::int64_t, std::uint64_t>>
        buckets;  // exclusive upper edge in µs, how many
    double timeline_bin_s = 0;
    std::vector<std::int64_t> timeline_us;  // the longest of each bin; 0: none

    // The upper edge, in seconds, of the bucket in which the share lies, at most worst_s; 0 when empty.
    [[nodiscard]] double quantile(double share) const;
};

struct GapPoint {
    double end_s = 0;
    double length_s = 0;

    friend bool operator==(const GapPoint&, const GapPoint&) = default;
};

// Renewals of a lease (storage/gap_recorder.h).
struct GapReport {
    std::uint64_t count = 0;
    std::vector<GapPoint> worst;  // by end_s
    double open_s = 0;            // age of the lease when the measurement ended

    // Every gap longer than this is in `worst`.
    [[nodiscard]] double complete_above_s() const;
};

struct OutstandingReport {
    std::string operation;
    double since_s = 0;
    double age_s = 0;  // when the report was made
};

struct TargetReport {
    std::string name;     // path, or the peer's address
    std::string backend;  // empty for the network
    std::string medium;   // "file", "block device", "udp"
    std::string features;
    std::string state;  // "complete", "failed", "hung"
    std::string problem;
    double duration_s = 0;
    std::uint64_t beats = 0;
    std::uint64_t beats_missed = 0;
    std::vector<OperationReport> operations;
    GapReport lease;
    GapReport office;
    std::vector<OutstandingReport> outstanding;

    [[nodiscard]] const OperationReport* find(std::string_view operation) const;
};

struct Measurement {
    std::string kind;  // "datastore", "net", "agent"
    std::string host;
    std::int64_t begun_unix_s = 0;
    double interval_s = 0;
    std::uint64_t hosts = 0;
    std::uint64_t load = 0;  // competing workers for each datastore
    std::string ended;       // "complete", "interrupted"
    std::vector<TargetReport> targets;
};

// What a measuring process left behind.
[[nodiscard]] TargetReport report_of(const std::string& name,
                                     const TargetResult& result,
                                     ChildEnd end,
                                     Instant now);

[[nodiscard]] OperationReport report_of(Operation operation, const OperationSeen& seen);
[[nodiscard]] OperationReport report_of(const std::string& name, const LatencyHistogram& histogram);
// Instants become seconds since `begun`.
[[nodiscard]] GapReport report_of(const GapRecorder& gaps, Instant begun, Duration open);

[[nodiscard]] std::string to_json(const Measurement& measurement);

// The error names `source` and what is wrong with it.
[[nodiscard]] Result<Measurement> parse_measurement(const std::string& text,
                                                    const std::string& source);
[[nodiscard]] Result<Measurement> load_measurement(const std::string& path);

}  // namespace holdfast::measure
