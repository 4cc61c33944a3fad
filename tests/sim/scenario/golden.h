// Runs a scenario file and compares what happened with the golden trace beside it.
#pragma once

#include <string>

namespace holdfast::sim {

struct ScenarioResult {
    std::string file;
    std::string failure;  // empty: all went as told
    bool rewritten = false;
    double virtual_seconds = 0;

    // It asks for something that the simulator cannot do.
    [[nodiscard]] bool refused() const {
        return failure.find("not in the simulator (") != std::string::npos;
    }
};

// `compare`: NAME.trace beside NAME.scn must be what happened; a missing one is a failure.  With HF_REWRITE=1 in the
// environment it is written instead, unless the scenario itself failed.
[[nodiscard]] ScenarioResult run_scenario(const std::string& path, bool compare, bool print);

}  // namespace holdfast::sim
