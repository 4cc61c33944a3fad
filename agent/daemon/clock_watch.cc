#include "agent/daemon/clock_watch.h"

#include <ctime>

namespace holdfast {

namespace {

// Slewing by NTP moves a clock by at most 0.5 ms a second; more than this at once was set by somebody.
constexpr Duration kJumpMin = std::chrono::seconds{1};

Duration read(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

bool is_jump(Duration span) {
    return span >= kJumpMin || span <= -kJumpMin;
}

}  // namespace

ClockReading read_clocks() {
    return {read(CLOCK_REALTIME), read(CLOCK_BOOTTIME), read(CLOCK_MONOTONIC)};
}

std::optional<ClockJump> ClockWatch::look(const ClockReading& reading) {
    const Duration boottime = reading.boottime - last_.boottime;
    const ClockJump jump{(reading.wall - last_.wall) - boottime,
                         boottime - (reading.monotonic - last_.monotonic)};
    last_ = reading;
    if (!is_jump(jump.wall) && !is_jump(jump.suspended)) return std::nullopt;
    return jump;
}

}  // namespace holdfast
