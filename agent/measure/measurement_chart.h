// The picture of a measurement: the distribution of latencies, the percentiles, and for each target the course of time
// with its stalls marked.  Pure.
#pragma once

#include <string>

#include "agent/measure/measurement.h"

namespace holdfast::measure {

[[nodiscard]] std::string measurement_chart(const Measurement& measurement);

}  // namespace holdfast::measure
