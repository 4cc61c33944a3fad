// The VMs of the world: what they are, what people want of them, and what really happened to them.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/machine/roster.h"
#include "tests/sim/world/time.h"

namespace holdfast::sim {

using VmIndex = std::uint32_t;

struct Vm {
    VmSpec spec;  // without the place of its XML
    HostId home;
    HostId stop_allowed_on;  // this host may stop it, as it was isolated when it decided to
    bool autostart = false;
    bool wanted = false;                      // people want it to run
    WorldTime stop_durable_at = kWorldNever;  // since when a majority shows that people stopped it
    WorldTime scan_began_at{};                // of the last claim of an engine
    bool asked_since_stop = false;            // somebody tried to start it since people stopped it
    std::uint32_t runs_count = 0;
    std::uint32_t interruptions_count = 0;     // times it ended, for whatever cause
    WorldTime run_by_engine_at = kWorldNever;  // the last time that an engine let it run
    HostId last_host;                          // where it ran last
    WorldTime died_at{};                       // when its host died under it
    bool lost_with_host = false;
};

[[nodiscard]] inline VmId vm_id_of(VmIndex index) {
    VmId id;
    id.bytes[0] = 0x7e;
    id.bytes[14] = static_cast<std::uint8_t>((index + 1) >> 8U);
    id.bytes[15] = static_cast<std::uint8_t>(index + 1);
    return id;
}

// REQUIRES: made by vm_id_of
[[nodiscard]] inline VmIndex vm_index_of(const VmId& id) {
    return (static_cast<VmIndex>(id.bytes[14]) << 8U | id.bytes[15]) - 1U;
}

}  // namespace holdfast::sim
