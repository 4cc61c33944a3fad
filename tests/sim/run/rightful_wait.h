// Which VMs that should run may wait all the same: those that no host may take, and those that start after such a one.
#pragma once

#include "tests/sim/world/world.h"

namespace holdfast::sim {

// Whether some host that takes VMs has the memory, and runs none of those that this VM must be kept apart from.
[[nodiscard]] bool has_place(const World& world, VmIndex vm);

// Whether it has no place, or waits by its policy for one that has none.
[[nodiscard]] bool waits_rightly(const World& world, VmIndex vm);

// By how much VMs that start after one another may be later than others.
[[nodiscard]] Duration waiting_time(const World& world);

}  // namespace holdfast::sim
