// What the engine knows of its membership, kept in `run` for the next agent of this boot: `run/membership`.
//
//   the record as on a datastore (storage/config_format.h), then 40 bytes: boot id 16, renewed at (ns of CLOCK_BOOTTIME, or the least
//   number there is) 8, flags 4 (bit 0 in force, 1 entitled), the longest lease that
//   the agent may still live by (ns) 8, CRC32C of everything before 4
//
// A file that is missing, damaged or of another boot is no information: the agent starts with what its configuration file says,
// barred, and its word counts for nobody who has seen more.  `run` is memory and goes with the boot, so nothing is synced.
#pragma once

#include <memory>
#include <string>

#include "agent/config.h"
#include "engine/machine/cluster_config.h"
#include "storage/config_format.h"

namespace holdfast {

// Names and addresses of the members, for the records that this host writes.
[[nodiscard]] std::unique_ptr<ConfigRecord> make_directory(const Config& config);

// Written beside and renamed, so that a reader sees the old or the new one.
[[nodiscard]] Result<Nothing> write_membership(const std::string& path,
                                               const Config& config,
                                               const BootId& boot_id,
                                               const KeptMembership& kept);

// Fills `kept`, which is too large for a stack.  False: there is nothing to go by, and `kept` means nothing.
[[nodiscard]] bool read_membership(const std::string& path,
                                   const Config& config,
                                   const BootId& boot_id,
                                   KeptMembership& kept);

}  // namespace holdfast
