// Timing in words: the keys of [timing] (docs/CONFIGURATION.md), and what a person types to mean one.  Pure functions.
#pragma once

#include <array>
#include <string>

#include "engine/base/result.h"
#include "engine/machine/timing.h"

namespace holdfast {

struct TimingKey {
    const char* name;
    Duration Timing::*member;
};

inline constexpr std::array<TimingKey, 9> kTimingKeys{
    {{"interval", &Timing::interval},
     {"fresh", &Timing::fresh},
     {"silent", &Timing::silent},
     {"isolation_after", &Timing::isolation_after},
     {"lease", &Timing::lease},
     {"watchdog", &Timing::watchdog},
     {"granularity", &Timing::granularity},
     {"landing", &Timing::landing},
     {"dead", &Timing::dead}}};

// A profile ("fast", "standard", "patient"), or "lease=3s,dead=8s" on top of `base`, or both: "patient,dead=1min".  The error is a
// sentence for people; a timing that is not safe is one, with the values that would be.
[[nodiscard]] Result<Timing> parse_timing(const std::string& text, const Timing& base);

// "lease 2s, watchdog 1s, dead 5.5s, interval 250ms".
[[nodiscard]] std::string timing_summary(const Timing& timing);

}  // namespace holdfast
