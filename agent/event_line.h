// EventLine: one line of what happened, as the log, `holdfast events` and the flight recorder's file show it.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/types.h"
#include "engine/machine/trace.h"

namespace holdfast {

struct EventLine {
    Instant at;
    std::string id;  // "HF-3004"
    TraceLevel level = TraceLevel::Info;
    std::string event;  // short name: trace_event_name(), or that of an agent message
    HostId host;        // none: concerns no host
    std::string vm;     // its name; empty: concerns no VM
    std::string text;   // one sentence
};

// "error", "warning", "notice", "info", "debug".
[[nodiscard]] const char* level_text(TraceLevel level);

// {"time_s":1234.567,"id":"HF-3004","level":"notice","event":"dead","host":2,"vm":null,"text":"…"}; docs/JSON.md.
[[nodiscard]] std::string event_json(const EventLine& line);

// "1234.567 h1 notice host 2 is dead: … [HF-3004]", without a line end.  `host_name` is this host's.
[[nodiscard]] std::string log_text(const EventLine& line, const std::string& host_name);

[[nodiscard]] EventLine to_event_line(const Trace& trace);

}  // namespace holdfast
