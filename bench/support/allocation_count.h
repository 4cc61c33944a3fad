// Counts every heap allocation of the program that it is linked into: malloc and its relatives are replaced by
// functions that count and call the C library's own.
#pragma once

#include <cstdint>

namespace holdfast::bench {

// By the calling thread, since it started.
[[nodiscard]] std::int64_t allocations_of_this_thread();

}  // namespace holdfast::bench
