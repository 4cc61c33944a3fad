// Placement: which host should start a VM (design section 9).
//
// A host must have the memory and as many CPUs as the VM, reach all of its VM datastores, have its networks, run none of the VMs that it must keep
// apart from, and have no more than kStartsInFlightMax starts before it.  Of those: one that was not tried, then one that runs
// VMs which this one belongs together with, then the one with the most free memory, so that VMs spread; ties go to the lowest id.
#pragma once

#include <span>

#include "engine/base/fixed_list.h"
#include "engine/base/host_set.h"
#include "engine/machine/roster.h"

namespace holdfast {

// A host that could take a VM now.
struct Room {
    HostId host;
    std::uint32_t memory_free_mib = 0;
    std::uint32_t datastores = 0;
    std::uint16_t starts_in_flight = 0;
    std::uint16_t cpus = 0;                  // 0: not known, and then no hindrance
    const HostNetworks* networks = nullptr;  // the same with null
};

inline constexpr std::uint16_t kStartsInFlightMax =
    8;  // per host, so that a boot storm does not slow everybody down

// What speaks for and against hosts, besides their room.
struct Leanings {
    std::span<const HostId> tried;      // taken only when nothing else fits
    const HostSet* apart = nullptr;     // never; null: none
    const HostSet* together = nullptr;  // gladly; null: none
};

// Why hosts were passed over; each host counts once, by the first reason that it has.
struct Hindrances {
    std::uint16_t memory = 0;
    std::uint16_t cpus = 0;
    std::uint16_t datastores = 0;
    std::uint16_t apart = 0;
    std::uint16_t networks = 0;
    std::uint16_t busy = 0;  // with other starts: passes by itself
};

// The best room for `spec`, or null; `hindrances` then says why.
[[nodiscard]] Room* place(std::span<Room> rooms,
                          const VmSpec& spec,
                          const Leanings& leanings,
                          Hindrances& hindrances);

}  // namespace holdfast
