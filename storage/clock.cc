#include "storage/clock.h"

#include <time.h>

namespace holdfast {

Instant boottime_now() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return Instant{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}

}  // namespace holdfast
