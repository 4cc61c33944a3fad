// CRC32C (Castagnoli, RFC 3720 appendix B.4) through ISA-L, in the usual convention: start with all
// ones, invert at the end, so that crc32c("123456789") is 0xE3069283.  (ISA-L's crc32_iscsi() does
// neither by itself.)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast {

[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes);

using ThreeRuns = std::array<std::span<const std::byte>, 3>;

// crc32c() of three runs of bytes at once: each step of a checksum waits for the one before, and the steps of the
// other two fill that wait.  For runs that are too short to be worth ISA-L's folding.
// REQUIRES: all three of one size
[[nodiscard]] std::array<std::uint32_t, 3> crc32c_of_three(const ThreeRuns& runs);

}  // namespace holdfast
