// The last act of a run: a whole cluster loses one host, and promise L1 is taken at its word.
#pragma once

#include "tests/sim/world/chance.h"
#include "tests/sim/world/world.h"

namespace holdfast::sim {

// The time within which a VM runs again after its host, be it the leader, has lost its power.
[[nodiscard]] Duration promised_time(const World& world);

// REQUIRES: the cluster is whole.  Powers one host off, if another is left, and waits for its VMs.
void lose_one_host(World& world, Chance& chance);

}  // namespace holdfast::sim
