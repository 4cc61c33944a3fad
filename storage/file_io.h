// Whole reads and writes with plain system calls, for tools.  They block.  Internal to storage/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/base/result.h"

namespace holdfast {

// Error also when the file ends before `bytes` is full.
[[nodiscard]] Result<Nothing> read_fully(int fd,
                                         std::span<std::byte> bytes,
                                         std::uint64_t offset_bytes);

[[nodiscard]] Result<Nothing> write_fully(int fd,
                                          std::span<const std::byte> bytes,
                                          std::uint64_t offset_bytes);

}  // namespace holdfast
