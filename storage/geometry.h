// Geometry: where every region of a heartbeat datastore lies.  docs/DISK_FORMAT.md is the prose
// twin of this file.
//
// Pure arithmetic on two numbers that the superblock fixes for ever, hosts_max and heap_bytes.
// Every region and every copy begins on a 4 KiB boundary; offsets and sizes are bytes.  The order
// on disk:
//
//   superblock A, B | slots | configurations | rosters with their XML heaps | orders | recorders
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/types.h"

namespace holdfast {

inline constexpr std::uint64_t kBlockBytes =
    4096;  // alignment of every region, buffer and transfer
inline constexpr std::uint64_t kSectorBytes = 512;  // all the atomicity that we assume
inline constexpr std::uint64_t kSlotCopyBytes = kBlockBytes;
inline constexpr std::uint64_t kSlotBytes = 2 * kSlotCopyBytes;  // copies A and B, adjacent
inline constexpr std::uint64_t kRosterCopyBytes = 128 * 1024;
inline constexpr std::uint64_t kOrdersCopyBytes = 128 * 1024;
inline constexpr std::uint64_t kRecorderBytes = 128 * 1024;
inline constexpr std::uint64_t kConfigHeaderBytes = 16 * 1024;
inline constexpr std::uint64_t kConfigMemberBytes = 512;
inline constexpr std::uint64_t kHeapBytesDefault = 1024 * 1024;
inline constexpr std::uint64_t kHeapBytesMin = 64 * 1024;
inline constexpr std::uint64_t kHeapBytesMax = 64 * 1024 * 1024;
inline constexpr std::uint32_t kDatastoreHostsDefault = 64;

enum class Copy : std::uint8_t { A = 0, B = 1 };

[[nodiscard]] constexpr Copy other_copy(Copy copy) {
    return copy == Copy::A ? Copy::B : Copy::A;
}

class Geometry {
  public:
    constexpr Geometry() = default;

    // REQUIRES: is_valid(hosts_max, heap_bytes)
    constexpr Geometry(std::uint32_t hosts_max, std::uint64_t heap_bytes)
        : hosts_max_(hosts_max), heap_bytes_(heap_bytes) {}

    [[nodiscard]] static constexpr bool is_valid(std::uint64_t hosts_max,
                                                 std::uint64_t heap_bytes) {
        return hosts_max >= 1 && hosts_max <= kHostsMax && heap_bytes >= kHeapBytesMin &&
               heap_bytes <= kHeapBytesMax && heap_bytes % kBlockBytes == 0;
    }

    [[nodiscard]] constexpr std::uint32_t hosts_max() const { return hosts_max_; }

    [[nodiscard]] constexpr std::uint64_t heap_bytes() const { return heap_bytes_; }

    [[nodiscard]] constexpr bool contains(HostId host) const {
        return host.value() >= 1 && host.value() <= hosts_max_;
    }

    [[nodiscard]] static constexpr std::uint64_t superblock(Copy copy) {
        return index(copy) * kBlockBytes;
    }

    // REQUIRES for all below: contains(host)
    [[nodiscard]] constexpr std::uint64_t slot(HostId host) const {
        return slots_begin() + rank(host) * kSlotBytes;
    }

    [[nodiscard]] constexpr std::uint64_t slot(HostId host, Copy copy) const {
        return slot(host) + index(copy) * kSlotCopyBytes;
    }

    [[nodiscard]] constexpr std::uint64_t config(HostId host, Copy copy) const {
        return configs_begin() + (rank(host) * 2 + index(copy)) * config_copy_bytes();
    }

    [[nodiscard]] constexpr std::uint64_t roster(HostId host, Copy copy) const {
        return rosters_begin() + rank(host) * roster_bytes() + index(copy) * kRosterCopyBytes;
    }

    [[nodiscard]] constexpr std::uint64_t heap(HostId host) const {
        return rosters_begin() + rank(host) * roster_bytes() + 2 * kRosterCopyBytes;
    }

    [[nodiscard]] constexpr std::uint64_t orders(HostId host, Copy copy) const {
        return orders_begin() + (rank(host) * 2 + index(copy)) * kOrdersCopyBytes;
    }

    [[nodiscard]] constexpr std::uint64_t recorder(HostId host) const {
        return recorders_begin() + rank(host) * kRecorderBytes;
    }

    [[nodiscard]] constexpr std::uint64_t config_copy_bytes() const {
        const std::uint64_t bytes = kConfigHeaderBytes + kConfigMemberBytes * hosts_max_;
        return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    }

    [[nodiscard]] constexpr std::uint64_t total_bytes() const {
        return recorders_begin() + hosts_max_ * kRecorderBytes;
    }

    [[nodiscard]] constexpr std::uint64_t slots_begin() const { return 2 * kBlockBytes; }

    [[nodiscard]] constexpr std::uint64_t configs_begin() const {
        return slots_begin() + hosts_max_ * kSlotBytes;
    }

    [[nodiscard]] constexpr std::uint64_t rosters_begin() const {
        return configs_begin() + hosts_max_ * 2 * config_copy_bytes();
    }

    [[nodiscard]] constexpr std::uint64_t orders_begin() const {
        return rosters_begin() + hosts_max_ * roster_bytes();
    }

    [[nodiscard]] constexpr std::uint64_t recorders_begin() const {
        return orders_begin() + hosts_max_ * 2 * kOrdersCopyBytes;
    }

    friend bool operator==(const Geometry&, const Geometry&) = default;

  private:
    [[nodiscard]] static constexpr std::uint64_t index(Copy copy) {
        return static_cast<std::uint64_t>(copy);
    }

    [[nodiscard]] constexpr std::uint64_t rank(HostId host) const {
        HF_CHECK(contains(host));
        return host.value() - 1U;
    }

    [[nodiscard]] constexpr std::uint64_t roster_bytes() const {
        return 2 * kRosterCopyBytes + heap_bytes_;
    }

    std::uint32_t hosts_max_ = kDatastoreHostsDefault;
    std::uint64_t heap_bytes_ = kHeapBytesDefault;
};

static_assert(Geometry{}.total_bytes() % kBlockBytes == 0);
static_assert(Geometry{64, kHeapBytesDefault}.config_copy_bytes() == 48 * 1024);
static_assert(Geometry{64, kHeapBytesDefault}.total_bytes() ==
              8192 + 64 * (8 + 96 + 256 + 1024 + 256 + 128) * 1024);

}  // namespace holdfast
