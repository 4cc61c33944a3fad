#include "tests/mutants/attempt.h"

#include <cstdio>

#include "tests/sim/run/seed_run.h"
#include "tests/sim/scenario/player.h"
#include "tests/sim/scenario/story.h"

namespace holdfast::mutants {

std::optional<Catch> try_seed(std::uint64_t seed, sim::Log* log) {
    const sim::SeedResult result = sim::run_seed(seed, log);
    if (!result.violation) return std::nullopt;
    return Catch{result.violation->promise, result.violation->text, seed};
}

std::optional<Catch> try_scenario(const std::string& path, std::uint64_t seed, bool print) {
    auto story = sim::read_story(path);
    if (!story) return Catch{"story", story.error(), seed};
    story->cluster.seed = seed;
    sim::Player player(*story);
    const std::string failure = player.play();
    if (print) {
        for (const std::string& line : player.lines()) std::printf("%s\n", line.c_str());
    }
    if (failure.empty()) return std::nullopt;
    const auto& violation = player.world().violation();
    return Catch{violation ? violation->promise : "expect", failure, seed};
}

std::optional<Catch> try_all(const Catcher& catcher, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        auto caught = catcher.kind == Catcher::Kind::Scenario
                          ? try_scenario(std::string("tests/") + catcher.what, seed, false)
                          : try_seed(seed, nullptr);
        if (caught) return caught;
    }
    return std::nullopt;
}

}  // namespace holdfast::mutants
