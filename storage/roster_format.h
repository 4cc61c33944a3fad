// On-disk form of a roster copy, 128 KiB: a 1 KiB header and up to 738 entries of 176 bytes.
// docs/DISK_FORMAT.md has the table of offsets.  The header's first 512 bytes have their own CRC32C
// and carry the CRC32C of all entries, so that header and entries of two different writes never
// pass together.
//
// No function here allocates, blocks or trusts a byte.
#pragma once

#include <cstddef>
#include <span>

#include "engine/base/result.h"
#include "engine/machine/roster.h"
#include "storage/geometry.h"
#include "storage/reject.h"

namespace holdfast {

// Writes the roster and returns how many bytes of `block` to write to the datastore (a multiple of
// 4 KiB).  REQUIRES: block.size() == kRosterCopyBytes and a roster that decode_roster() accepts.
[[nodiscard]] std::size_t encode_roster(const Roster& roster,
                                        const ClusterUuid& cluster,
                                        std::span<std::byte> block);

// `roster` is only meaningful on success.
[[nodiscard]] Result<Nothing, Reject> decode_roster(std::span<const std::byte> block,
                                                    const BlockContext& context,
                                                    Roster& roster);

}  // namespace holdfast
