// The configuration record (members, datastores, timing, policies), decoded, and its on-disk form:
// a 16 KiB header with datastores, then 512 bytes for each member.  docs/DISK_FORMAT.md has the
// table of offsets.
//
// No function here allocates, blocks or trusts a byte.  A ConfigRecord is about 300 KiB: never put
// one on a stack.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/fixed_list.h"
#include "engine/base/fixed_text.h"
#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/machine/cluster_config.h"
#include "engine/machine/slot.h"
#include "engine/machine/timing.h"
#include "storage/geometry.h"
#include "storage/reject.h"

namespace holdfast {

struct ConfigMember {
    HostId host;
    Uuid host_uuid;
    FixedText<64> name;
    std::array<LinkAddress, kLinksMax> addresses{};
    bool out = false;             // does not vouch, stand or judge
    bool certified_dead = false;  // `counted` and everything older is proved dead
    bool maintenance = false;     // takes no VMs and does not lead
    bool joining = false;         // not yet known to everybody
    bool removed = false;         // out for good, until it is added again
    Incarnation counted;          // as counted by the leader

    friend bool operator==(const ConfigMember&, const ConfigMember&) = default;
};

struct ConfigDatastore {
    Uuid datastore_uuid;
    FixedText<48> name;
    bool votes = true;

    friend bool operator==(const ConfigDatastore&, const ConfigDatastore&) = default;
};

struct ConfigRecord {
    HostId writer;            // whose region it was found in
    Incarnation incarnation;  // of the writer
    Version version;          // grows with each rewrite of the writer's region
    ConfigNumber number;
    Timing timing;
    Timing timing_next;  // where a change leads to; `timing` when none is under way
    Duration blackout_limit{};
    bool accepts_without_hardware =
        false;               // policy: watchdog class soft or none is enough for a verdict read
    ConfigNumber list_lost;  // the last record made without a majority of the list before
    FixedList<ConfigDatastore, kDatastoresMax> datastores;
    FixedList<ConfigMember, kHostsMax> members;

    friend bool operator==(const ConfigRecord&, const ConfigRecord&) = default;
};

// Writes the record and returns how many bytes of `block` to write to the datastore (a multiple of
// 4 KiB).  REQUIRES: members fit the block: kConfigHeaderBytes + members * kConfigMemberBytes <=
// block.size().
[[nodiscard]] std::size_t encode_config(const ConfigRecord& record,
                                        const ClusterUuid& cluster,
                                        std::span<std::byte> block);

// `record` is only meaningful on success.
[[nodiscard]] Result<Nothing, Reject> decode_config(std::span<const std::byte> block,
                                                    const BlockContext& context,
                                                    ConfigRecord& record);

}  // namespace holdfast
