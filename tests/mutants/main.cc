// holdfast-sim-mutants, which holdfast-sim --mutants becomes: are the planted faults caught?
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <unistd.h>

#include "tests/mutants/attempt.h"
#include "tests/mutants/catalogue.h"
#include "tests/mutants/hunt.h"
#include "tests/sim/run/printed_log.h"
#include "tests/sim/run/report.h"

namespace holdfast::mutants {

namespace {

constexpr const char* kUsage =
    "usage: holdfast-sim --mutants [--mutant NAME]... [--seeds A-B] [--jobs N] [--json]\n"
    "       holdfast-sim --mutants --list\n"
    "       holdfast-sim --mutants --mutant NAME --seed N [--trace]            one run with the "
    "fault\n"
    "       holdfast-sim --mutants --mutant NAME --scenario FILE [--seed N] [--trace]\n"
    "Plants one fault after the other and looks whether the tests and runs of its catalogue entry\n"
    "catch it.  --seeds: random runs take these seeds instead of those of the catalogue.\n"
    "exit code: 0 every one was caught, 1 one survived, 2 usage\n";

struct Options {
    std::vector<const Entry*> entries;
    HuntOptions hunt;
    bool json = false;
    bool list = false;
    bool trace = false;
    std::uint64_t seed = 0;
    std::string scenario;
};

[[noreturn]] void usage(const std::string& what) {
    std::fprintf(stderr, "holdfast-sim: %s\n%s", what.c_str(), kUsage);
    std::exit(2);
}

std::uint64_t number_of(const std::string& text) {
    char* end = nullptr;
    errno = 0;
    const unsigned long long value = std::strtoull(text.c_str(), &end, 10);
    if (text.empty() || *end != '\0' || errno != 0) usage("'" + text + "' is not a number");
    return value;
}

const Entry* entry_of(const std::string& name) {
    for (const Entry& entry : catalogue()) {
        if (name == entry.name) return &entry;
    }
    usage("no mutant is called '" + name + "'; --list names them");
}

Options parse(int argc, char** argv) {
    Options options;
    options.hunt.jobs = static_cast<unsigned>(std::clamp(::sysconf(_SC_NPROCESSORS_ONLN), 1L, 16L));
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto value = [&]() -> std::string {
            if (i + 1 >= argc) usage(word + " needs a value");
            return argv[++i];
        };
        if (word == "--mutants") continue;
        if (word == "--mutant") {
            options.entries.push_back(entry_of(value()));
        } else if (word == "--seeds") {
            const std::string range = value();
            const std::size_t dash = range.find('-');
            options.hunt.seed_first = number_of(range.substr(0, dash));
            options.hunt.seed_last = dash == std::string::npos ? options.hunt.seed_first
                                                               : number_of(range.substr(dash + 1));
            if (options.hunt.seed_first == 0 || options.hunt.seed_last < options.hunt.seed_first)
                usage("'" + range + "' is not a range of seeds such as 1-300");
        } else if (word == "--seed") {
            options.seed = number_of(value());
        } else if (word == "--scenario") {
            options.scenario = value();
        } else if (word == "--jobs") {
            options.hunt.jobs =
                static_cast<unsigned>(std::clamp<std::uint64_t>(number_of(value()), 1, 64));
        } else if (word == "--json") {
            options.json = true;
        } else if (word == "--trace") {
            options.trace = true;
        } else if (word == "--list") {
            options.list = true;
        } else if (word == "--help") {
            std::fputs(kUsage, stdout);
            std::exit(0);
        } else {
            usage("unknown option '" + word + "'");
        }
    }
    const bool one_run = options.seed != 0 || !options.scenario.empty();
    if (one_run && options.entries.size() != 1) usage("one run needs one --mutant NAME");
    if (options.entries.empty()) {
        for (const Entry& entry : catalogue()) options.entries.push_back(&entry);
    }
    return options;
}

int list(const Options& options) {
    for (const Entry* entry : options.entries)
        std::printf("%-32s %-3s %s\n", entry->name, entry->section, entry->rule);
    return 0;
}

int run_one(const Options& options) {
    plant(options.entries[0]->mutant);
    std::optional<Catch> caught;
    if (options.scenario.empty()) {
        sim::PrintedLog log(stdout, sim::kWorldStart);
        caught = try_seed(options.seed, options.trace ? &log : nullptr);
    } else {
        caught =
            try_scenario(options.scenario, options.seed == 0 ? 1 : options.seed, options.trace);
    }
    if (!caught) {
        std::printf("nothing is wrong\n");
        return 1;
    }
    std::printf("%s: %s\n", caught->promise.c_str(), caught->text.c_str());
    return 0;
}

void print(const Outcome& outcome) {
    const char* verdict = outcome.caught           ? outcome.promise.c_str()
                          : outcome.control_failed ? "NO PROOF"
                                                   : "SURVIVED";
    std::printf("%-32s %-3s %-9s %6.1f s  %s\n",
                outcome.entry->name,
                outcome.entry->section,
                verdict,
                outcome.seconds,
                outcome.by.empty() ? outcome.text.c_str() : outcome.by.c_str());
}

void print_json(const std::vector<Outcome>& outcomes, double seconds) {
    std::size_t caught_count = 0;
    std::printf(R"({"mutants":[)");
    const char* comma = "";
    for (const Outcome& outcome : outcomes) {
        caught_count += outcome.caught ? 1 : 0;
        std::printf(
            R"(%s{"name":"%s","section":"%s","rule":"%s","caught":%s,"by":"%s","promise":"%s","text":"%s","seconds":%.2f})",
            comma,
            outcome.entry->name,
            outcome.entry->section,
            sim::json_text(outcome.entry->rule).c_str(),
            outcome.caught ? "true" : "false",
            sim::json_text(outcome.by).c_str(),
            sim::json_text(outcome.promise).c_str(),
            sim::json_text(outcome.text).c_str(),
            outcome.seconds);
        comma = ",";
    }
    std::printf(R"(],"count":%zu,"caught":%zu,"seconds":%.1f})"
                "\n",
                outcomes.size(),
                caught_count,
                seconds);
}

int hunt_all(const Options& options) {
    const auto began = std::chrono::steady_clock::now();
    std::size_t done = 0;
    const auto told = [&](const Outcome& outcome) {
        std::fprintf(stderr,
                     "[%zu/%zu] %s: %s\n",
                     ++done,
                     options.entries.size(),
                     outcome.entry->name,
                     outcome.caught ? "caught" : "NOT CAUGHT");
    };
    std::vector<Outcome> outcomes = hunt(options.entries, options.hunt, told);
    std::sort(outcomes.begin(), outcomes.end(), [](const Outcome& one, const Outcome& other) {
        return one.entry->mutant < other.entry->mutant;
    });
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    const auto caught_count = static_cast<std::size_t>(std::count_if(
        outcomes.begin(), outcomes.end(), [](const Outcome& one) { return one.caught; }));
    if (options.json) {
        print_json(outcomes, seconds);
    } else {
        std::printf("%-32s %-3s %-9s %8s  %s\n", "mutant", "§", "broken", "time", "caught by");
        for (const Outcome& outcome : outcomes) print(outcome);
        std::printf(
            "%zu of %zu mutants caught in %.0f s\n", caught_count, outcomes.size(), seconds);
    }
    return caught_count == outcomes.size() ? 0 : 1;
}

}  // namespace

}  // namespace holdfast::mutants

int main(int argc, char** argv) {
    using namespace holdfast::mutants;
    Options options = parse(argc, argv);
    char self[4096];
    const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
    const std::string program(self, length > 0 ? static_cast<std::size_t>(length) : 0);
    options.hunt.test_program = program.substr(0, program.rfind('/') + 1) + "hf_mutant_tests";
    if (options.list) return list(options);
    if (::access(options.hunt.test_program.c_str(), X_OK) != 0) {
        std::fprintf(stderr,
                     "holdfast-sim: %s: %s; build the target holdfast-sim-mutants\n",
                     options.hunt.test_program.c_str(),
                     std::strerror(errno));
        return 2;
    }
    if (options.seed != 0 || !options.scenario.empty()) return run_one(options);
    return hunt_all(options);
}
