// Tally: what a run, or all runs together, exercised.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/machine/trace.h"
#include "tests/sim/world/time.h"

namespace holdfast::sim {

enum class Count : std::uint8_t {
    Steps,
    SlotWrites,
    Scans,
    RosterWrites,
    OrdersWrites,
    ConfigWrites,
    RegionReads,
    BeatsSent,
    BeatsLost,
    BeatsDoubled,
    BeatsOvertaken,
    IoHung,
    IoFailed,
    AnswersLost,
    WritesTorn,
    WritesLost,
    WritesLandedLate,
    ReadsTorn,
    HostResetsByWatchdog,
    HostResetsAsked,
    HostBoots,
    AgentStarts,
    VmStarts,
    VmStartsLate,
    VmStartsFailed,
    VmsDestroyed,
    VmsLostWithHost,
    VmRunsByEngine,
    VmRunsByPeople,
    Migrations,
    StartsRefused,
    LateFeeds,
    HostsFenced,
    LateWatchdogs,
    AnswersLate,
    InboxMax,
    Last_,
};

inline constexpr std::size_t kCountsCount = static_cast<std::size_t>(Count::Last_);

// Name of a count as reports print it; never null.
[[nodiscard]] const char* name_of(Count count);

inline constexpr std::size_t kTraceCodesMax = 64;
inline constexpr std::size_t kFaultKindsMax = 64;
inline constexpr std::size_t kCausesMax = 64;

// Why a line of trace was said, as a small number: what a report tells apart.
[[nodiscard]] inline std::size_t cause_of(const Trace& line) {
    const std::int64_t cause = line.code == TraceCode::PhaseChanged     ? line.a * 8 + line.b
                               : line.code == TraceCode::VerdictChanged ? line.b
                                                                        : line.a;
    return cause >= 0 && cause < static_cast<std::int64_t>(kCausesMax)
               ? static_cast<std::size_t>(cause)
               : kCausesMax - 1;
}

struct Tally {
    std::array<std::uint64_t, kCountsCount> counts{};
    std::array<std::uint64_t, kTraceCodesMax> trace_codes{};
    std::array<std::array<std::uint32_t, kCausesMax>, kTraceCodesMax> causes{};
    std::array<std::uint64_t, kFaultKindsMax> faults{};
    std::uint64_t runs_count = 0;
    Duration simulated{};
    std::uint64_t failovers_count = 0;  // VMs that ran again on another host after theirs died
    Duration failover_max{};
    Duration failover_sum{};
    Duration settle_max{};  // from the healing of all faults to a whole cluster

    void add(Count count, std::uint64_t by = 1) { counts[static_cast<std::size_t>(count)] += by; }

    [[nodiscard]] std::uint64_t of(Count count) const {
        return counts[static_cast<std::size_t>(count)];
    }

    void add(const Tally& other);
};

}  // namespace holdfast::sim
