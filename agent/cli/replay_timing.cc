#include "agent/cli/replay_timing.h"

#include <array>
#include <cstdio>
#include <utility>

#include "agent/cli/replay_view.h"
#include "agent/event_line.h"
#include "agent/json_writer.h"
#include "agent/text.h"
#include "agent/timing_text.h"
#include "storage/flight/what_if.h"

namespace holdfast::cli {

namespace {

using flight::WhatIfLine;
using flight::WhatIfReport;

constexpr const char* kCaveat =
    "The recorded events do not react to what is decided otherwise, and answers come at the "
    "recorded "
    "pace: read the\ntimes of the first decisions, and take what follows from them for a hint.";

std::string seconds_text(const std::optional<Trace>& line) {
    if (!line) return "-";
    std::array<char, 32> text{};
    std::snprintf(text.data(),
                  text.size(),
                  "%.3f",
                  std::chrono::duration<double>(line->at.time_since_epoch()).count());
    return text.data();
}

double at_s(const Trace& line) {
    return std::chrono::duration<double>(line.at.time_since_epoch()).count();
}

bool wanted(const ReplayOptions& options, const WhatIfLine& line) {
    const double at = at_s(line.recorded ? *line.recorded : *line.other);
    return at >= options.from_s && (options.to_s == 0 || at <= options.to_s);
}

void print_line(const WhatIfLine& line) {
    std::array<char, 32> shift{};
    if (line.recorded && line.other) {
        std::snprintf(
            shift.data(), shift.size(), "%+.3f", at_s(*line.other) - at_s(*line.recorded));
    }
    const EventLine words = to_event_line(line.recorded ? *line.recorded : *line.other);
    std::printf("%12s %12s %9s  %s [%s]\n",
                seconds_text(line.recorded).c_str(),
                seconds_text(line.other).c_str(),
                shift.data(),
                printable(words.text).c_str(),
                words.id.c_str());
}

void add_json(JsonWriter& json, const WhatIfLine& line) {
    json.begin_object();
    for (const auto& [key, trace] :
         {std::pair{"recorded", &line.recorded}, {"other", &line.other}}) {
        json.key(key);
        if (*trace) {
            json.raw(event_json(to_event_line(**trace)));
        } else {
            json.null();
        }
    }
    json.end_object();
}

}  // namespace

int run_replay_timing(const ReplayOptions& options, const flight::FoundFlights& found) {
    for (const std::string& error : found.errors)
        std::fprintf(stderr, "holdfast: %s\n", error.c_str());
    if (found.flights.empty()) return kUsage;
    JsonWriter json;
    json.begin_object().key("flights").begin_array();
    bool good = found.errors.empty();
    for (const flight::Flight& one : found.flights) {
        if (!options.json) std::printf("%s\n", head_text(one).c_str());
        if (!one.has_beginning()) {
            std::fprintf(stderr, "holdfast: its beginning is gone, so it cannot be stepped.\n");
            good = false;
            continue;
        }
        const Timing& recorded = one.start().config.timing;
        const Result<Timing> timing = parse_timing(options.timing, recorded);
        if (!timing) {
            std::fprintf(stderr, "holdfast: %s\n", timing.error().text.c_str());
            return kUsage;
        }
        const WhatIfReport report = flight::what_if(one, *timing);
        if (report.end == flight::FlightRead::Damaged) good = false;
        json.begin_object().key("host").number(std::uint64_t{one.start().config.self.value()});
        json.key("flight").text(flight_text(one.start().flight)).key("lines").begin_array();
        if (!options.json) {
            std::printf("  recorded: %s\n  other:    %s\n%12s %12s %9s\n",
                        timing_summary(recorded).c_str(),
                        timing_summary(*timing).c_str(),
                        "recorded",
                        "other",
                        "shift");
        }
        for (const WhatIfLine& line : report.lines) {
            if (!wanted(options, line)) continue;
            if (options.json) {
                add_json(json, line);
            } else {
                print_line(line);
            }
        }
        json.end_array().key("end").text(end_word(report.end)).end_object();
        if (!options.json && !report.end_text.empty())
            std::printf("  %s\n", report.end_text.c_str());
    }
    json.end_array().end_object();
    std::printf("%s\n", options.json ? json.str().c_str() : kCaveat);
    return good ? kYes : kNo;
}

}  // namespace holdfast::cli
