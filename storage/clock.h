// The clock that latencies and lateness are measured with: CLOCK_BOOTTIME, as everywhere in this
// project.
#pragma once

#include "engine/base/types.h"

namespace holdfast {

[[nodiscard]] Instant boottime_now();

}  // namespace holdfast
