// `holdfast replay --timing`: what other settings would have decided.
#pragma once

#include "agent/cli/options.h"
#include "storage/flight/flight_reader.h"

namespace holdfast::cli {

int run_replay_timing(const ReplayOptions& options, const flight::FoundFlights& found);

}  // namespace holdfast::cli
