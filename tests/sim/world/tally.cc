#include "tests/sim/world/tally.h"

#include <algorithm>

namespace holdfast::sim {

const char* name_of(Count count) {
    static constexpr std::array<const char*, kCountsCount> kNames = {
        "steps",
        "slot writes",
        "scans",
        "roster writes",
        "orders writes",
        "configuration writes",
        "region reads",
        "beats sent",
        "beats lost",
        "beats doubled",
        "beats overtaken by later ones",
        "I/Os hung",
        "I/Os failed",
        "I/Os never answered",
        "writes torn",
        "writes lost",
        "writes landed late",
        "reads torn",
        "resets by watchdog",
        "resets asked",
        "boots",
        "agent starts",
        "VM starts",
        "VM starts too late",
        "VM starts failed",
        "VMs destroyed",
        "VMs lost with host",
        "VM runs by engine",
        "VM runs by people",
        "migrations asked",
        "starts refused",
        "late feeds",
        "hosts fenced",
        "watchdogs that fired late",
        "I/Os carried out and answered late",
        "messages waiting at most",
    };
    return kNames[static_cast<std::size_t>(count)];
}

void Tally::add(const Tally& other) {
    for (std::size_t i = 0; i < kCountsCount; ++i) {
        if (static_cast<Count>(i) == Count::InboxMax) {
            counts[i] = std::max(counts[i], other.counts[i]);
        } else {
            counts[i] += other.counts[i];
        }
    }
    for (std::size_t i = 0; i < kTraceCodesMax; ++i) {
        trace_codes[i] += other.trace_codes[i];
        for (std::size_t j = 0; j < kCausesMax; ++j) causes[i][j] += other.causes[i][j];
    }
    for (std::size_t i = 0; i < kFaultKindsMax; ++i) faults[i] += other.faults[i];
    runs_count += other.runs_count;
    simulated += other.simulated;
    failovers_count += other.failovers_count;
    failover_max = std::max(failover_max, other.failover_max);
    failover_sum += other.failover_sum;
    settle_max = std::max(settle_max, other.settle_max);
}

}  // namespace holdfast::sim
