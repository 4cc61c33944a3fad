#include "bench/support/slot_area.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include <fcntl.h>
#include <unistd.h>

#include "bench/support/cluster_records.h"
#include "storage/slot_format.h"

namespace holdfast::bench {

namespace {

struct Aligned {
    alignas(4096) std::array<std::byte, kSlotBytes> bytes;
};

}  // namespace

std::uint64_t SlotArea::bytes_of(std::uint32_t hosts) {
    return Geometry::superblock(Copy::B) + kBlockBytes + hosts * kSlotBytes;
}

Result<SlotArea> SlotArea::make(const std::string& path,
                                std::uint16_t hosts,
                                const Timing& timing) {
    SlotArea area;
    area.file = OwnedFd{::open(path.c_str(), O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC)};
    if (area.file.get() < 0) {
        return Unexpected{Error{
            errno, path + ": cannot be opened with O_DIRECT|O_DSYNC: " + std::strerror(errno)}};
    }
    area.superblock.cluster = uuid_of(9, 1);
    area.superblock.datastore = uuid_of(9, 2);
    area.superblock.geometry = Geometry{hosts, kHeapBytesMin};
    const auto block = std::make_unique<Aligned>();
    for (std::uint16_t id = 1; id <= hosts; ++id) {
        const HostId host{id};
        const std::span<std::byte> copies{block->bytes};
        encode_slot(slot_of(host, hosts, Sequence{8}, timing),
                    area.superblock.cluster,
                    copies.first(kSlotCopyBytes));
        encode_slot(slot_of(host, hosts, Sequence{9}, timing),
                    area.superblock.cluster,
                    copies.subspan(kSlotCopyBytes));
        const auto offset = static_cast<off_t>(area.superblock.geometry.slot(host));
        if (::pwrite(area.file.get(), copies.data(), copies.size(), offset) !=
            static_cast<ssize_t>(copies.size())) {
            return Unexpected{Error{errno,
                                    path + ": slot " + std::to_string(id) +
                                        " cannot be written: " + std::strerror(errno)}};
        }
    }
    return area;
}

}  // namespace holdfast::bench
