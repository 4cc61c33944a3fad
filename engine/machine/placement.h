// Placement: which host should start a VM.  Memory, CPUs in reach, every VM datastore reachable; then the host with the most
// free memory, so that VMs spread; ties go to the lowest id.
#pragma once

#include <span>

#include "engine/base/fixed_list.h"
#include "engine/machine/roster.h"

namespace holdfast {

// A host that could take a VM now.
struct Room {
    HostId host;
    std::uint32_t memory_free_mib = 0;
    std::uint32_t datastores = 0;
    std::uint16_t starts_in_flight = 0;
};

inline constexpr std::uint16_t kStartsInFlightMax =
    8;  // per host, so that a boot storm does not slow everybody down

// The best room for `spec`, or null.  Hosts in `avoid` are taken only when nothing else fits.
[[nodiscard]] Room* place(std::span<Room> rooms, const VmSpec& spec, std::span<const HostId> avoid);

}  // namespace holdfast
