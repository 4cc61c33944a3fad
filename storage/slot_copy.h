// One copy of a slot, decoded by whoever has computed its checksums.  Internal to storage/: for slot_format.cc and slot_scan.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "engine/machine/slot.h"
#include "storage/reject.h"

namespace holdfast {

inline constexpr std::size_t kCopyAgeEnd = 72;      // claimed_age() looks at nothing behind it
inline constexpr std::size_t kCopyUsedBytes = 656;  // nor anybody behind this

// What the second checksum covers; the first one covers sealed_part().
[[nodiscard]] std::span<const std::byte> heard_part(std::span<const std::byte> block);

// Both checksums, computed from the bytes.
struct CopySums {
    std::uint32_t sector;
    std::uint32_t heard;
};

[[nodiscard]] CopySums sums_of(std::span<const std::byte> block);

// (incarnation, sequence) as the bytes have it, believed or not.
[[nodiscard]] std::pair<std::uint64_t, std::uint64_t> claimed_age(std::span<const std::byte> block);

// Fills every field of `record`, or says why not; then `record` is worthless.
[[nodiscard]] std::optional<Reject> decode_copy(std::span<const std::byte> block,
                                                const CopySums& sums,
                                                const BlockContext& context,
                                                SlotRecord& record);

}  // namespace holdfast
