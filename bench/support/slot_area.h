// SlotArea: the part of a heartbeat datastore that a beat touches, superblocks and slots, on a device or a file.
//
// No whole datastore: at 1,024 hosts that would be gigabytes, and a beat touches 8 MiB of them.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "engine/machine/timing.h"
#include "storage/block_target.h"
#include "storage/superblock.h"

namespace holdfast::bench {

struct SlotArea {
    OwnedFd file;  // O_DIRECT|O_DSYNC
    Superblock superblock;

    // Of a device that is measured: bytes for so many hosts.
    [[nodiscard]] static std::uint64_t bytes_of(std::uint32_t hosts);

    // Fills `path` with the slots of `hosts` hosts that live, and opens it.  `path` must hold bytes_of(hosts) bytes,
    // which are overwritten.
    [[nodiscard]] static Result<SlotArea> make(const std::string& path,
                                               std::uint16_t hosts,
                                               const Timing& timing);
};

}  // namespace holdfast::bench
