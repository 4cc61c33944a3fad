// Who this host is, and which life of it this is.
//
//   host_uuid    from /etc/machine-id, hashed with the cluster's uuid: the same for ever, and of no use to track the machine
//   boot_id      the kernel's, new with each boot
//   incarnation  `run/incarnation`: the boot part as the engine persisted it, the restart part raised by each start of the agent
//
// All of it happens once, before any thread starts, under the run lock.
#pragma once

#include <string>

#include "engine/base/result.h"
#include "engine/base/types.h"

namespace holdfast {

struct HostIdentity {
    Uuid host_uuid;
    BootId boot_id;
};

// HOLDFAST_MACHINE_ID, where set, names another file than /etc/machine-id: several hosts of a test cluster on one machine.
[[nodiscard]] Result<HostIdentity> read_host_identity(const ClusterUuid& cluster);

[[nodiscard]] Uuid derive_host_uuid(const std::string& machine_id, const ClusterUuid& cluster);

struct IncarnationRecord {
    BootId boot_id;
    Incarnation incarnation;
};

// Error ENOENT: there is none.  A damaged one is an error too: nothing may be guessed about a predecessor.
[[nodiscard]] Result<IncarnationRecord> read_incarnation(const std::string& path);

// Written beside and renamed, so that a reader sees the old or the new one.  `run` is gone with the boot, so nothing is synced.
[[nodiscard]] Result<Nothing> write_incarnation(const std::string& path,
                                                const IncarnationRecord& record);

// What the engine starts from: within this boot, the predecessor's with the restart part raised, persisted before this returns;
// otherwise boot part 0 (the engine learns the boot part from the datastores) and restart part 1.
[[nodiscard]] Result<Incarnation> next_incarnation(const std::string& path, const BootId& boot_id);

}  // namespace holdfast
