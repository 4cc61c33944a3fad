// Records of a healthy cluster, for what is measured to work on.
#pragma once

#include <cstdint>

#include "engine/machine/beat.h"
#include "engine/machine/roster.h"
#include "engine/machine/slot.h"
#include "engine/machine/timing.h"

namespace holdfast::bench {

// Distinct for each (kind, number).
[[nodiscard]] Uuid uuid_of(std::uint8_t kind, std::uint32_t number);

[[nodiscard]] HostKey key_of(HostId host);

// Of a host that has beaten `sequence` times, follows host 1 in epoch 1 and hears all `hosts`.
[[nodiscard]] SlotRecord slot_of(HostId host,
                                 std::uint16_t hosts,
                                 Sequence sequence,
                                 const Timing& timing);

[[nodiscard]] VmSpec vm_spec_of(HostId host, std::uint32_t index);

// Of a host that runs `vms` VMs.
[[nodiscard]] Roster roster_of(HostId host, std::uint32_t vms);

// From `from` to `to`, answering nothing yet.
[[nodiscard]] Beat beat_of(HostId from, HostId to, BeatNumber number, const Timing& timing);

}  // namespace holdfast::bench
