// CRC32C (Castagnoli, RFC 3720 appendix B.4) through ISA-L, in the usual convention: start with all
// ones, invert at the end, so that crc32c("123456789") is 0xE3069283.  (ISA-L's crc32_iscsi() does
// neither by itself.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast {

[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes);

}  // namespace holdfast
