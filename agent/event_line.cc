#include "agent/event_line.h"

#include <array>
#include <cstdio>

#include "agent/json_writer.h"
#include "agent/text.h"

namespace holdfast {

namespace {

double seconds_of(Instant at) {
    return std::chrono::duration<double>(at.time_since_epoch()).count();
}

}  // namespace

const char* level_text(TraceLevel level) {
    switch (level) {
        case TraceLevel::Error: return "error";
        case TraceLevel::Warning: return "warning";
        case TraceLevel::Notice: return "notice";
        case TraceLevel::Info: return "info";
        case TraceLevel::Debug: break;
    }
    return "debug";
}

std::string event_json(const EventLine& line) {
    JsonWriter json;
    json.begin_object();
    json.key("time_s").decimal(seconds_of(line.at), 3);
    json.key("id").text(line.id);
    json.key("level").text(level_text(line.level));
    json.key("event").text(line.event);
    json.key("host");
    if (line.host.is_none()) {
        json.null();
    } else {
        json.number(std::uint64_t{line.host.value()});
    }
    json.key("vm");
    if (line.vm.empty()) {
        json.null();
    } else {
        json.text(line.vm);
    }
    json.key("text").text(line.text);
    json.end_object();
    return json.str();
}

std::string log_text(const EventLine& line, const std::string& host_name) {
    std::array<char, 32> time{};
    std::snprintf(time.data(), time.size(), "%.3f", seconds_of(line.at));
    return std::string(time.data()) + " " + host_name + " " + level_text(line.level) + " " +
           printable(line.text) + " [" + line.id + "]";
}

EventLine to_event_line(const Trace& trace) {
    std::array<char, kTraceTextMax> text{};
    const std::size_t length = trace_text(trace, text.data(), text.size());
    EventLine line;
    line.at = trace.at;
    line.id = trace_id(trace);
    line.level = trace_level(trace);
    line.event = trace_event_name(trace);
    line.host = trace.who.host;
    line.vm = std::string(trace.vm_name.view());
    if (line.vm.empty() && !trace.vm.is_none()) line.vm = uuid_text(trace.vm);
    line.text.assign(text.data(), length);
    return line;
}

}  // namespace holdfast
