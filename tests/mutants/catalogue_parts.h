// The parts of catalogue(), in their order, and what their rows are made of.
#pragma once

#include <vector>

#include "tests/mutants/catalogue.h"

namespace holdfast::mutants {

[[nodiscard]] inline Catcher test(const char* name) {
    return {Catcher::Kind::Test, name, 1};
}

[[nodiscard]] inline Catcher seeds(std::uint32_t seeds_max) {
    return {Catcher::Kind::Seeds, "", seeds_max};
}

// Leases, leadership, records, and who is called dead.
[[nodiscard]] std::vector<Entry> faults_about_hosts();

// Starts, migrations, restarts, lapses, lives of a host, and what lies outside the engine.
[[nodiscard]] std::vector<Entry> faults_about_vms();

}  // namespace holdfast::mutants
