// Report: what all runs together exercised, for people and as JSON.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/sim/run/seed_run.h"
#include "tests/sim/world/tally.h"

namespace holdfast::sim {

struct Report {
    Tally tally;
    std::vector<SeedResult> failures;
    double wall_seconds = 0;
    std::uint64_t fingerprint =
        0;  // of everything that all engines said; equal for equal behaviour
};

// For use inside a JSON string.
[[nodiscard]] std::string json_text(const std::string& text);

void print_failure(std::FILE* file, const SeedResult& result);
void print_report(std::FILE* file, const Report& report);
void print_report_json(std::FILE* file, const Report& report);

}  // namespace holdfast::sim
