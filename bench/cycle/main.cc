// hf_bench_cycle: the datastore's part of a beat, several ways, interleaved: each round runs a few cycles of every
// way, so that whatever else the machine does hits all of them alike.  The bare loop runs twice; how far its two
// figures lie apart is the noise of the run.
//
//     hf_bench_cycle --target NAME=PATH… [--hosts N…] [--rounds N] --json FILE
//
// PATH is a device or file that is overwritten.  Exit code: 0, 1 a target or way could not be measured, 2 usage.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "bench/cycle/cycle.h"
#include "bench/support/cost.h"
#include "bench/support/samples.h"

namespace holdfast::bench {

namespace {

constexpr int kCyclesAtOnce = 4;
constexpr int kWarmUpRounds = 20;

struct Options {
    std::vector<std::pair<std::string, std::string>> targets;
    std::vector<std::uint16_t> hosts;
    int rounds = 500;
    std::string json;
};

struct Way {
    std::string name;
    std::unique_ptr<Cycle> cycle;
    Samples latency_us;
    Samples cpu_us;
    Cost cost;
    std::uint64_t cycles_count = 0;
};

[[noreturn]] void usage(const char* what) {
    std::fprintf(
        stderr,
        "hf_bench_cycle: %s\n"
        "usage: hf_bench_cycle --target NAME=PATH... [--hosts N...] [--rounds N] --json FILE\n",
        what);
    std::exit(2);
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (i + 1 >= argc) usage("an option needs a value");
        const std::string value = argv[++i];
        const int number = std::atoi(value.c_str());
        const std::size_t equals = value.find('=');
        if (word == "--target" && equals != std::string::npos) {
            options.targets.emplace_back(value.substr(0, equals), value.substr(equals + 1));
        } else if (word == "--hosts" && number >= 6 && number <= static_cast<int>(kHostsMax)) {
            options.hosts.push_back(static_cast<std::uint16_t>(number));
        } else if (word == "--rounds" && number > 0) {
            options.rounds = number;
        } else if (word == "--json") {
            options.json = value;
        } else {
            usage(("'" + word + " " + value + "' is not understood").c_str());
        }
    }
    if (options.targets.empty() || options.json.empty()) usage("--target and --json are needed");
    if (options.hosts.empty()) options.hosts = {64, 1024};
    return options;
}

void run_block(Way& way, bool counts) {
    const Cost before = Cost::now();
    std::int64_t started = wall_ns();
    for (int i = 0; i < kCyclesAtOnce; ++i) {
        way.cycle->run();
        const std::int64_t ended = wall_ns();
        if (counts) way.latency_us.add(static_cast<double>(ended - started) / 1e3);
        started = ended;
    }
    if (!counts) return;
    const Cost used = Cost::now() - before;
    way.cpu_us.add(static_cast<double>(used.cpu_ns) / 1e3 / kCyclesAtOnce);
    way.cost += used;
    way.cycles_count += kCyclesAtOnce;
}

bool make_ways(const SlotArea& area, std::vector<Way>& ways) {
    const auto add = [&ways](const char* name, Result<std::unique_ptr<Cycle>> made) {
        if (!made) {
            std::fprintf(stderr, "SKIPPED %s: %s\n", name, made.error().text.c_str());
            return;
        }
        ways.push_back({name, std::move(made.value()), {}, {}, {}, 0});
    };
    add("bare liburing", make_bare_uring_cycle(area, HostId{1}));
    add("holdfast io_uring", make_datastore_cycle(area, HostId{2}, BackendChoice::Uring));
    add("plain pwrite+pread", make_plain_cycle(area, HostId{3}));
    add("bare liburing again", make_bare_uring_cycle(area, HostId{4}));
    add("bare liburing and checksums", make_checking_uring_cycle(area, HostId{5}));
    add("holdfast libaio", make_datastore_cycle(area, HostId{6}, BackendChoice::Aio));
    return !ways.empty();
}

void print_json(std::FILE* out, const std::string& target, unsigned hosts, const Way& way) {
    const auto per_cycle = [&way](std::int64_t count) {
        return static_cast<double>(count) / static_cast<double>(way.cycles_count);
    };
    std::fprintf(
        out,
        R"({"target":"%s","hosts":%u,"way":"%s","cycles":%llu,"p50_us":%.2f,"p99_us":%.2f,)"
        R"("p999_us":%.2f,"max_us":%.2f,"cpu_p50_us":%.2f,"cpu_mean_us":%.2f,)"
        R"("switches_waiting":%.3f,"switches_forced":%.3f,"failures":%llu})",
        target.c_str(),
        hosts,
        way.name.c_str(),
        static_cast<unsigned long long>(way.cycles_count),
        way.latency_us.quantile(0.5),
        way.latency_us.quantile(0.99),
        way.latency_us.quantile(0.999),
        way.latency_us.quantile(1),
        way.cpu_us.quantile(0.5),
        per_cycle(way.cost.cpu_ns) / 1e3,
        per_cycle(way.cost.switches_waiting),
        per_cycle(way.cost.switches_forced),
        static_cast<unsigned long long>(way.cycle->failures()));
}

bool measure(const Options& options,
             const std::string& name,
             const std::string& path,
             std::uint16_t hosts,
             std::FILE* out,
             bool& first) {
    auto area = SlotArea::make(path, hosts, kTimingStandard);
    if (!area) {
        std::fprintf(stderr, "SKIPPED %s: %s\n", name.c_str(), area.error().text.c_str());
        return false;
    }
    std::vector<Way> ways;
    if (!make_ways(*area, ways)) return false;
    // A cycle of 1,024 hosts moves 16 times the bytes; a sixteenth of the rounds takes about as long.
    const int rounds = hosts > 64 ? std::max(options.rounds / 8, 1) : options.rounds;
    for (int round = -kWarmUpRounds; round < rounds; ++round) {
        for (std::size_t i = 0; i < ways.size(); ++i)
            run_block(ways[(i + static_cast<std::size_t>(round + kWarmUpRounds)) % ways.size()],
                      round >= 0);
    }
    bool clean = true;
    for (const Way& way : ways) {
        std::fputs(first ? "\n" : ",\n", out);
        first = false;
        print_json(out, name, hosts, way);
        clean = clean && way.cycle->failures() == 0;
    }
    if (!clean)
        std::fprintf(
            stderr, "FAILED %s: some cycles went wrong, see failures in the JSON\n", name.c_str());
    return clean;
}

int run(const Options& options) {
    std::FILE* out = std::fopen(options.json.c_str(), "w");
    if (out == nullptr) usage((options.json + ": " + std::strerror(errno)).c_str());
    bool all = true;
    bool first = true;
    std::fputs("[", out);
    for (const auto& [name, path] : options.targets) {
        for (const std::uint16_t hosts : options.hosts)
            all = measure(options, name, path, hosts, out, first) && all;
    }
    std::fputs("\n]\n", out);
    std::fclose(out);
    return all ? 0 : 1;
}

}  // namespace

}  // namespace holdfast::bench

int main(int argc, char** argv) {
    return holdfast::bench::run(holdfast::bench::parse(argc, argv));
}
