#include "tests/sim/scenario/golden.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "tests/sim/check/violation.h"
#include "tests/sim/scenario/player.h"

namespace holdfast::sim {

namespace {

bool read_lines(const std::string& path, std::vector<std::string>& lines) {
    std::ifstream file(path);
    if (!file) return false;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return true;
}

std::string line_or_end(const std::vector<std::string>& lines, std::size_t index) {
    return index < lines.size() ? lines[index] : "(the end)";
}

std::string difference(const std::string& path, const std::vector<std::string>& happened) {
    std::vector<std::string> golden;
    if (!read_lines(path, golden)) {
        return path + " is missing: run with HF_REWRITE=1, read what it says, and keep it";
    }
    const std::size_t count = std::max(golden.size(), happened.size());
    for (std::size_t i = 0; i < count; ++i) {
        const std::string wanted = line_or_end(golden, i);
        const std::string seen = line_or_end(happened, i);
        if (wanted != seen) {
            return text_of(
                "%s:%zu differs; HF_REWRITE=1 rewrites it\n  golden:   %s\n  happened: %s",
                path.c_str(),
                i + 1,
                wanted.c_str(),
                seen.c_str());
        }
    }
    return {};
}

std::string write_lines(const std::string& path, const std::vector<std::string>& lines) {
    std::ofstream file(path);
    for (const std::string& line : lines) file << line << '\n';
    return file.flush() ? "" : path + ": cannot be written";
}

}  // namespace

ScenarioResult run_scenario(const std::string& path, bool compare, bool print) {
    ScenarioResult result;
    result.file = path;
    const auto story = read_story(path);
    if (!story) {
        result.failure = story.error();
        return result;
    }
    Player player(*story);
    result.failure = player.play();
    result.virtual_seconds = in_seconds(player.world().now());
    if (print) {
        for (const std::string& line : player.lines()) std::printf("%s\n", line.c_str());
    }
    if (!result.failure.empty() || !compare) return result;
    const std::string trace = path.substr(0, path.rfind(".scn")) + ".trace";
    const char* rewrite = std::getenv("HF_REWRITE");
    if (rewrite != nullptr && std::string(rewrite) == "1") {
        result.rewritten = !difference(trace, player.lines()).empty();
        result.failure = write_lines(trace, player.lines());
    } else {
        result.failure = difference(trace, player.lines());
    }
    return result;
}

}  // namespace holdfast::sim
