#include "tests/sim/run/printed_log.h"

#include <array>

#include "tests/sim/check/violation.h"

namespace holdfast::sim {

std::string world_line(WorldTime at, HostId host, const std::string& text) {
    if (host.is_none()) return text_of("%11.6f world %s", in_seconds(at), text.c_str());
    return text_of("%11.6f world host %u: %s", in_seconds(at), host.value(), text.c_str());
}

std::string engine_line(WorldTime at, HostId host, const Trace& trace) {
    std::array<char, kTraceTextMax> text{};
    trace_text(trace, text.data(), text.size());
    return text_of("%11.6f h%-4u %s", in_seconds(at), host.value(), text.data());
}

}  // namespace holdfast::sim
