// ClockWatch: notices that somebody set the wall clock, or that the host was suspended.
//
// Nothing here depends on the wall clock: leases and deadlines are CLOCK_BOOTTIME.  People read logs by it, though, and a
// suspend stops the beats, so both are said.
#pragma once

#include <optional>

#include "engine/base/types.h"

namespace holdfast {

struct ClockReading {
    Duration wall{};       // CLOCK_REALTIME, since its epoch
    Duration boottime{};   // CLOCK_BOOTTIME
    Duration monotonic{};  // CLOCK_MONOTONIC: stands still while the host is suspended
};

// Any thread; vDSO calls, never blocks.
[[nodiscard]] ClockReading read_clocks();

struct ClockJump {
    Duration wall{};       // by how much the wall clock was set; negative: back
    Duration suspended{};  // how long the host stood still
};

class ClockWatch {
  public:
    explicit ClockWatch(const ClockReading& first) : last_(first) {}

    // What happened since the last look, if it was more than a second.
    [[nodiscard]] std::optional<ClockJump> look(const ClockReading& reading);

  private:
    ClockReading last_;
};

}  // namespace holdfast
