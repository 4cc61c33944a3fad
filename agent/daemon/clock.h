// The clock of every Instant in production: CLOCK_BOOTTIME, which goes on through suspends and is never set.
#pragma once

#include <ctime>

#include "engine/base/types.h"

namespace holdfast {

// Any thread; a vDSO call, never blocks.
[[nodiscard]] inline Instant boottime_now() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return Instant{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
}

}  // namespace holdfast
