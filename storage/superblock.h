// The superblock: what a datastore is.  Two copies of 4 KiB, written once, last of all, when
// formatting; read-only after.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/fixed_text.h"
#include "engine/base/result.h"
#include "engine/base/types.h"
#include "storage/geometry.h"
#include "storage/reject.h"

namespace holdfast {

inline constexpr std::uint16_t kFormatVersion = 1;

struct Superblock {
    ClusterUuid cluster;
    Uuid datastore;
    Geometry geometry;
    std::uint64_t formatted_at_unix_s = 0;  // for people only
    FixedText<48> name;

    friend bool operator==(const Superblock&, const Superblock&) = default;
};

// Writes all 4096 bytes of `block`.
void encode_superblock(const Superblock& superblock, std::span<std::byte> block);

// Accepts any cluster; the caller compares.
[[nodiscard]] Result<Superblock, Reject> decode_superblock(std::span<const std::byte> block);

// Both copies, adjacent, 8 KiB.  The first valid one; they are equal by construction.
[[nodiscard]] Result<Superblock, Reject> decode_superblock_copies(
    std::span<const std::byte> copies);

}  // namespace holdfast
