#include "storage/superblock.h"

#include "storage/record_frame.h"

namespace holdfast {

namespace {

constexpr std::uint32_t kSuperblockMagic = magic_of("HFSB");

struct SuperblockOnDisk {
    FrameOnDisk frame;  // host is 0: this record belongs to nobody
    UuidOnDisk datastore;
    std::uint64_t heap_bytes;
    std::uint64_t total_bytes;
    std::uint64_t formatted_at_unix_s;
    std::uint32_t hosts_max;
    std::uint16_t block_bytes;
    std::uint8_t name_bytes;
    std::uint8_t reserved0;
    std::array<char, 48> name;
    std::array<std::uint8_t, 388> reserved1;
    std::uint32_t crc32c;
};

static_assert(sizeof(SuperblockOnDisk) == kSectorBytes);
static_assert(offsetof(SuperblockOnDisk, datastore) == 24);
static_assert(offsetof(SuperblockOnDisk, heap_bytes) == 40);
static_assert(offsetof(SuperblockOnDisk, hosts_max) == 64);
static_assert(offsetof(SuperblockOnDisk, name) == 72);
static_assert(offsetof(SuperblockOnDisk, crc32c) == kSectorCrcOffset);
static_assert(std::has_unique_object_representations_v<SuperblockOnDisk>);
static_assert(kFormatVersion == kRecordVersion);

}  // namespace

void encode_superblock(const Superblock& superblock, std::span<std::byte> block) {
    HF_CHECK(block.size() == kBlockBytes);
    SuperblockOnDisk disk{};
    disk.frame = make_frame(kSuperblockMagic, HostId{}, superblock.cluster);
    disk.datastore = superblock.datastore.bytes;
    disk.heap_bytes = superblock.geometry.heap_bytes();
    disk.total_bytes = superblock.geometry.total_bytes();
    disk.formatted_at_unix_s = superblock.formatted_at_unix_s;
    disk.hosts_max = superblock.geometry.hosts_max();
    disk.block_bytes = static_cast<std::uint16_t>(kBlockBytes);
    const std::string_view name = superblock.name.view();
    disk.name_bytes = static_cast<std::uint8_t>(name.size());
    name.copy(disk.name.data(), disk.name.size());
    std::memset(block.data(), 0, block.size());
    store(block, disk);
    seal_sector(block);
}

Result<Superblock, Reject> decode_superblock(std::span<const std::byte> block) {
    if (auto reject = check_sector(block, kBlockBytes, kSuperblockMagic))
        return Unexpected{*reject};
    const auto disk = load<SuperblockOnDisk>(block);
    RangeCheck check;
    check.at_most(offsetof(FrameOnDisk, host), disk.frame.host, 0);
    check.between(offsetof(SuperblockOnDisk, hosts_max), disk.hosts_max, 1, kHostsMax);
    check.between(
        offsetof(SuperblockOnDisk, heap_bytes), disk.heap_bytes, kHeapBytesMin, kHeapBytesMax);
    check.at_most(offsetof(SuperblockOnDisk, heap_bytes), disk.heap_bytes % kBlockBytes, 0);
    check.between(
        offsetof(SuperblockOnDisk, block_bytes), disk.block_bytes, kBlockBytes, kBlockBytes);
    check.at_most(offsetof(SuperblockOnDisk, name_bytes), disk.name_bytes, 48);
    if (is_all_zero(bytes_of(disk.frame.cluster)))
        check.between(offsetof(FrameOnDisk, cluster), 0, 1, 1);
    if (check.reject()) return Unexpected{*check.reject()};
    const Geometry geometry{disk.hosts_max, disk.heap_bytes};
    check.between(offsetof(SuperblockOnDisk, total_bytes),
                  disk.total_bytes,
                  geometry.total_bytes(),
                  geometry.total_bytes());
    if (check.reject()) return Unexpected{*check.reject()};
    Superblock superblock;
    superblock.cluster.bytes = disk.frame.cluster;
    superblock.datastore.bytes = disk.datastore;
    superblock.geometry = geometry;
    superblock.formatted_at_unix_s = disk.formatted_at_unix_s;
    superblock.name = FixedText<48>{std::string_view{disk.name.data(), disk.name_bytes}};
    return superblock;
}

Result<Superblock, Reject> decode_superblock_copies(std::span<const std::byte> copies) {
    if (copies.size() < 2 * kBlockBytes) {
        return Unexpected{Reject{RejectCode::Truncated, 0, copies.size(), 2 * kBlockBytes}};
    }
    auto first = decode_superblock(copies.first(kBlockBytes));
    if (first) return first;
    auto second = decode_superblock(copies.subspan(kBlockBytes, kBlockBytes));
    if (second) return second;
    // Report the damaged copy rather than the empty one.
    return first.error().code == RejectCode::Unwritten ? second : first;
}

}  // namespace holdfast
