#include "storage/crc32c.h"

#include <isa-l/crc.h>

namespace holdfast {

namespace {

constexpr std::size_t kChunkBytesMax = std::size_t{1} << 30U;  // crc32_iscsi() takes an int

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes) {
    std::uint32_t crc = 0xffffffffU;
    while (!bytes.empty()) {
        const std::size_t chunk = bytes.size() < kChunkBytesMax ? bytes.size() : kChunkBytesMax;
        // ISA-L only reads, but its prototype does not say so.
        auto* memory = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
        crc = crc32_iscsi(memory, static_cast<int>(chunk), crc);
        bytes = bytes.subspan(chunk);
    }
    return crc ^ 0xffffffffU;
}

}  // namespace holdfast
