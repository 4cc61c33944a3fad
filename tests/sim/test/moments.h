#pragma once

#include "tests/sim/world/time.h"

namespace holdfast::sim {

// The moment `millis` after the world began.
[[nodiscard]] constexpr WorldTime at(std::int64_t millis) {
    return kWorldStart + std::chrono::milliseconds{millis};
}

}  // namespace holdfast::sim
