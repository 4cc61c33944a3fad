#pragma once

#include <cstdint>

namespace holdfast::sim {

// What printf's %llu takes, on every machine.
[[nodiscard]] constexpr unsigned long long ull(std::uint64_t value) {
    return value;
}

}  // namespace holdfast::sim
