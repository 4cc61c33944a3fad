// what_if(): what an engine with other timing would have decided on what was recorded.
//
// Nothing that was recorded reacts to what the other engine decides: a VM that it would have started elsewhere goes on in the
// recorded events, and a leader that it would not have elected goes on leading.  So the times of its first decisions are worth
// something, and what it makes of the consequences is not.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/flight/replay.h"

namespace holdfast::flight {

// One decision, as it was taken with either timing.
struct WhatIfLine {
    std::optional<Trace> recorded;
    std::optional<Trace> other;
};

struct WhatIfReport {
    std::vector<WhatIfLine> lines;  // in the order of their times
    FlightRead end = FlightRead::Stopped;
    std::string end_text;
};

// REQUIRES: flight.has_beginning(); is_safe(other)
[[nodiscard]] WhatIfReport what_if(const Flight& flight, const Timing& other);

}  // namespace holdfast::flight
