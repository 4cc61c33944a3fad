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
constexpr double kIntervalMax = 60;  // as `holdfast bench` takes it
constexpr std::uint64_t kCountMax = 1'000'000'000'000;

// Numbers of a file may be anything; what is computed with must be finite and not absurd.
double seconds_of(const Json& value, double unit) {
    const double number = value.get<double>() / unit;
    if (!std::isfinite(number) || number < 0 || number > kSecondsMax) {
        throw std::runtime_error("a time of " + value.dump() + " cannot be");
    }
    return number;
}

// A count, which the parser would otherwise take from a negative number.
std::uint64_t count_of(const Json& value) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kCountMax)
        throw std::runtime_error("a count of " + value.dump() + " cannot be");
    return value.get<std::uint64_t>();
}

std::int64_t microseconds_of(const Json& value) {
    return static_cast<std::int64_t>(std::llround(seconds_of(value, 1e6) * 1e6));
}

OperationReport read_operation(const Json& json) {
    OperationReport operation;
    operation.name = printable(json.at("name").get<std::string>());
    operation.count = count_of(json.at("count"));
    operation.errors = count_of(json.at("errors"));
    if (!json.at("error").is_null())
        operation.error = printable(json.at("error").get<std::string>());
    operation.worst_s = seconds_of(json.at("worst_us"), 1e6);
    operation.worst_at_s = seconds_of(json.at("worst_at_s"), 1);
    std::uint64_t in_buckets = 0;
    for (const Json& bucket : json.at("buckets_us")) {
        operation.buckets.emplace_back(microseconds_of(bucket.at(0)), count_of(bucket.at(1)));
        if (operation.buckets.back().first == 0)
            throw std::runtime_error("a bucket of its histogram ends at zero");
        in_buckets += operation.buckets.back().second;
    }
    if (in_buckets != operation.count) {
        throw std::runtime_error("the histogram of its " + operation.name + "s holds " +
                                 std::to_string(in_buckets) + " of " +
                                 std::to_string(operation.count));
    }
    operation.timeline_bin_s = seconds_of(json.at("timeline_bin_s"), 1);
    for (const Json& longest : json.at("timeline_us"))
        operation.timeline_us.push_back(microseconds_of(longest));
    return operation;
}

GapReport read_gaps(const Json& json) {
    GapReport gaps;
    gaps.count = count_of(json.at("count"));
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
    target.beats = count_of(json.at("beats"));
    target.beats_missed = count_of(json.at("beats_missed"));
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
    if (measurement.interval_s <= 0 || measurement.interval_s > kIntervalMax)
        throw std::runtime_error("an interval of " + json.at("interval_ms").dump() +
                                 " ms cannot be");
    measurement.hosts = count_of(json.at("hosts"));
    measurement.load = count_of(json.at("load"));
    measurement.ended = printable(json.at("ended").get<std::string>());
    for (const Json& target : json.at("targets"))
        measurement.targets.push_back(read_target(target));
    return measurement;
}

}  // namespace

Result<Measurement> parse_measurement(const std::string& text, const std::string& source) {
    try {
        return read(Json::parse(text));
    } catch (const Json::parse_error& error) {
        return Unexpected{Error{0,
                                source +
                                    " cannot be used as a measurement: it is no JSON, or not "
                                    "all of it (at byte " +
                                    std::to_string(error.byte) + "). [HF-5103]"}};
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
    if (text.str().empty()) {
        return Unexpected{Error{0,
                                path + " is empty, or no file: name what `holdfast bench ... "
                                       "--save` wrote. [HF-5103]"}};
    }
    return parse_measurement(text.str(), path);
}

}  // namespace holdfast::measure
