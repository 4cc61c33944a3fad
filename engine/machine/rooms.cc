// What room the hosts have for VMs, as the leader sees it (restart_plan.cc).
#include <algorithm>

#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

void take(Room& room, std::uint32_t memory_mib) {
    room.memory_free_mib -= std::min(room.memory_free_mib, memory_mib);
}

}  // namespace

void EngineState::add_room(HostId host, const Capacity& of_host, std::uint64_t used_mib) {
    Room room;
    room.host = host;
    room.datastores = of_host.datastores;
    room.cpus = of_host.cpus;
    room.networks = &of_host.networks;
    room.memory_free_mib = of_host.memory_mib > used_mib
                               ? static_cast<std::uint32_t>(of_host.memory_mib - used_mib)
                               : 0;
    rooms.push_back(room);
}

// Null: it is no host that could be chosen.
Room* EngineState::room_of(HostId host) {
    if (host == core.config.self)
        return !rooms.empty() && rooms.back().host == host ? &rooms.back() : nullptr;
    const auto by_host = [](const Room& room, HostId id) { return room.host < id; };
    const auto others_end = room_of(core.config.self) == nullptr ? rooms.end() : rooms.end() - 1;
    const auto found = std::lower_bound(rooms.begin(), others_end, host, by_host);
    return found != others_end && found->host == host ? &*found : nullptr;
}

// The others by id, and this host at the end.
void EngineState::look_for_rooms() {
    rooms.clear();
    for (const RosterTable::Known& known : rosters.all()) {
        const Peer& peer = *peers.find(known.host);
        const bool able = peer.verdict == PeerVerdict::Alive && known.valid &&
                          known.incarnation == peer.incarnation && !peer.slot.flags.maintenance &&
                          (!peer.slot.flags.barred || planted(Mutant::BarredIsOrdered));
        if (able) add_room(known.host, known.capacity, known.held_mib);
    }
    if (!core.in_maintenance) {
        std::uint64_t used = 0;
        for (const OwnVm& own : vms) {
            if (own.listed && own.claim.holds()) used += own.claim.spec.memory_mib;
        }
        add_room(core.config.self, capacity, used);
    }
    for (const Plan& plan : plans) {
        Room* room = plan.given ? room_of(plan.target) : nullptr;
        if (room == nullptr) continue;
        ++room->starts_in_flight;
        const Claim* entry = entry_of(plan.target, plan.spec.vm);
        if (entry == nullptr || !entry->holds()) take(*room, plan.spec.memory_mib);
    }
}

}  // namespace holdfast
