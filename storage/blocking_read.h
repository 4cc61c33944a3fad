// One read through a back-end, waited for with a limit: for the moments before the loop runs.
// Internal to storage/.
#pragma once

#include <optional>
#include <span>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "storage/io_backend.h"

namespace holdfast {

// Fills `memory` (inside the arena, 4 KiB aligned) from `offset_bytes`.  ETIMEDOUT means that the
// read is still on its way and the arena must never be used again.  REQUIRES: nothing else in
// flight.
[[nodiscard]] std::optional<Error> blocking_read(IoBackend& backend,
                                                 std::span<std::byte> memory,
                                                 std::uint64_t offset_bytes,
                                                 Duration timeout);

}  // namespace holdfast
