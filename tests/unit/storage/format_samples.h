// Records with recognisable values, the ones behind golden_bytes.h, and random ones from a seed.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/base/prng.h"
#include "engine/machine/orders.h"
#include "engine/machine/roster.h"
#include "engine/machine/slot.h"
#include "storage/config_format.h"
#include "storage/recorder_format.h"
#include "storage/reject.h"
#include "storage/superblock.h"
#include "tests/unit/storage/golden_bytes.h"

namespace holdfast::test {

// Bytes first, first + 1, ... first + 15.
[[nodiscard]] Uuid uuid_from(std::uint8_t first);

[[nodiscard]] ClusterUuid sample_cluster();
[[nodiscard]] BlockContext sample_context();  // of host 3
[[nodiscard]] SlotRecord sample_slot();
[[nodiscard]] Roster sample_roster();
[[nodiscard]] Orders sample_orders();
[[nodiscard]] std::unique_ptr<ConfigRecord> sample_config();
[[nodiscard]] Superblock sample_superblock();
[[nodiscard]] RecorderEntry sample_recorder_entry();

[[nodiscard]] SlotRecord random_slot(Prng& prng, HostId host);
[[nodiscard]] Roster random_roster(Prng& prng, HostId host);
[[nodiscard]] Orders random_orders(Prng& prng, HostId host);
[[nodiscard]] std::unique_ptr<ConfigRecord> random_config(Prng& prng, HostId host);

// The golden lines as `bytes` bytes.
[[nodiscard]] std::vector<std::byte> golden(std::span<const GoldenLine> lines, std::size_t bytes);

// "offset 64: 2900…" of the first line that differs; empty when equal.
[[nodiscard]] std::string first_difference(std::span<const std::byte> left,
                                           std::span<const std::byte> right);

void flip_bit(std::span<std::byte> bytes, std::size_t bit);

}  // namespace holdfast::test
