// One seed from beginning to end: a plan, its faults, healing, and the judgement whether the cluster became whole again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/check/violation.h"
#include "tests/sim/world/log.h"
#include "tests/sim/world/tally.h"

namespace holdfast::sim {

struct SeedResult {
    std::uint64_t seed = 0;
    std::uint32_t minutes = 0;  // as asked
    std::optional<Violation> violation;
    std::string plan;  // described
    Tally tally;
    std::uint64_t fingerprint = 0;  // of everything that the engines said
};

// `log` may be null.  With a `record_folder`, which must exist, each agent's flight log is written below it.
// `minutes` is how long faults go on; 0: as the seed says, four to five.
[[nodiscard]] SeedResult run_seed(std::uint64_t seed,
                                  Log* log,
                                  bool codecs = true,
                                  const std::string& record_folder = {},
                                  std::uint32_t minutes = 0,
                                  bool quiet_beats = false);

}  // namespace holdfast::sim
