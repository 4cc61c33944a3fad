// DatastoreMemory: all memory that the I/O of one datastore uses, in one 4096-aligned mapping that
// is never copied into a child (MADV_DONTFORK) and never unmapped while an operation may still
// write to it.
//
// Made once per datastore by whoever wires the agent, before the loop thread starts; shared by the
// asker, which encodes into payload(), and the loop thread, which owns everything else.  See
// datastore_request.h for who owns what when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "storage/datastore_request.h"
#include "storage/geometry.h"

namespace holdfast {

inline constexpr std::size_t kScanResults = 2;
// Longer scans (in hosts) have one buffer: the second of two waits for the first, and the memory stays small.
inline constexpr std::uint32_t kTwoScansHostsMax = 256;
inline constexpr std::size_t kRegionResults = 2;

class DatastoreMemory {
  public:
    // `hosts_scan_max`: the longest scan, in hosts (8 KiB of locked memory each, scans_count() times);
    // `hosts_max` as formatted.
    DatastoreMemory(std::uint32_t hosts_scan_max, std::uint32_t hosts_max);
    DatastoreMemory(const DatastoreMemory&) = delete;
    DatastoreMemory& operator=(const DatastoreMemory&) = delete;
    ~DatastoreMemory();

    // Where the asker encodes what a write of this kind writes.  REQUIRES: a Write kind.
    [[nodiscard]] std::span<std::byte> payload(DatastoreRequestKind kind) const;

    [[nodiscard]] std::uint32_t hosts_scan_max() const { return hosts_scan_max_; }

    // How many scans can be under way at once.
    [[nodiscard]] std::size_t scans_count() const {
        return hosts_scan_max_ > kTwoScansHostsMax ? 1 : kScanResults;
    }

    [[nodiscard]] std::uint32_t hosts_max() const { return hosts_max_; }

    // ---- for Datastore only

    [[nodiscard]] std::span<std::byte> arena() const { return arena_; }

    [[nodiscard]] std::span<std::byte> scan_bytes(std::size_t index) const;
    [[nodiscard]] std::span<std::byte> region_bytes(std::size_t index) const;

    struct Decoded;  // what results are decoded into

    [[nodiscard]] Decoded& decoded() const { return *decoded_; }

    // The kernel may still write to it: never unmap, never use again.
    void abandon() { abandoned_ = true; }

    [[nodiscard]] bool abandoned() const { return abandoned_; }

  private:
    std::uint32_t hosts_scan_max_;
    std::uint32_t hosts_max_;
    std::span<std::byte> arena_;
    std::unique_ptr<Decoded> decoded_;
    bool abandoned_ = false;
};

}  // namespace holdfast
