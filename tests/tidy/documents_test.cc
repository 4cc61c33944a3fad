// What the argument on paper names must exist, and its numbers must be those of the engine.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/machine/timing.h"

namespace fs = std::filesystem;

namespace {

using holdfast::Duration;
using holdfast::Timing;

const fs::path& source_tree() {
    static const fs::path kTree = HF_SOURCE_DIR;
    return kTree;
}

std::string text_of(const fs::path& path) {
    std::ifstream stream(path);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

// The argument; DESIGN.md and TESTING.md name tests as well.
const std::array<const char*, 5>& documents() {
    static const std::array<const char*, 5> kDocuments = {"docs/FAULT_MODEL.md",
                                                          "docs/TIMING.md",
                                                          "docs/DESIGN.md",
                                                          "docs/TESTING.md",
                                                          "ARCHITECTURE.md"};
    return kDocuments;
}

// Calls `found` with every match of `pattern`'s first group and "file:line: ".
void for_each_name(const std::string& pattern,
                   const std::function<void(const std::string&, const std::string&)>& found) {
    const std::regex name(pattern);
    for (const char* document : documents()) {
        std::ifstream stream(source_tree() / document);
        int number = 0;
        for (std::string line; std::getline(stream, line);) {
            const std::string at = std::string(document) + ":" + std::to_string(++number) + ": ";
            for (std::sregex_iterator it(line.begin(), line.end(), name), end; it != end; ++it)
                found((*it)[1].str(), at);
        }
    }
}

std::set<std::string> all_tests() {
    std::set<std::string> tests;
    const std::regex test(R"(TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\))");
    for (const auto& entry : fs::recursive_directory_iterator(source_tree() / "tests")) {
        if (entry.path().extension() != ".cc") continue;
        const std::string text = text_of(entry.path());
        for (std::sregex_iterator it(text.begin(), text.end(), test), end; it != end; ++it)
            tests.insert((*it)[1].str() + "." + (*it)[2].str());
    }
    return tests;
}

}  // namespace

TEST(Documents, NameTestsThatExist) {
    const std::set<std::string> tests = all_tests();
    ASSERT_GT(tests.size(), 100U);
    int count = 0;
    for_each_name(R"(`([A-Z]\w+\.[A-Z]\w+)`)", [&](const std::string& name, const std::string& at) {
        if (name.ends_with(".MD")) return;
        ++count;
        EXPECT_TRUE(tests.contains(name)) << at << "no such test: " << name;
    });
    EXPECT_GT(count, 50) << "the argument names no tests any more";
}

TEST(Documents, NameScenariosThatExist) {
    int count = 0;
    for_each_name(R"(`(\w+\.scn)`)", [&](const std::string& name, const std::string& at) {
        ++count;
        EXPECT_TRUE(fs::exists(source_tree() / "tests/scenario" / name) ||
                    fs::exists(source_tree() / "tests/lab" / name))
            << at << "no such scenario: " << name;
    });
    EXPECT_GT(count, 20);
}

TEST(Documents, NameMutantsThatExist) {
    std::set<std::string> mutants;
    const std::string catalogue = text_of(source_tree() / "tests/mutants/catalogue.cc") +
                                  text_of(source_tree() / "tests/mutants/catalogue_vms.cc");
    const std::regex entry(R"re(\{Mutant::\w+,\s*"([a-z0-9-]+)")re");
    for (std::sregex_iterator it(catalogue.begin(), catalogue.end(), entry), end; it != end; ++it)
        mutants.insert((*it)[1].str());
    ASSERT_GT(mutants.size(), 30U);
    int count = 0;
    const std::regex name("`([a-z0-9-]+)`");
    for_each_name(
        R"(mutants? ((?:`[a-z0-9-]+`(?:, )?)+))",
        [&](const std::string& names, const std::string& at) {
            for (std::sregex_iterator it(names.begin(), names.end(), name), end; it != end; ++it) {
                ++count;
                EXPECT_TRUE(mutants.contains((*it)[1].str()))
                    << at << "no such mutant: " << (*it)[1];
            }
        });
    EXPECT_GT(count, 30);
}

TEST(Documents, NameFaultsOfTheModelThatExist) {
    const std::string models = text_of(source_tree() / "tests/model/leadership.pml") +
                               text_of(source_tree() / "tests/model/claims.pml");
    int count = 0;
    const std::regex name("`([A-Z0-9_]+)`");
    for_each_name(
        R"(model ((?:`[A-Z0-9_]+`(?:, )?)+))",
        [&](const std::string& names, const std::string& at) {
            for (std::sregex_iterator it(names.begin(), names.end(), name), end; it != end; ++it) {
                ++count;
                EXPECT_NE(models.find("FAULT_" + (*it)[1].str()), std::string::npos)
                    << at << "no such fault in tests/model: " << (*it)[1];
            }
        });
    EXPECT_GT(count, 10);
}

TEST(Documents, NameFilesThatExist) {
    const std::string folders = "engine|storage|net|agent|bench|tests|docs|scripts|cmake";
    for_each_name("`((?:" + folders + ")/[A-Za-z0-9_/.-]*)`",
                  [](const std::string& name, const std::string& at) {
                      EXPECT_TRUE(fs::exists(source_tree() / name))
                          << at << "no such file: " << name;
                  });
}

namespace {

double in_seconds(Duration span) {
    return std::chrono::duration<double>(span).count();
}

using Number = std::function<Duration(const Timing&)>;

constexpr Duration kBlackoutLimit = std::chrono::minutes{5};

Duration risky_time(const Timing& t) {
    return t.lease + 2 * t.watchdog + t.granularity;
}

Duration takeover(const Timing& t) {
    return holdfast::takeover_after(t, t.lease);
}

// What a row of docs/TIMING.md says, by the words that only it begins with.
const std::map<std::string, Number>& rows() {
    static const std::map<std::string, Number> kRows = {
        {"lease + 2·watchdog", risky_time},
        {"the same with drift |",
         [](const Timing& t) { return holdfast::with_drift(risky_time(t)); }},
        {"+ landing",
         [](const Timing& t) {
             return holdfast::dead_min(t.lease, t.watchdog, t.granularity, t.landing);
         }},
        {"`dead` in the profile", [](const Timing& t) { return t.dead; }},
        {"left over",
         [](const Timing& t) {
             return t.dead - holdfast::dead_min(t.lease, t.watchdog, t.granularity, t.landing);
         }},
        {"0: last", [](const Timing&) { return Duration{}; }},
        {"verdict *silent*", [](const Timing& t) { return t.silent; }},
        {"a living host 2", [](const Timing& t) { return t.lease; }},
        {"the same with drift: a fence",
         [](const Timing& t) { return holdfast::with_drift(t.lease); }},
        {"a host 2 with a hung", [](const Timing& t) { return t.lease + t.watchdog; }},
        {"… also with a feed", [](const Timing& t) { return t.lease + 2 * t.watchdog; }},
        {"… and with drift", [](const Timing& t) { return holdfast::with_drift(risky_time(t)); }},
        {"… and its last writes",
         [](const Timing& t) { return holdfast::with_drift(risky_time(t)) + t.landing; }},
        {"**dead**", [](const Timing& t) { return holdfast::dead_after(t, t.lease, t.watchdog); }},
        {"a newer boot", [](const Timing& t) { return t.landing; }},
        {"power verified off", [](const Timing& t) { return t.landing; }},
        {"earliest certificate",
         [](const Timing& t) { return holdfast::with_drift(t.lease) + t.landing; }},
        {"clean shutdown", [](const Timing&) { return Duration{}; }},
        {"leader lease (¾", [](const Timing& t) { return holdfast::leader_lease(t); }},
        {"the same with drift and granularity", takeover},
        {"each further host", [](const Timing& t) { return 2 * t.interval; }},
        {"the old leader's host", [](const Timing& t) { return t.dead; }},
        {"another host that died", [](const Timing& t) { return takeover(t) + t.dead; }},
        {"longest outage", [](const Timing& t) { return t.lease - t.interval; }},
        {"lease over:", [](const Timing& t) { return t.lease; }},
        {"no proof yet", [](const Timing& t) { return t.lease + t.watchdog; }},
        {"the keeper resets",
         [](const Timing& t) { return t.lease + t.watchdog + std::chrono::milliseconds{100}; }},
        {"worst case", [](const Timing& t) { return t.lease + 2 * t.watchdog; }},
        {"somebody else", [](const Timing& t) { return t.dead; }},
        {"no host heard", [](const Timing& t) { return t.isolation_after; }},
        {"a leader seen", [](const Timing& t) { return t.isolation_after + 3 * t.interval; }},
        {"a silent member", [](const Timing& t) { return 4 * t.dead; }},
        {"the same with a member *out*", [](const Timing&) { return kBlackoutLimit; }},
        {"a part of the cluster",
         [](const Timing& t) {
             return holdfast::with_drift(kBlackoutLimit + holdfast::leader_lease(t) + t.dead);
         }},
    };
    return kRows;
}

}  // namespace

TEST(Documents, TheNumbersOfTimingAreThoseOfTheEngine) {
    std::ifstream stream(source_tree() / "docs/TIMING.md");
    const std::regex numbers(R"(^\| (.*) \| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+) \|$)");
    std::set<std::string> seen;
    for (std::string line; std::getline(stream, line);) {
        std::smatch match;
        if (!std::regex_match(line, match, numbers)) continue;
        const std::string words = match[1].str() + " |";
        std::size_t known_by = 0;
        for (const auto& [begin, number] : rows()) {
            if (!words.starts_with(begin)) continue;
            ++known_by;
            seen.insert(begin);
            const std::array<Timing, 3> profiles = {
                holdfast::kTimingFast, holdfast::kTimingStandard, holdfast::kTimingPatient};
            for (std::size_t i = 0; i < profiles.size(); ++i)
                EXPECT_NEAR(std::stod(match[i + 2].str()), in_seconds(number(profiles[i])), 0.0006)
                    << line;
        }
        EXPECT_EQ(known_by, 1U) << "a row that nobody checks, or two know: " << line;
    }
    for (const auto& [begin, number] : rows())
        EXPECT_TRUE(seen.contains(begin))
            << "docs/TIMING.md has no row that begins with: " << begin;
}

TEST(Documents, ThePicturesAreThoseOfTheProfiles) {
    if (std::system("command -v python3 >/dev/null") != 0) GTEST_SKIP() << "python3 is missing";
    const std::string command = (source_tree() / "docs/pictures/draw").string() + " --check";
    EXPECT_EQ(std::system(command.c_str()), 0) << "run docs/pictures/draw";
}
