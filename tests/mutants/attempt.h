// One attempt at catching the planted mutant, in this process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/mutants/catalogue.h"
#include "tests/sim/world/log.h"

namespace holdfast::mutants {

struct Catch {
    std::string
        promise;  // "S1", "S2", "L1", "L2", "contract", or "expect" for a story that ends otherwise
    std::string text;
    std::uint64_t seed = 0;
};

// Plays one seed; nothing when every promise was kept.
[[nodiscard]] std::optional<Catch> try_seed(std::uint64_t seed, sim::Log* log);

// Plays the story in `path` with `seed`.  Prints what happens if wanted.
[[nodiscard]] std::optional<Catch> try_scenario(const std::string& path,
                                                std::uint64_t seed,
                                                bool print);

// Seeds 1..tries_max of a catcher that is no test, until the first catch.
[[nodiscard]] std::optional<Catch> try_all(const Catcher& catcher,
                                           std::uint64_t first,
                                           std::uint64_t last);

}  // namespace holdfast::mutants
