// What `holdfast tune` asks of the running agent.
#pragma once

#include <string>
#include <vector>

#include "agent/measure/measurement.h"
#include "engine/machine/timing.h"

namespace holdfast::cli {

// Appends what the agent of this host has seen since its start.  An exit code; a sentence was printed unless kYes.
[[nodiscard]] int ask_agent_for_measurements(const std::string& config_file,
                                             std::vector<measure::Measurement>& measurements);

// Has the leader stage the timing for the whole cluster, by publishing before using where it lengthens and the other way
// round where it shortens (docs/TIMING.md).  An exit code; says what happened.
[[nodiscard]] int apply_timing(const std::string& config_file, const Timing& timing);

// The same for what a person typed, on top of the timing in force (agent/timing_text.h).
[[nodiscard]] int apply_given_timing(const std::string& config_file, const std::string& text);

}  // namespace holdfast::cli
