// Violation: a promise that a run broke, with what is needed to understand it.
#pragma once

#include <string>

#include "tests/sim/world/time.h"

namespace holdfast::sim {

struct Violation {
    std::string promise;  // "S1", "S2", "L1", "L2" or "contract"
    std::string text;
    WorldTime at{};
};

// printf into a string.
[[nodiscard]] std::string text_of(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace holdfast::sim
