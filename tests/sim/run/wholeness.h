// Whether a cluster without faults is as it should be: promise L1, judged some time after the last fault.
#pragma once

#include <optional>
#include <string>

#include "tests/sim/world/world.h"

namespace holdfast::sim {

// What is still missing; nothing when one host leads, every powered host is a member, and every VM that should run runs.
[[nodiscard]] std::optional<std::string> missing_for_wholeness(const World& world);

// How long a cluster of this configuration may take to become whole once all faults are healed.
[[nodiscard]] Duration wholeness_limit(const World& world);

}  // namespace holdfast::sim
