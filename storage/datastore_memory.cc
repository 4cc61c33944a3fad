#include "storage/datastore_memory.h"

#include <algorithm>

#include <sys/mman.h>

#include "engine/base/check.h"
#include "storage/datastore_decoded.h"
#include "storage/record_frame.h"
#include "storage/recorder_format.h"
#include "storage/xml_heap.h"

namespace holdfast {

namespace {

constexpr std::size_t kRecorderPayloadBytes = 16 * 1024;

// Where everything lies in the arena; sizes are multiples of 4 KiB.
struct Layout {
    std::size_t config_copy;
    std::size_t scan;
    std::size_t scans_count;
    std::size_t region;

    Layout(std::uint32_t hosts_scan_max, std::uint32_t hosts_max)
        : config_copy(Geometry{hosts_max, kHeapBytesDefault}.config_copy_bytes()),
          scan(hosts_scan_max * kSlotBytes),
          scans_count(hosts_scan_max > kTwoScansHostsMax ? 1 : kScanResults),
          region(std::max(
              {2 * kOrdersCopyBytes, std::uint64_t{kHeapTransferBytesMax}, 2 * config_copy})) {}

    [[nodiscard]] static std::size_t start() {
        return 2 * kBlockBytes;
    }  // self-test and superblock

    [[nodiscard]] std::size_t payload_begin(DatastoreRequestKind kind) const {
        std::size_t begin = start();
        for (const auto before : {DatastoreRequestKind::WriteSlot,
                                  DatastoreRequestKind::WriteRoster,
                                  DatastoreRequestKind::WriteOrders,
                                  DatastoreRequestKind::WriteConfig,
                                  DatastoreRequestKind::WriteHeap,
                                  DatastoreRequestKind::WriteRecorder}) {
            if (before == kind) return begin;
            begin += payload_bytes(before);
        }
        return begin;  // of what follows the payloads
    }

    [[nodiscard]] std::size_t payload_bytes(DatastoreRequestKind kind) const {
        if (kind == DatastoreRequestKind::WriteSlot) return kSlotCopyBytes;
        if (kind == DatastoreRequestKind::WriteRoster) return kRosterCopyBytes;
        if (kind == DatastoreRequestKind::WriteOrders) return kOrdersCopyBytes;
        if (kind == DatastoreRequestKind::WriteConfig) return config_copy;
        if (kind == DatastoreRequestKind::WriteHeap) return kHeapTransferBytesMax;
        if (kind == DatastoreRequestKind::WriteRecorder) return kRecorderPayloadBytes;
        return 0;
    }

    [[nodiscard]] std::size_t scans_begin() const {
        return payload_begin(DatastoreRequestKind::Release);
    }

    [[nodiscard]] std::size_t regions_begin() const { return scans_begin() + scans_count * scan; }

    [[nodiscard]] std::size_t total() const { return regions_begin() + kRegionResults * region; }
};

}  // namespace

DatastoreMemory::DatastoreMemory(std::uint32_t hosts_scan_max, std::uint32_t hosts_max)
    : hosts_scan_max_(hosts_scan_max),
      hosts_max_(hosts_max),
      decoded_(std::make_unique<Decoded>()) {
    HF_CHECK(Geometry::is_valid(hosts_max, kHeapBytesDefault));
    HF_CHECK(hosts_scan_max >= 1 && hosts_scan_max <= hosts_max);
    const std::size_t bytes = Layout{hosts_scan_max, hosts_max}.total();
    void* memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    HF_CHECK(memory != MAP_FAILED);
    // A child that shares these pages would make O_DIRECT read into the wrong copy.
    ::madvise(memory, bytes, MADV_DONTFORK);
    arena_ = {static_cast<std::byte*>(memory), bytes};
    for (std::size_t i = 0; i < scans_count(); ++i) decoded_->scans[i].resize(hosts_scan_max);
}

DatastoreMemory::~DatastoreMemory() {
    if (!abandoned_) ::munmap(arena_.data(), arena_.size());
}

std::span<std::byte> DatastoreMemory::payload(DatastoreRequestKind kind) const {
    const Layout layout{hosts_scan_max_, hosts_max_};
    HF_CHECK(layout.payload_bytes(kind) > 0);
    return arena_.subspan(layout.payload_begin(kind), layout.payload_bytes(kind));
}

std::span<std::byte> DatastoreMemory::scan_bytes(std::size_t index) const {
    HF_CHECK(index < scans_count());
    const Layout layout{hosts_scan_max_, hosts_max_};
    return arena_.subspan(layout.scans_begin() + index * layout.scan, layout.scan);
}

std::span<std::byte> DatastoreMemory::region_bytes(std::size_t index) const {
    HF_CHECK(index < kRegionResults);
    const Layout layout{hosts_scan_max_, hosts_max_};
    return arena_.subspan(layout.regions_begin() + index * layout.region, layout.region);
}

}  // namespace holdfast
