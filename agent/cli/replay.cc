#include "storage/flight/replay.h"

#include <cstdio>
#include <string>
#include <vector>

#include "agent/cli/options.h"
#include "agent/cli/replay_timing.h"
#include "agent/cli/replay_view.h"
#include "agent/event_line.h"
#include "agent/json_writer.h"
#include "agent/text.h"

namespace holdfast::cli {

namespace {

using flight::Flight;
using flight::FlightRead;
using flight::ReplayReport;

// What is wanted of the trace.
struct Window {
    double from_s = 0;
    double to_s = 0;  // 0: to the end

    [[nodiscard]] bool has(Instant at) const {
        const double at_s = std::chrono::duration<double>(at.time_since_epoch()).count();
        return at_s >= from_s && (to_s == 0 || at_s <= to_s);
    }
};

// The first lines that differ: of one step, or of none when only actions do.
void print_difference(const ReplayReport& report) {
    const auto print = [](const char* whose, const std::vector<Trace>& lines) {
        for (const Trace& line : lines) {
            std::printf("  %s %s", whose, line_view(line).c_str());
        }
        if (lines.empty()) std::printf("  %s nothing\n", whose);
    };
    std::printf("different at event %llu, %.3f s:\n",
                static_cast<unsigned long long>(report.difference->step),
                std::chrono::duration<double>(report.difference->at.time_since_epoch()).count());
    print("recorded:", report.difference->recorded);
    print("replayed:", report.difference->replayed);
    if (!report.difference->in_lines) {
        std::printf("  The lines are equal; the engine asked for other actions.\n");
    }
}

void print_report(const ReplayReport& report, const std::string& software) {
    if (report.difference) {
        print_difference(report);
        if (software != HF_VERSION) {
            std::printf("  Recorded by holdfast %s, replayed by " HF_VERSION
                        ": another engine may decide otherwise.\n",
                        software.c_str());
        }
        return;
    }
    const bool comparable = report.end != FlightRead::Damaged && report.end != FlightRead::Gap;
    std::printf("%s: %s\n",
                comparable ? "identical" : "identical only up to there",
                totals_text(report).c_str());
    if (!report.end_text.empty()) std::printf("  %s\n", report.end_text.c_str());
    if (report.end == FlightRead::Gap) {
        std::printf("  What the engine knew after that cannot be told; the replay stops there.\n");
    }
}

void add_json(JsonWriter& json, const Flight& one, const ReplayReport& report, bool replayed) {
    const flight::FlightStart& start = one.start();
    json.key("host").number(std::uint64_t{start.config.self.value()});
    json.key("flight").text(flight_text(start.flight));
    json.key("incarnation").text(incarnation_text(start.config.incarnation));
    json.key("software").text(one.segments.front().header.software);
    json.key("segments").number(std::uint64_t{one.segments.size()});
    json.key("replayed").flag(replayed);
    json.key("identical").flag(replayed && report.identical());
    json.key("end").text(replayed ? end_word(report.end) : "no beginning");
    json.key("end_text").text(report.end_text);
    json.key("steps").number(report.steps);
    json.key("lines").number(report.lines);
    json.key("seconds").decimal(report.steps == 0 ? 0 : seconds_between(report.first, report.last),
                                3);
    json.key("difference");
    if (!report.difference) {
        json.null();
        return;
    }
    const auto lines = [&json](const char* key, const std::vector<Trace>& list) {
        json.key(key).begin_array();
        for (const Trace& line : list) json.raw(event_json(to_event_line(line)));
        json.end_array();
    };
    json.begin_object().key("step").number(report.difference->step);
    lines("recorded", report.difference->recorded);
    lines("replayed", report.difference->replayed);
    json.end_object();
}

// Whether the flight could be stepped and came out the same.
bool replay_one(const Flight& one, const ReplayOptions& options, JsonWriter* json) {
    const Window window{options.from_s, options.to_s};
    if (json == nullptr) std::printf("%s\n", head_text(one).c_str());
    if (json != nullptr) json->begin_object().key("events").begin_array();
    ReplayReport report;
    const bool whole = one.has_beginning();
    const auto listener = [&](const std::vector<Trace>& /*recorded*/,
                              const std::vector<Trace>& replayed) {
        for (const Trace& line : replayed) {
            if (!window.has(line.at)) continue;
            if (json != nullptr) {
                json->raw(event_json(to_event_line(line)));
            } else if (!options.quiet) {
                std::printf("%s", line_view(line).c_str());
            }
        }
    };
    if (whole) {
        report = flight::replay(one, listener);
    } else {
        report.end_text =
            "its beginning is gone (it begins with segment " + std::to_string(one.start().segment) +
            "), so it cannot be stepped; log.flight_bytes_max decides how much is kept.";
    }
    if (json != nullptr) {
        json->end_array();
        add_json(*json, one, report, whole);
        json->end_object();
    } else if (whole) {
        print_report(report, one.segments.front().header.software);
    } else {
        std::printf("not replayed: %s\n", report.end_text.c_str());
    }
    return whole && report.identical();
}

}  // namespace

int run_replay(const ReplayOptions& options) {
    const flight::FoundFlights found = flight::find_flights(options.logs);
    if (!options.timing.empty()) return run_replay_timing(options, found);
    bool good = found.errors.empty();
    JsonWriter writer;
    JsonWriter* json = options.json ? &writer : nullptr;
    if (json != nullptr) json->begin_object().key("flights").begin_array();
    for (const Flight& one : found.flights) good = replay_one(one, options, json) && good;
    if (json != nullptr) {
        json->end_array().key("errors").begin_array();
        for (const std::string& error : found.errors) json->text(error);
        json->end_array().end_object();
        std::printf("%s\n", json->str().c_str());
    }
    for (const std::string& error : found.errors)
        std::fprintf(stderr, "holdfast: %s\n", error.c_str());
    if (found.flights.empty()) return kUsage;
    return good ? kYes : kNo;
}

}  // namespace holdfast::cli
