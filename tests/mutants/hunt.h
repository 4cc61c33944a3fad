// Hunt: lets every catcher of every mutant try, each in a process of its own, a few at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/mutants/catalogue.h"

namespace holdfast::mutants {

struct Outcome {
    const Entry* entry = nullptr;
    bool caught = false;
    bool control_failed = false;  // it fails without the mutant too, which proves nothing
    std::string by;               // "seed 12", "scenario FILE, seed 3", "test NAME"
    std::string promise;
    std::string text;
    double seconds = 0;
};

struct HuntOptions {
    std::string test_program;
    std::uint64_t seed_first = 0;  // 0: as the catalogue says
    std::uint64_t seed_last = 0;
    unsigned jobs = 2;
    double seconds_max = 120;  // of one mutant
};

// `told` is called for each mutant when it is decided.
[[nodiscard]] std::vector<Outcome> hunt(const std::vector<const Entry*>& entries,
                                        const HuntOptions& options,
                                        const std::function<void(const Outcome&)>& told);

}  // namespace holdfast::mutants
