// holdfast-sim: whole clusters in virtual time, with faults, and checkers for every promise.
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include "tests/sim/run/printed_log.h"
#include "tests/sim/run/report.h"
#include "tests/sim/run/scale_run.h"
#include "tests/sim/run/seed_run.h"
#include "tests/sim/scenario/golden.h"

namespace holdfast::sim {

namespace {

constexpr const char* kUsage =
    "usage: holdfast-sim --seed N [--trace] [--from SECONDS]   one run\n"
    "       holdfast-sim --seeds A-B [--keep-going]            many runs; without it the first 20 "
    "failures end them\n"
    "       holdfast-sim --seeds-file FILE                     the seeds listed in FILE, one a "
    "line, # for comments\n"
    "       holdfast-sim --scenario FILE.scn... [--trace] [--expect-only]   stories; without "
    "--expect-only\n"
    "                                                          what happens must be what "
    "FILE.trace says\n"
    "         --skip-refused   a story that only the lab can tell is no failure\n"
    "         --long-way       engines take no short way at beats that say nothing new (the "
    "result is the same)\n"
    "         --star           clusters of more than two hosts are stars of beats with one deputy\n"
    "         --twins          compare every step that may be short with the long one\n"
    "         --no-codecs      do not send every record and beat through the shipped formats\n"
    "         --minutes N      faults go on for so long in each run, instead of four to five\n"
    "         --record DIR     write each agent's flight log to DIR/seed-N/hH, for `holdfast "
    "replay`\n"
    "       holdfast-sim --scale HOSTS [--vms N] [--lost-vms M]   a large cluster loses hosts that "
    "hold M "
    "VMs\n"
    "       holdfast-sim --mutants ...   are planted faults caught?  --mutants --help says more\n"
    "options: --json   the report as one line of JSON\n"
    "exit code: 0 every promise was kept, 1 one was broken, 2 usage\n";

constexpr std::size_t kFailuresMax = 20;

struct Options {
    std::vector<std::uint64_t> seeds;
    bool trace = false;
    bool json = false;
    bool keep_going = false;
    bool expect_only = false;
    bool skip_refused = false;
    RunWays ways;
    ScaleRun scale;
    bool at_scale = false;
    std::vector<std::string> scenarios;
    WorldTime from{};
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

void add_range(Options& options, const std::string& text) {
    const std::size_t dash = text.find('-');
    const std::uint64_t first = number_of(text.substr(0, dash));
    const std::uint64_t last = dash == std::string::npos ? first : number_of(text.substr(dash + 1));
    if (last < first || last - first >= 100'000'000)
        usage("'" + text + "' is not a range of seeds such as 1-300");
    for (std::uint64_t seed = first; seed <= last; ++seed) options.seeds.push_back(seed);
}

void add_file(Options& options, const char* path) {
    std::FILE* file = std::fopen(path, "r");
    if (file == nullptr) usage(std::string(path) + ": " + std::strerror(errno));
    char line[512];
    while (std::fgets(line, sizeof line, file) != nullptr) {
        const std::string text(line, std::strcspn(line, " \t#\n"));
        if (!text.empty()) options.seeds.push_back(number_of(text));
    }
    std::fclose(file);
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto value = [&]() -> std::string {
            if (i + 1 >= argc) usage(word + " needs a value");
            return argv[++i];
        };
        if (word == "--seed") {
            options.seeds.push_back(number_of(value()));
        } else if (word == "--seeds") {
            add_range(options, value());
        } else if (word == "--seeds-file") {
            add_file(options, value().c_str());
        } else if (word == "--from") {
            options.from = kWorldStart + seconds{static_cast<std::int64_t>(number_of(value()))};
        } else if (word == "--trace") {
            options.trace = true;
        } else if (word == "--json") {
            options.json = true;
        } else if (word == "--scenario") {
            options.scenarios.push_back(value());
        } else if (word == "--minutes") {
            const std::uint64_t minutes = number_of(value());
            if (minutes < 1 || minutes > 100'000) usage("--minutes is 1 to 100000");
            options.ways.minutes = static_cast<std::uint32_t>(minutes);
        } else if (word == "--record") {
            options.ways.record_folder = value();
        } else if (word == "--no-codecs") {
            options.ways.codecs = false;
        } else if (word == "--long-way") {
            options.ways.quiet_beats = false;
        } else if (word == "--scale") {
            options.scale.hosts_count = static_cast<std::uint32_t>(number_of(value()));
            if (options.scale.hosts_count < 3 || options.scale.hosts_count > kHostsMax)
                usage("--scale is 3 to 1024 hosts");
            options.at_scale = true;
        } else if (word == "--vms") {
            options.scale.vms_count = static_cast<std::uint32_t>(number_of(value()));
        } else if (word == "--lost-vms") {
            options.scale.lost_vms_count = static_cast<std::uint32_t>(number_of(value()));
        } else if (word == "--star") {
            options.ways.star = true;
        } else if (word == "--twins") {
            options.ways.twins = true;
        } else if (word == "--expect-only") {
            options.expect_only = true;
        } else if (word == "--skip-refused") {
            options.skip_refused = true;
        } else if (!options.scenarios.empty() && word.ends_with(".scn")) {
            options.scenarios.push_back(word);
        } else if (word == "--keep-going") {
            options.keep_going = true;
        } else if (word == "--help") {
            std::fputs(kUsage, stdout);
            std::exit(0);
        } else {
            usage("unknown option '" + word + "'");
        }
    }
    if (options.at_scale) {
        if (options.scale.vms_count > kClaimsKnownMax ||
            options.scale.lost_vms_count > options.scale.vms_count)
            usage("--vms is at most 16384, and not less than --lost-vms");
        return options;
    }
    if (options.seeds.empty() == options.scenarios.empty()) usage("give seeds, or scenarios");
    return options;
}

int run_scenarios(const Options& options) {
    int failed_count = 0;
    for (const std::string& path : options.scenarios) {
        const ScenarioResult result = run_scenario(path, !options.expect_only, options.trace);
        const bool ok = result.failure.empty();
        if (options.skip_refused && result.refused()) {
            std::printf("SKIPPED %s\n", result.failure.c_str());
            continue;
        }
        if (!ok) ++failed_count;
        if (options.json) {
            std::printf(R"({"file":"%s","ok":%s,"failure":%s,"seconds":%.3f})"
                        "\n",
                        json_text(path).c_str(),
                        ok ? "true" : "false",
                        ok ? "null" : ("\"" + json_text(result.failure) + "\"").c_str(),
                        result.virtual_seconds);
        } else if (ok) {
            std::printf(
                "ok      %s%s\n", path.c_str(), result.rewritten ? " (trace rewritten)" : "");
        } else {
            std::printf("FAILED  %s\n", result.failure.c_str());
        }
    }
    return failed_count == 0 ? 0 : 1;
}

// Where the flight logs of a seed's agents go, made; empty without --record.
std::string folder_for(const Options& options, std::uint64_t seed) {
    if (options.ways.record_folder.empty()) return {};
    std::string folder = options.ways.record_folder + "/seed-" + std::to_string(seed);
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) usage(folder + ": " + error.message());
    return folder;
}

int run_seeds(const Options& options) {
    using SteadyClock = std::chrono::steady_clock;
    const auto began = SteadyClock::now();
    auto told = began;
    const auto wall = [&began] {
        return std::chrono::duration<double>(SteadyClock::now() - began).count();
    };
    Report report;
    for (const std::uint64_t seed : options.seeds) {
        PrintedLog printed(stdout, options.from);
        RunWays ways = options.ways;
        ways.record_folder = folder_for(options, seed);
        const SeedResult result = run_seed(seed, options.trace ? &printed : nullptr, ways);
        report.tally.add(result.tally);
        report.fingerprint = report.fingerprint * 0x100000001b3U ^ result.fingerprint;
        if (options.trace) std::printf("%s\n", result.plan.c_str());
        if (result.violation) {
            if (!options.json) print_failure(stdout, result);
            report.failures.push_back(result);
            if (!options.keep_going && report.failures.size() >= kFailuresMax) break;
        }
        if (SteadyClock::now() - told > std::chrono::seconds{10}) {
            told = SteadyClock::now();
            std::fprintf(stderr,
                         "holdfast-sim: %llu of %zu runs, %zu failed\n",
                         static_cast<unsigned long long>(report.tally.runs_count),
                         options.seeds.size(),
                         report.failures.size());
        }
    }
    report.wall_seconds = wall();
    if (options.json) {
        print_report_json(stdout, report);
    } else {
        print_report(stdout, report);
    }
    return report.failures.empty() ? 0 : 1;
}

// Planted faults live in a build of their own, beside this one.
[[noreturn]] void become_the_mutants_program(char** argv) {
    std::array<char, 4096> self{};
    const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
    const std::string program =
        std::string(self.data(), length > 0 ? static_cast<std::size_t>(length) : 0) + "-mutants";
    ::execv(program.c_str(), argv);
    std::fprintf(stderr,
                 "holdfast-sim: %s cannot be run: %s; build it with\n"
                 "  cmake --build --preset release --target holdfast-sim-mutants\n",
                 program.c_str(),
                 std::strerror(errno));
    std::exit(2);
}

}  // namespace

}  // namespace holdfast::sim

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--mutants") == 0) holdfast::sim::become_the_mutants_program(argv);
    }
    const holdfast::sim::Options options = holdfast::sim::parse(argc, argv);
    if (options.at_scale) return holdfast::sim::run_at_scale(options.scale, stdout) ? 0 : 1;
    return options.scenarios.empty() ? holdfast::sim::run_seeds(options)
                                     : holdfast::sim::run_scenarios(options);
}
