// `holdfast replay --timing`: what other settings would have decided.
#pragma once

#include <string>

#include "agent/cli/options.h"
#include "engine/base/result.h"
#include "engine/machine/timing.h"
#include "storage/flight/flight_reader.h"

namespace holdfast::cli {

// "fast", "standard", "patient", or "lease=3s,dead=8s" on top of `recorded`.  The error is a sentence for people; timing that is
// not safe is one, with the values that would be.
[[nodiscard]] Result<Timing> parse_timing(const std::string& text, const Timing& recorded);

int run_replay_timing(const ReplayOptions& options, const flight::FoundFlights& found);

}  // namespace holdfast::cli
