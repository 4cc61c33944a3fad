// On-disk form of an orders copy, 128 KiB: an 8 KiB header (512 critical bytes, then up to 60
// certificates of 128 bytes) and up to 698 orders of 176 bytes.  docs/DISK_FORMAT.md has the table
// of offsets.  The critical bytes have their own CRC32C and carry those of certificates and orders.
//
// No function here allocates, blocks or trusts a byte.
#pragma once

#include <cstddef>
#include <span>

#include "engine/base/result.h"
#include "engine/machine/orders.h"
#include "storage/geometry.h"
#include "storage/reject.h"

namespace holdfast {

// Writes the orders and returns how many bytes of `block` to write to the datastore (a multiple of
// 4 KiB).  REQUIRES: block.size() == kOrdersCopyBytes and orders that decode_orders() accepts.
[[nodiscard]] std::size_t encode_orders(const Orders& orders,
                                        const ClusterUuid& cluster,
                                        std::span<std::byte> block);

// `orders` is only meaningful on success.
[[nodiscard]] Result<Nothing, Reject> decode_orders(std::span<const std::byte> block,
                                                    const BlockContext& context,
                                                    Orders& orders);

}  // namespace holdfast
