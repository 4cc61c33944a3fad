#include "engine/machine/placement.h"

#include <algorithm>

#include "engine/base/mutant.h"

namespace holdfast {

namespace {

bool fits(const Room& room, const VmSpec& spec, const Leanings& leanings, Hindrances& hindrances) {
    std::uint16_t* reason = nullptr;
    if ((spec.datastores & ~room.datastores) != 0 && !planted(Mutant::PlacedWithoutDisks)) {
        reason = &hindrances.datastores;
    } else if (room.networks != nullptr && !room.networks->satisfy(spec.networks)) {
        reason = &hindrances.networks;
    } else if (room.cpus != 0 && spec.cpus > room.cpus) {
        reason = &hindrances.cpus;
    } else if (leanings.apart != nullptr && leanings.apart->contains(room.host) &&
               !planted(Mutant::ApartIgnored)) {
        reason = &hindrances.apart;
    } else if (room.memory_free_mib < spec.memory_mib) {
        reason = &hindrances.memory;
    } else if (room.starts_in_flight >= kStartsInFlightMax) {
        reason = &hindrances.busy;
    }
    if (reason != nullptr) ++*reason;
    return reason == nullptr;
}

}  // namespace

Room* place(std::span<Room> rooms,
            const VmSpec& spec,
            const Leanings& leanings,
            Hindrances& hindrances) {
    Room* best = nullptr;
    bool best_fresh = false;
    bool best_near = false;
    for (Room& room : rooms) {
        if (!fits(room, spec, leanings, hindrances)) continue;
        const bool fresh = std::find(leanings.tried.begin(), leanings.tried.end(), room.host) ==
                           leanings.tried.end();
        const bool near = leanings.together != nullptr && leanings.together->contains(room.host);
        bool better = best == nullptr;
        if (!better && fresh != best_fresh) {
            better = fresh;
        } else if (!better && near != best_near) {
            better = near;
        } else if (!better) {
            better = room.memory_free_mib > best->memory_free_mib;
        }
        if (!better) continue;
        best = &room;
        best_fresh = fresh;
        best_near = near;
    }
    return best;
}

}  // namespace holdfast
