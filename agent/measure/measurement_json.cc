// The measurement as JSON; docs/JSON.md is the contract.
#include <cmath>

#include "agent/json_writer.h"
#include "agent/measure/measurement.h"

namespace holdfast::measure {

namespace {

std::int64_t to_us(double seconds) {
    return std::llround(seconds * 1e6);
}

void write_operation(JsonWriter& json, const OperationReport& operation) {
    json.begin_object().key("name").text(operation.name);
    json.key("count").number(operation.count);
    json.key("errors").number(operation.errors);
    json.key("error");
    if (operation.error.empty()) {
        json.null();
    } else {
        json.text(operation.error);
    }
    constexpr std::pair<const char*, double> kShares[] = {{"p50_us", 0.5},
                                                          {"p90_us", 0.9},
                                                          {"p99_us", 0.99},
                                                          {"p99_9_us", 0.999},
                                                          {"p99_99_us", 0.9999},
                                                          {"p99_999_us", 0.99999}};
    for (const auto& [name, share] : kShares)
        json.key(name).number(to_us(operation.quantile(share)));
    json.key("worst_us").number(to_us(operation.worst_s));
    json.key("worst_at_s").decimal(operation.worst_at_s, 3);
    json.key("buckets_us").begin_array();
    for (const auto& [upper, count] : operation.buckets) {
        json.begin_array().number(upper).number(count).end_array();
    }
    json.end_array();
    json.key("timeline_bin_s").decimal(operation.timeline_bin_s, 3);
    json.key("timeline_us").begin_array();
    for (const std::int64_t longest : operation.timeline_us) json.number(longest);
    json.end_array().end_object();
}

void write_gaps(JsonWriter& json, const char* name, const GapReport& gaps) {
    json.key(name).begin_object().key("count").number(gaps.count);
    json.key("open_us").number(to_us(gaps.open_s));
    json.key("longest").begin_array();
    for (const GapPoint& gap : gaps.worst) {
        json.begin_array().decimal(gap.end_s, 6).number(to_us(gap.length_s)).end_array();
    }
    json.end_array().end_object();
}

void write_target(JsonWriter& json, const TargetReport& target) {
    json.begin_object().key("name").text(target.name);
    json.key("backend").text(target.backend);
    json.key("medium").text(target.medium);
    json.key("features").text(target.features);
    json.key("state").text(target.state);
    json.key("problem");
    if (target.problem.empty()) {
        json.null();
    } else {
        json.text(target.problem);
    }
    json.key("duration_s").decimal(target.duration_s, 3);
    json.key("beats").number(target.beats);
    json.key("beats_missed").number(target.beats_missed);
    json.key("operations").begin_array();
    for (const OperationReport& operation : target.operations) write_operation(json, operation);
    json.end_array();
    write_gaps(json, "lease_gaps", target.lease);
    write_gaps(json, "office_gaps", target.office);
    json.key("outstanding").begin_array();
    for (const OutstandingReport& out : target.outstanding) {
        json.begin_object().key("operation").text(out.operation);
        json.key("since_s").decimal(out.since_s, 3);
        json.key("age_s").decimal(out.age_s, 3).end_object();
    }
    json.end_array().end_object();
}

}  // namespace

std::string to_json(const Measurement& measurement) {
    JsonWriter json;
    json.begin_object().key("format").text("holdfast-measurement");
    json.key("version").number(std::int64_t{kMeasurementVersion});
    json.key("kind").text(measurement.kind);
    json.key("host").text(measurement.host);
    json.key("begun_unix_s").number(measurement.begun_unix_s);
    json.key("interval_ms").decimal(measurement.interval_s * 1e3, 3);
    json.key("hosts").number(measurement.hosts);
    json.key("load").number(measurement.load);
    json.key("ended").text(measurement.ended);
    json.key("targets").begin_array();
    for (const TargetReport& target : measurement.targets) write_target(json, target);
    json.end_array().end_object();
    return json.str();
}

}  // namespace holdfast::measure
