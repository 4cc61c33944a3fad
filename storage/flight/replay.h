// Replay: the shipped engine, stepped through a recorded flight.
//
// The same events in the same order give the same actions (engine.h); so a replay whose trace or digests differ shows that the
// engine is another one, that it is not deterministic, or that the log is not what entered it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/machine/engine.h"
#include "storage/flight/flight_reader.h"
#include "storage/flight/step_digest.h"

namespace holdfast::flight {

struct ReplayDifference {
    std::uint64_t step = 0;
    Instant at;
    std::vector<Trace> recorded;  // that step's lines
    std::vector<Trace> replayed;
    bool in_lines = false;  // otherwise only in what it asked for
};

struct ReplayReport {
    std::uint64_t steps = 0;    // of the flight, as far as it was compared
    std::uint64_t lines = 0;    // trace lines that were equal
    std::uint64_t digests = 0;  // steps whose actions were compared
    Instant first = kNotYet;
    Instant last = kNotYet;
    FlightRead end = FlightRead::Stopped;  // Ended, Stopped, Gap or Damaged
    std::string end_text;                  // for people; empty with Ended
    std::optional<ReplayDifference> difference;

    [[nodiscard]] bool identical() const {
        return !difference && end != FlightRead::Damaged && end != FlightRead::Gap;
    }
};

// Called with the lines of each step, as they were recorded and as the engine says them now.
using ReplayListener =
    std::function<void(const std::vector<Trace>& recorded, const std::vector<Trace>& replayed)>;

// Up to the first difference, gap or damage.  REQUIRES: flight.has_beginning()
[[nodiscard]] ReplayReport replay(const Flight& flight, const ReplayListener& listener = {});

[[nodiscard]] bool same_trace(const Trace& left, const Trace& right);

}  // namespace holdfast::flight
