// A measurement for people.  Pure.
#pragma once

#include <string>

#include "agent/measure/measurement.h"

namespace holdfast::measure {

// "210 us", "1.25 ms", "3.40 s".
[[nodiscard]] std::string short_time(double seconds);

// Everything: each target with its percentiles, histogram, stalls and what is still out; then the comparison.
[[nodiscard]] std::string report_text(const Measurement& measurement);

// One line while it runs.
[[nodiscard]] std::string progress_text(SharedResults& results, Duration duration, Instant now);

}  // namespace holdfast::measure
