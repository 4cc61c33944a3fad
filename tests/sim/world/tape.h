// Tape: one agent's flight log, written as the agent writes it, but at once.
#pragma once

#include <cstdint>
#include <string>

#include "storage/flight/flight_log.h"
#include "storage/flight/flight_recorder.h"

namespace holdfast::sim {

class Tape {
  public:
    Tape(const std::string& folder, const EngineConfig& config, Instant started_at)
        : log_({folder, kBytesMax, kSegmentBytes, "simulated"}, config, started_at) {}

    // What a dead agent's log writer had not come to write is not lost here.
    ~Tape() { log_.drain(recorder_); }

    Tape(const Tape&) = delete;
    Tape& operator=(const Tape&) = delete;

    void record(const Event& event, const Actions& actions, const Engine& engine) {
        recorder_.record(event, actions, engine);
        if (++steps_ % kDrainEvery == 0) log_.drain(recorder_);
    }

  private:
    static constexpr std::uint64_t kBytesMax = 16ULL << 30U;
    static constexpr std::uint64_t kSegmentBytes = 16U << 10U;  // small, so that there are several
    static constexpr std::uint64_t kDrainEvery = 64;

    flight::FlightRecorder recorder_;
    flight::FlightLog log_;
    std::uint64_t steps_ = 0;
};

}  // namespace holdfast::sim
