// CLOCK_BOOTTIME, the clock of every Instant of this host.
#pragma once

#include <chrono>
#include <ctime>

#include "engine/base/types.h"

namespace holdfast {

[[nodiscard]] inline Instant boot_now() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return Instant{std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec)};
}

}  // namespace holdfast
