// Snapshot: what people and tools may see of the engine, as one flat value that a seqlock can carry.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "engine/lockfree/seqlock.h"
#include "engine/machine/admission.h"
#include "engine/machine/host_phase.h"
#include "engine/machine/peer_verdict.h"
#include "engine/machine/roster.h"
#include "engine/machine/slot.h"
#include "engine/machine/timing.h"

namespace holdfast {

struct HostSnapshot {
    HostId host;
    bool self = false;
    PeerVerdict verdict = PeerVerdict::Unknown;
    Incarnation incarnation;
    WatchdogClass watchdog_class = WatchdogClass::None;
    std::uint8_t flags =
        0;  // bit 0 armed, 1 maintenance, 2 no_vms, 3 isolated, 4 clean shutdown, 5 partitioned
    std::int64_t slot_age_ns = -1;      // since its slot last moved; -1: never seen
    std::int64_t beat_age_ns = -1;      // since its last network beat; -1: never heard
    std::uint32_t memory_mib = 0;       // capacity, as in its roster
    std::uint32_t memory_used_mib = 0;  // by the claims in its roster
    std::uint16_t claims_count = 0;
};

struct DatastoreSnapshot {
    bool usable = false;  // the last write and scan succeeded within `silent`
    bool votes = false;
    std::int64_t write_age_ns = -1;  // since the issue of the last slot write that succeeded
    std::int64_t scan_age_ns = -1;
    std::uint64_t writes_failed = 0;
    std::uint64_t scans_failed = 0;
    std::uint64_t slots_unusable = 0;
};

struct VmSnapshot {
    VmId vm;
    VmName name;
    HostId host;  // whose roster says so
    ClaimState state = ClaimState::WantsStart;
    StartFailure failure = StartFailure::None;
    std::uint64_t claim_number = 0;
    std::uint64_t order_number = 0;
    std::uint32_t memory_mib = 0;
};

inline constexpr std::size_t kHostsShownMax = kHostsMax;
inline constexpr std::size_t kVmsShownMax =
    2048;  // one line per VM, the entry with the highest claim number

struct Snapshot {
    std::int64_t taken_at_ns = 0;
    HostId self;
    HostPhase phase = HostPhase::Reading;
    Incarnation incarnation;
    std::int64_t lease_remaining_ns = 0;
    std::uint8_t lease_source = 0;  // 0 none, 1 storage, 2 leader, 3 inherited, 4 vouching
    HostId leader;
    Epoch epoch;
    ConfigNumber configuration;  // of the record that this host follows; 0.0: its file
    Timing timing;               // that this host goes by now
    bool leading = false;
    bool keeper_armed = false;
    std::int64_t watchdog_ns = 0;
    std::uint64_t steps_count = 0;
    std::uint64_t beats_ignored_count = 0;
    std::uint32_t hosts_count = 0;
    std::uint32_t vms_count = 0;        // shown here
    std::uint32_t vms_known_count = 0;  // in all
    std::uint32_t datastores_count = 0;
    Absorption absorption;  // known to the leader alone
    std::array<DatastoreSnapshot, kDatastoresMax> datastores{};
    std::array<HostSnapshot, kHostsShownMax> hosts{};
    std::array<VmSnapshot, kVmsShownMax> vms{};
};

static_assert(std::is_trivially_copyable_v<Snapshot>, "a seqlock copies it word by word");
static_assert(std::is_standard_layout_v<Snapshot>, "offsetof");

// What of it means something: all but the lines of the lists that are not used.
[[nodiscard]] std::array<BytesPart, 2> used_parts(const Snapshot& snapshot);

// Makes of a snapshot what it would be `ns` later if nothing had happened since: ages grow, the lease runs down.
void let_pass(Snapshot& snapshot, std::int64_t ns);

}  // namespace holdfast
