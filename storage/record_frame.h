// What every record on disk begins with, and the order in which a decoder doubts it.
//
//   offset  size  field
//        0     4  magic         four letters, one for each kind of record
//        4     2  version       1
//        6     2  host          must equal the position
//        8    16  cluster uuid  must equal ours
//      508     4  crc32c        over bytes 0..507 of the first sector
//
// Little-endian throughout.  Internal to storage/: for the *_format.cc files.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "storage/geometry.h"
#include "storage/reject.h"

namespace holdfast {

static_assert(std::endian::native == std::endian::little, "add byte swaps before porting");

using UuidOnDisk = std::array<std::uint8_t, 16>;

struct FrameOnDisk {
    std::uint32_t magic;
    std::uint16_t version;
    std::uint16_t host;
    UuidOnDisk cluster;
};

static_assert(sizeof(FrameOnDisk) == 24);
static_assert(offsetof(FrameOnDisk, host) == 6);
static_assert(offsetof(FrameOnDisk, cluster) == 8);
static_assert(std::has_unique_object_representations_v<FrameOnDisk>);

inline constexpr std::size_t kSectorCrcOffset = kSectorBytes - sizeof(std::uint32_t);
inline constexpr std::uint16_t kRecordVersion = 1;

// Durations on disk are nanoseconds; longer ones than a week are a writer's bug.
inline constexpr std::uint64_t kDurationOnDiskMax = 7ULL * 24 * 3600 * 1'000'000'000;

// magic_of("HFSL"): the letters in the order in which they lie on disk.
[[nodiscard]] constexpr std::uint32_t magic_of(const char (&letters)[5]) {
    std::uint32_t magic = 0;
    for (std::size_t i = 4; i-- > 0;) magic = magic << 8U | static_cast<unsigned char>(letters[i]);
    return magic;
}

// REQUIRES: sizeof(T) <= bytes.size()
template <typename T>
[[nodiscard]] T load(std::span<const std::byte> bytes) {
    static_assert(std::is_trivially_copyable_v<T>);
    HF_CHECK(sizeof(T) <= bytes.size());
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
}

template <typename T>
void store(std::span<std::byte> bytes, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    HF_CHECK(sizeof(T) <= bytes.size());
    std::memcpy(bytes.data(), &value, sizeof(T));
}

template <typename T>
[[nodiscard]] std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span<const T, 1>(&value, 1));
}

[[nodiscard]] bool is_all_zero(std::span<const std::byte> bytes);

[[nodiscard]] FrameOnDisk make_frame(std::uint32_t magic, HostId host, const ClusterUuid& cluster);

// Unwritten, magic, version, checksum of the first sector, in this order; nothing behind a newer
// version is looked at.  `block` is the whole copy.
[[nodiscard]] std::optional<Reject> check_sector(std::span<const std::byte> block,
                                                 std::size_t bytes_min,
                                                 std::uint32_t magic);

// check_sector(), then cluster and position.
[[nodiscard]] std::optional<Reject> check_frame(std::span<const std::byte> block,
                                                std::size_t bytes_min,
                                                std::uint32_t magic,
                                                const BlockContext& context);

// The same, for a block whose checksum has been computed already, over its sealed_part().
[[nodiscard]] std::optional<Reject> check_frame(std::span<const std::byte> block,
                                                std::size_t bytes_min,
                                                std::uint32_t magic,
                                                const BlockContext& context,
                                                std::uint32_t expected_crc32c);

// What the checksum of the first sector covers.  REQUIRES: block.size() >= kSectorBytes
[[nodiscard]] inline std::span<const std::byte> sealed_part(std::span<const std::byte> block) {
    return block.first(kSectorCrcOffset);
}

// Computes the checksum of the first sector and stores it at its end.
void seal_sector(std::span<std::byte> block);

// Collects the first value that is out of range.
class RangeCheck {
  public:
    void between(std::size_t offset, std::uint64_t found, std::uint64_t min, std::uint64_t max) {
        if (found >= min && found <= max) return;
        if (reject_) return;
        reject_ = Reject{
            RejectCode::OutOfRange, static_cast<std::uint16_t>(offset & 0xffffU), found, max};
    }

    void at_most(std::size_t offset, std::uint64_t found, std::uint64_t max) {
        between(offset, found, 0, max);
    }

    // 0 is "no host".
    void host(std::size_t offset, std::uint64_t found) { at_most(offset, found, kHostsMax); }

    void duration(std::size_t offset, std::uint64_t found) {
        at_most(offset, found, kDurationOnDiskMax);
    }

    [[nodiscard]] const std::optional<Reject>& reject() const { return reject_; }

  private:
    std::optional<Reject> reject_;
};

[[nodiscard]] constexpr std::uint64_t duration_to_disk(Duration span) {
    return static_cast<std::uint64_t>(span.count());
}

[[nodiscard]] constexpr Duration duration_from_disk(std::uint64_t nanoseconds) {
    return Duration{static_cast<std::int64_t>(nanoseconds)};
}

[[nodiscard]] constexpr std::size_t round_up_to_block(std::size_t bytes) {
    return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

}  // namespace holdfast
