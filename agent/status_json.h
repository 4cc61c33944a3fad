// The JSON of `holdfast status --json`; docs/JSON.md is the contract, its golden test the proof.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/config.h"
#include "engine/machine/snapshot.h"

namespace holdfast {

// What a datastore's loop knows and the engine does not.
struct DatastoreFacts {
    std::string backend;  // "io_uring", "libaio", or "none" while it could not be opened
    std::string problem;  // why it is not used; empty: it is
    std::int64_t latency_p50_us = -1;  // of slot writes since start; -1: none yet
    std::int64_t latency_p99_us = -1;
    std::int64_t scan_p50_us = -1;  // of scans of slots
    std::int64_t scan_p99_us = -1;
};

// What the net loop knows of one of this host's links.
struct LinkStatus {
    std::string address;  // of this host
    bool up = false;
    std::uint64_t beats = 0;           // that came by it since start, copies included
    std::int64_t spacing_p50_us = -1;  // between two beats of one host; -1: none yet
    std::int64_t spacing_p99_us = -1;
    std::int64_t spacing_worst_us = -1;
};

struct UnprotectedVm {
    VmId vm;
    std::string name;
    std::string reason;
};

struct StatusFacts {
    const Config& config;
    const Snapshot& snapshot;
    std::vector<DatastoreFacts> datastores;
    std::vector<UnprotectedVm> unprotected;
    bool libvirt_connected = false;
    std::vector<LinkStatus> links;
};

[[nodiscard]] std::string status_json(const StatusFacts& facts);

// 0 healthy, 1 degraded: the exit code of `holdfast status`.  Healthy: this host is a member, there is a leader, every host is alive
// and every datastore usable.
[[nodiscard]] int status_code(const StatusFacts& facts);

[[nodiscard]] const char* claim_state_text(ClaimState state);
[[nodiscard]] const char* watchdog_class_text(WatchdogClass watchdog_class);

}  // namespace holdfast
