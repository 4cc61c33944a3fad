// Causes: the rarer branches of the engine, told by what it says and why, so that a report can name those that no run took.
//
// It is no line coverage (the preset `coverage` measures that): it says which judgements, proofs, refusals and changes of
// phase have happened at least once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/machine/trace.h"
#include "tests/sim/world/tally.h"

namespace holdfast::sim {

struct Cause {
    TraceCode code = TraceCode::PhaseChanged;
    std::uint8_t value = 0;  // cause_of() of such a line
    std::string name;        // "declared dead: verdict read"
};

// Every cause that is worth a line, in the order of the report.
[[nodiscard]] const std::vector<Cause>& all_causes();

// How often `cause` was seen.
[[nodiscard]] std::uint64_t count_of(const Tally& tally, const Cause& cause);

}  // namespace holdfast::sim
