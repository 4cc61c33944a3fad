// The words of `holdfast replay`.
#pragma once

#include <cstdint>
#include <string>

#include "storage/flight/replay.h"

namespace holdfast::cli {

// A trace line as `holdfast events` prints it.
[[nodiscard]] std::string line_view(const Trace& line);

// "host 1, holdfast 0.1.0, incarnation 1.2, begun 2026-01-31 23:59:59 UTC, 1 segment"
[[nodiscard]] std::string head_text(const flight::Flight& one);

// "1234 events, 56 trace lines over 78.9 s"
[[nodiscard]] std::string totals_text(const flight::ReplayReport& report);

// "ended", "stopped", "gap", "damaged".
[[nodiscard]] const char* end_word(flight::FlightRead end);

// 16 hex digits.
[[nodiscard]] std::string flight_text(std::uint64_t flight);

[[nodiscard]] double seconds_between(Instant first, Instant last);

}  // namespace holdfast::cli
