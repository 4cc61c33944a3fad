// On-disk form of a slot copy, 4 KiB.  docs/DISK_FORMAT.md has the table of offsets.
//
// The first 512 bytes hold everything that safety rests on, under their own CRC32C: one sector is
// the atomicity that we assume.  Whom the host hears lies in the second sector under a second
// CRC32C, bound to the record by its sequence; if only that part is damaged, the record counts and
// `heard` is empty.
//
// No function here allocates, blocks or trusts a byte.
#pragma once

#include <cstddef>
#include <span>

#include "engine/base/result.h"
#include "engine/machine/slot.h"
#include "storage/geometry.h"
#include "storage/reject.h"

namespace holdfast {

// Writes all 4096 bytes of `block`.  REQUIRES: block.size() == kSlotCopyBytes and a record that
// decode_slot() accepts.
void encode_slot(const SlotRecord& record, const ClusterUuid& cluster, std::span<std::byte> block);

[[nodiscard]] Result<SlotRecord, Reject> decode_slot(std::span<const std::byte> block,
                                                     const BlockContext& context);

// Of two records of one host; by (incarnation, sequence).
[[nodiscard]] bool is_newer(const SlotRecord& left, const SlotRecord& right);

// Both copies of one slot, as one read gives them: the valid copy with the higher (incarnation,
// sequence); Unwritten when both are all zero; Unusable otherwise.  A rejected copy is counted, unless
// it calls itself older than a valid one: then it is not looked at.
void decode_slot_copies(std::span<const std::byte> copies,
                        const BlockContext& context,
                        SlotView& view,
                        RejectCounters& rejects);

// decode_slot_copies() for every slot of a scan; slots[i] is that of host first + i.
// REQUIRES: slots.size() == views.size() * kSlotBytes
void decode_scan(std::span<const std::byte> slots,
                 const ClusterUuid& cluster,
                 HostId first,
                 std::span<SlotView> views,
                 RejectCounters& rejects);

}  // namespace holdfast
