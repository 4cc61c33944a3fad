// LogSink: how one thread says something.  A line goes into the thread's own ring and is taken out by the control loop; nothing here
// blocks or allocates, and a full ring loses the line and counts it.
//
// Thread safety: say() and trace() belong to the one thread that owns the sink; take() and lost() to the control loop.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "agent/daemon/wakeup.h"
#include "agent/message.h"
#include "engine/base/types.h"
#include "engine/lockfree/ring.h"
#include "engine/machine/trace.h"

namespace holdfast {

inline constexpr std::size_t kLogTextMax = 480;

// Either a line of the engine's trace or a message of the agent.
struct LogRecord {
    bool is_trace = false;
    MessageId id = MessageId::AgentStarted;
    Instant at;
    HostId host;
    std::uint16_t text_length = 0;
    Trace trace;
    std::array<char, kLogTextMax> text{};
};

class LogSink {
  public:
    LogSink(std::size_t capacity, const Wakeup& reader) : ring_(capacity), reader_(reader) {}

    void say(MessageId id,
             std::initializer_list<std::string_view> arguments,
             HostId host = HostId{});

    void trace(const Trace& trace);

    // The reader's side.
    [[nodiscard]] bool take(LogRecord& record) { return ring_.try_pop(record); }

    // Lines lost since the last call.
    [[nodiscard]] std::uint64_t take_lost() { return lost_.exchange(0, std::memory_order_relaxed); }

  private:
    void push();

    Ring<LogRecord> ring_;
    const Wakeup& reader_;
    LogRecord record_;  // built here, because it is large for a stack
    std::atomic<std::uint64_t> lost_{0};
};

}  // namespace holdfast
