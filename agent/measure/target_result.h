// TargetResult: what the measuring process of one target has seen so far.  It lies in memory shared with the
// process that reports, so that a report is possible while the measuring one hangs in the kernel.
//
// The measuring process writes; the reporting one reads the atomics at any time and everything else after the
// measuring process has ended or was found hanging (then nothing moves any more).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "agent/measure/timeline.h"
#include "engine/base/types.h"
#include "storage/gap_recorder.h"
#include "storage/latency_histogram.h"

namespace holdfast::measure {

enum class Operation : std::uint8_t {
    Write = 0,      // slot write
    Scan = 1,       // read of all slots
    Cycle = 2,      // both, from their common issue to the later completion
    Wakeup = 3,     // how late the measuring process itself was
    Roundtrip = 4,  // a beat and its answer
};

inline constexpr std::size_t kOperations = 5;

// "write", "scan", "cycle", "wakeup", "roundtrip"; never null.
[[nodiscard]] const char* to_string(Operation operation);

enum class TargetState : std::uint8_t { Preparing = 0, Measuring = 1, Complete = 2, Failed = 3 };

struct OperationSeen {
    LatencyHistogram latency;
    Timeline timeline;
    Duration worst{};
    Duration worst_at{};  // since the beginning of the measurement
    std::uint64_t errors = 0;
    int last_errno = 0;
    std::atomic<std::int64_t> out_since{0};  // CLOCK_BOOTTIME ns of the oldest unanswered; 0: none

    void record(Duration at, Duration value) {
        latency.record(value);
        timeline.record(at, value);
        if (value <= worst) return;
        worst = value;
        worst_at = at;
    }
};

struct TargetResult {
    std::atomic<TargetState> state{TargetState::Preparing};
    std::atomic<bool> stop{false};  // written by the reporting process
    std::atomic<std::uint64_t> beats{0};
    std::atomic<std::int64_t> begun_at{0};  // CLOCK_BOOTTIME ns; 0: not yet
    std::atomic<std::int64_t> ended_at{0};
    std::atomic<std::int64_t> worst_ns{0};          // of any write or round trip
    std::atomic<std::uint32_t> prepared{0};         // per cent of formatting
    std::atomic<std::uint32_t> formatted_hosts{0};  // set before begun_at

    std::array<OperationSeen, kOperations> operations;
    GapRecorder lease;  // renewals of the host lease by this target
    GapRecorder
        office;  // renewals of the leader lease: write, then a scan issued after it was done
    Duration open_gap{};
    std::array<char, 32> backend{};
    std::array<char, 32> medium{};     // "block device", "file"
    std::array<char, 160> features{};  // of the back-end
    std::array<char, 640> problem{};   // why it failed; terminated
    std::uint64_t beats_missed = 0;    // ticks on which the write before was still out

    [[nodiscard]] OperationSeen& at(Operation operation) {
        return operations[static_cast<std::size_t>(operation)];
    }

    [[nodiscard]] const OperationSeen& at(Operation operation) const {
        return operations[static_cast<std::size_t>(operation)];
    }
};

static_assert(std::atomic<std::int64_t>::is_always_lock_free);

}  // namespace holdfast::measure
