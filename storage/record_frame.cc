#include "storage/record_frame.h"

#include "storage/crc32c.h"

namespace holdfast {

bool is_all_zero(std::span<const std::byte> bytes) {
    if (bytes.empty()) return true;
    // A block that equals itself shifted by one byte, and begins with zero, is zero throughout.
    return bytes.front() == std::byte{0} &&
           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

FrameOnDisk make_frame(std::uint32_t magic, HostId host, const ClusterUuid& cluster) {
    return FrameOnDisk{magic, kRecordVersion, host.value(), cluster.bytes};
}

namespace {

std::optional<Reject> check_kind(std::span<const std::byte> block,
                                 std::size_t bytes_min,
                                 std::uint32_t magic) {
    HF_CHECK(bytes_min >= kSectorBytes);
    if (block.size() < bytes_min) return Reject{RejectCode::Truncated, 0, block.size(), bytes_min};
    if (is_all_zero(block)) return Reject{RejectCode::Unwritten, 0, 0, magic};
    const auto frame = load<FrameOnDisk>(block);
    if (frame.magic != magic) return Reject{RejectCode::BadMagic, 0, frame.magic, magic};
    if (frame.version > kRecordVersion) {
        return Reject{RejectCode::NewerVersion, 4, frame.version, kRecordVersion};
    }
    if (frame.version < kRecordVersion) {
        return Reject{RejectCode::OlderVersion, 4, frame.version, kRecordVersion};
    }
    return std::nullopt;
}

std::optional<Reject> check_checksum(std::span<const std::byte> block, std::uint32_t expected) {
    const auto found = load<std::uint32_t>(block.subspan(kSectorCrcOffset));
    if (found == expected) return std::nullopt;
    return Reject{RejectCode::BadChecksum, kSectorCrcOffset, found, expected};
}

std::optional<Reject> check_place(std::span<const std::byte> block, const BlockContext& context) {
    const auto frame = load<FrameOnDisk>(block);
    if (frame.cluster != context.cluster.bytes) {
        return Reject{RejectCode::ForeignCluster,
                      8,
                      load<std::uint64_t>(block.subspan(8)),
                      load<std::uint64_t>(bytes_of(context.cluster.bytes))};
    }
    if (frame.host != context.host.value()) {
        return Reject{RejectCode::WrongPosition, 6, frame.host, context.host.value()};
    }
    return std::nullopt;
}

}  // namespace

std::optional<Reject> check_sector(std::span<const std::byte> block,
                                   std::size_t bytes_min,
                                   std::uint32_t magic) {
    if (auto reject = check_kind(block, bytes_min, magic)) return reject;
    return check_checksum(block, crc32c(sealed_part(block)));
}

std::optional<Reject> check_frame(std::span<const std::byte> block,
                                  std::size_t bytes_min,
                                  std::uint32_t magic,
                                  const BlockContext& context) {
    if (auto reject = check_sector(block, bytes_min, magic)) return reject;
    return check_place(block, context);
}

std::optional<Reject> check_frame(std::span<const std::byte> block,
                                  std::size_t bytes_min,
                                  std::uint32_t magic,
                                  const BlockContext& context,
                                  std::uint32_t expected_crc32c) {
    if (auto reject = check_kind(block, bytes_min, magic)) return reject;
    if (auto reject = check_checksum(block, expected_crc32c)) return reject;
    return check_place(block, context);
}

void seal_sector(std::span<std::byte> block) {
    store(block.subspan(kSectorCrcOffset), crc32c(sealed_part(block)));
}

}  // namespace holdfast
