// Reading a measurement back; the one file of this folder that includes the JSON parser.
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/measure/measurement.h"
#include "agent/text.h"

namespace holdfast::measure {

namespace {

using Json = nlohmann::json;

constexpr double kSecondsMax = 1e9;

// Numbers of a file may be anything; what is computed with must be finite and not absurd.
double seconds_of(const Json& value, double unit) {
    const double number = value.get<double>() / unit;
    if (!std::isfinite(number) || number < 0 || number > kSecondsMax) {
        throw std::runtime_error("a time of " + value.dump() + " cannot be");
    }
    return number;
}

OperationReport read_operation(const Json& json) {
    OperationReport operation;
    operation.name = printable(json.at("name").get<std::string>());
    operation.count = json.at("count").get<std::uint64_t>();
    operation.errors = json.at("errors").get<std::uint64_t>();
    if (!json.at("error").is_null())
        operation.error = printable(json.at("error").get<std::string>());
    operation.worst_s = seconds_of(json.at("worst_us"), 1e6);
    operation.worst_at_s = seconds_of(json.at("worst_at_s"), 1);
    for (const Json& bucket : json.at("buckets_us")) {
        operation.buckets.emplace_back(bucket.at(0).get<std::int64_t>(),
                                       bucket.at(1).get<std::uint64_t>());
    }
    operation.timeline_bin_s = seconds_of(json.at("timeline_bin_s"), 1);
    for (const Json& longest : json.at("timeline_us"))
        operation.timeline_us.push_back(longest.get<std::int64_t>());
    return operation;
}

GapReport read_gaps(const Json& json) {
    GapReport gaps;
    gaps.count = json.at("count").get<std::uint64_t>();
    gaps.open_s = seconds_of(json.at("open_us"), 1e6);
    for (const Json& gap : json.at("longest")) {
        gaps.worst.push_back({seconds_of(gap.at(0), 1), seconds_of(gap.at(1), 1e6)});
    }
    if (gaps.worst.size() > gaps.count)
        throw std::runtime_error("more gaps are listed than were counted");
    return gaps;
}

TargetReport read_target(const Json& json) {
    TargetReport target;
    target.name = printable(json.at("name").get<std::string>());
    target.backend = printable(json.at("backend").get<std::string>());
    target.medium = printable(json.at("medium").get<std::string>());
    target.features = printable(json.at("features").get<std::string>());
    target.state = printable(json.at("state").get<std::string>());
    if (!json.at("problem").is_null())
        target.problem = printable(json.at("problem").get<std::string>());
    target.duration_s = seconds_of(json.at("duration_s"), 1);
    target.beats = json.at("beats").get<std::uint64_t>();
    target.beats_missed = json.at("beats_missed").get<std::uint64_t>();
    for (const Json& operation : json.at("operations"))
        target.operations.push_back(read_operation(operation));
    target.lease = read_gaps(json.at("lease_gaps"));
    target.office = read_gaps(json.at("office_gaps"));
    for (const Json& out : json.at("outstanding")) {
        target.outstanding.push_back({printable(out.at("operation").get<std::string>()),
                                      seconds_of(out.at("since_s"), 1),
                                      seconds_of(out.at("age_s"), 1)});
    }
    return target;
}

Measurement read(const Json& json) {
    if (!json.is_object() || json.value("format", "") != "holdfast-measurement") {
        throw std::runtime_error("it is not the --json output of `holdfast bench`");
    }
    const int version = json.at("version").get<int>();
    if (version != kMeasurementVersion) {
        throw std::runtime_error(
            "it has version " + std::to_string(version) + ", this command reads version " +
            std::to_string(kMeasurementVersion) + ": measure again with this release");
    }
    Measurement measurement;
    measurement.kind = printable(json.at("kind").get<std::string>());
    measurement.host = printable(json.at("host").get<std::string>());
    measurement.begun_unix_s = json.at("begun_unix_s").get<std::int64_t>();
    measurement.interval_s = seconds_of(json.at("interval_ms"), 1e3);
    if (measurement.interval_s <= 0) throw std::runtime_error("its interval is zero");
    measurement.hosts = json.at("hosts").get<std::uint64_t>();
    measurement.load = json.at("load").get<std::uint64_t>();
    measurement.ended = printable(json.at("ended").get<std::string>());
    for (const Json& target : json.at("targets"))
        measurement.targets.push_back(read_target(target));
    return measurement;
}

}  // namespace

Result<Measurement> parse_measurement(const std::string& text, const std::string& source) {
    try {
        return read(Json::parse(text));
    } catch (const std::exception& error) {
        return Unexpected{Error{0,
                                source + " cannot be used as a measurement: " +
                                    printable(error.what()) + ". [HF-5103]"}};
    }
}

Result<Measurement> load_measurement(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        return Unexpected{
            Error{errno, path + " cannot be read: " + std::strerror(errno) + ". [HF-5103]"}};
    }
    std::stringstream text;
    text << file.rdbuf();
    return parse_measurement(text.str(), path);
}

}  // namespace holdfast::measure
