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

// How a seed is run.
struct RunWays {
    bool codecs = true;  // every record and beat goes through the shipped formats
    // Exists; each agent's flight log is written below it.  Empty: none.
    std::string record_folder;
    std::uint32_t minutes = 0;  // faults go on for so long; 0: as the seed says, four to five
    bool quiet_beats = true;    // engines take their short way at beats that say nothing new,
    bool star = false;          // clusters of more than two hosts are stars with one deputy
    bool twins = false;         // and each is compared with one that does not
};

// `log` may be null.
[[nodiscard]] SeedResult run_seed(std::uint64_t seed, Log* log, const RunWays& ways = {});

}  // namespace holdfast::sim
