// What the benchmarks have in common that let clusters beat for a number of intervals: arguments, the JSON file, clusters of
// several sizes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>

namespace holdfast::bench {

// Measures and prints objects to `out`, each behind `separator`, which is then set to ",\n".  False: something was not as it should be.
using MeasureIntervals =
    std::function<bool(std::uint32_t intervals, std::FILE* out, const char*& separator)>;

// A whole program:  PROGRAM [--intervals N] --json FILE.  Returns its exit code: 0, 1 `measure` failed, 2 usage.
[[nodiscard]] int run_interval_bench(int argc,
                                     char** argv,
                                     const char* program,
                                     std::uint32_t intervals_default,
                                     const MeasureIntervals& measure);

// So many intervals that clusters of every size take about as many steps, and at least `least`.
[[nodiscard]] std::uint32_t intervals_for(std::uint32_t intervals,
                                          std::uint16_t hosts,
                                          std::uint32_t least);

}  // namespace holdfast::bench
