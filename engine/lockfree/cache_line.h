// The distance at which two threads' variables stop disturbing each other.
#pragma once

#include <cstddef>

namespace holdfast {

// Two lines of 64 bytes: common processors fetch lines in pairs, so one line apart still collides.
inline constexpr std::size_t kCacheLinePairBytes = 128;

// A value that shares its cache line pair with nothing else.
template <typename T>
struct alignas(kCacheLinePairBytes) OnOwnCacheLine {
    T value{};
};

}  // namespace holdfast
