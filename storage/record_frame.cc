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

std::optional<Reject> check_sector(std::span<const std::byte> block,
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
    const auto found = load<std::uint32_t>(block.subspan(kSectorCrcOffset));
    const std::uint32_t expected = crc32c(block.first(kSectorCrcOffset));
    if (found != expected) {
        return Reject{RejectCode::BadChecksum, kSectorCrcOffset, found, expected};
    }
    return std::nullopt;
}

std::optional<Reject> check_frame(std::span<const std::byte> block,
                                  std::size_t bytes_min,
                                  std::uint32_t magic,
                                  const BlockContext& context) {
    if (auto reject = check_sector(block, bytes_min, magic)) return reject;
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

void seal_sector(std::span<std::byte> block) {
    store(block.subspan(kSectorCrcOffset), crc32c(block.first(kSectorCrcOffset)));
}

}  // namespace holdfast
