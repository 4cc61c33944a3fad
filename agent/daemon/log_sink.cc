#include "agent/daemon/log_sink.h"

#include "agent/daemon/clock.h"

namespace holdfast {

void LogSink::say(MessageId id, std::initializer_list<std::string_view> arguments, HostId host) {
    record_.is_trace = false;
    record_.id = id;
    record_.at = boottime_now();
    record_.host = host;
    record_.text_length = static_cast<std::uint16_t>(
        format_message(id, arguments, {record_.text.data(), record_.text.size()}));
    push();
}

void LogSink::trace(const Trace& trace) {
    record_.is_trace = true;
    record_.at = trace.at;
    record_.trace = trace;
    push();
}

void LogSink::push() {
    if (!ring_.try_push(record_)) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    reader_.signal();
}

}  // namespace holdfast
