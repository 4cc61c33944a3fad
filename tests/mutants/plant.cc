// The mutant build's half of engine/base/mutant.h.
#include "tests/mutants/catalogue.h"

namespace holdfast {

Mutant planted_mutant = Mutant::None;
std::array<std::uint64_t, kMutantsCount> rule_visits{};

namespace mutants {

void plant(Mutant mutant) {
    planted_mutant = mutant;
}

std::optional<Mutant> mutant_named(std::string_view name) {
    for (const Entry& entry : catalogue()) {
        if (name == entry.name) return entry.mutant;
    }
    return std::nullopt;
}

}  // namespace mutants

}  // namespace holdfast
