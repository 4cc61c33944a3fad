#include "engine/machine/placement.h"

#include <algorithm>

namespace holdfast {

Room* place(std::span<Room> rooms, const VmSpec& spec, std::span<const HostId> avoid) {
    Room* best = nullptr;
    bool best_avoided = false;
    for (Room& room : rooms) {
        const bool fits = room.memory_free_mib >= spec.memory_mib &&
                          (spec.datastores & ~room.datastores) == 0 &&
                          room.starts_in_flight < kStartsInFlightMax;
        if (!fits) continue;
        const bool avoided = std::find(avoid.begin(), avoid.end(), room.host) != avoid.end();
        const bool better =
            best == nullptr || (best_avoided && !avoided) ||
            (best_avoided == avoided && room.memory_free_mib > best->memory_free_mib);
        if (!better) continue;
        best = &room;
        best_avoided = avoided;
    }
    return best;
}

}  // namespace holdfast
