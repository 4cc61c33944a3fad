// A scenario file as statements; the language is docs/SCENARIOS.md.  Knows nothing of how one is carried out.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "tests/sim/world/time.h"

namespace holdfast::sim {

// One line: its first word or two, then bare words, key=value pairs and flags.
struct Statement {
    std::string file;
    int line = 0;
    std::string text;
    std::string word;  // "run", "net cut", "expect vm", ...
    std::vector<std::string> names;
    std::map<std::string, std::string> keys;
    std::set<std::string> flags;

    [[nodiscard]] bool has(const std::string& key) const { return keys.contains(key); }

    // "file:12: why: the line"
    [[nodiscard]] std::string wrong(const std::string& why) const;
};

template <typename T>
using Read = Result<T, std::string>;

// Every statement of the file, the first of which is `cluster`; or what is wrong, with file and line.
[[nodiscard]] Read<std::vector<Statement>> read_statements(const std::string& path);

// "300ms", "10s", "5min"
[[nodiscard]] Read<Duration> duration_in(const Statement& statement, const std::string& text);
// "64M", "2G"
[[nodiscard]] Read<std::uint32_t> mebibytes_in(const Statement& statement, const std::string& text);
// A number from 1 to `max` that the statement names by `key`.
[[nodiscard]] Read<std::uint16_t> number_in(const Statement& statement,
                                            const std::string& key,
                                            std::uint64_t max);

}  // namespace holdfast::sim
