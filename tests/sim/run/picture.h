// A picture of a cluster for whoever looks for the cause of a failure: what lies on the datastores, and what runs where.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/world/world.h"

namespace holdfast::sim {

[[nodiscard]] std::vector<std::string> picture_of(const World& world);

}  // namespace holdfast::sim
