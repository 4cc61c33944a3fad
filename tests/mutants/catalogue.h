// The catalogue of planted faults: for each mutant its name, the rule that it breaks, and what must catch it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/mutant.h"

namespace holdfast::mutants {

// One way of catching a mutant; it counts as caught when the first run in which something is wrong comes within
// `tries_max`, and the same run without the mutant is clean.
struct Catcher {
    enum class Kind : std::uint8_t {
        Test,      // `what` is a GoogleTest, or several separated by ':'
        Scenario,  // `what` is a story below tests/, played with the seeds 1..tries_max
        Seeds,     // random runs of the simulator, seeds 1..tries_max
    };
    Kind kind = Kind::Seeds;
    const char* what = "";
    std::uint32_t tries_max = 1;
};

struct Entry {
    Mutant mutant = Mutant::None;
    const char* name = "";
    const char* section = "";  // of docs/DESIGN.md
    const char* rule = "";     // what holds in the product, and not in the mutant
    std::vector<Catcher> catchers;
};

// Every mutant but None, in the order of the enumeration.
[[nodiscard]] std::span<const Entry> catalogue();

[[nodiscard]] std::optional<Mutant> mutant_named(std::string_view name);

// From the next engine on; None takes it out again.
void plant(Mutant mutant);

}  // namespace holdfast::mutants
