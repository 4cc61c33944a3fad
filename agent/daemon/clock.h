// The clock of every Instant in production: CLOCK_BOOTTIME, which goes on through suspends and is never set.
#pragma once

#include <cstdint>
#include <ctime>

#include "engine/base/types.h"

namespace holdfast {

// Any thread; a vDSO call, never blocks.
[[nodiscard]] inline Instant boottime_now() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return Instant{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
}

// For what people read: the engine counts nanoseconds.
[[nodiscard]] inline std::int64_t to_us(Duration span) {
    return std::chrono::duration_cast<std::chrono::microseconds>(span).count();
}

}  // namespace holdfast
