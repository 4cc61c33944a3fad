// hf_bench_beat: the CPU of a whole beat of a leader on one datastore, alone in its process: the engine's steps, the
// encoding and write of the slot, and the scan of all slots with their verification.  bench/peers/run sets it beside
// what others spend on a renewal.
//
//     hf_bench_beat --device PATH [--hosts N] [--beats N] [--pause MS] --json FILE
//
// PATH is overwritten.  With a pause the process sleeps between beats, as a real one does, and meets cold caches.
// Exit code: 0, 1 something failed, 2 usage.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench/cycle/cycle.h"
#include "bench/support/cost.h"
#include "bench/support/lone_engine.h"
#include "bench/support/samples.h"

namespace holdfast::bench {

namespace {

constexpr std::uint32_t kSettling = 40;
constexpr std::uint32_t kWarmUp = 20;

struct Options {
    std::string device;
    std::string json;
    std::uint16_t hosts = 64;
    std::uint32_t beats = 1000;
    std::uint32_t pause_ms = 0;
};

// Of the process, so that kernel workers that do its I/O are counted.
std::int64_t cpu_ns() {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

double clock_cost_us() {
    Samples samples;
    for (int i = 0; i < 1001; ++i) {
        const std::int64_t before = cpu_ns();
        samples.add(static_cast<double>(cpu_ns() - before) / 1e3);
    }
    return samples.quantile(0.5);
}

struct Seen {
    std::int64_t steps_ns = 0;
    std::size_t steps = 0;
};

// What the engine spends on its own beat; beats of others are the network's share.
Seen own_steps(const LoneEngine& lone) {
    Seen seen;
    for (const LoneEngine::Kind kind :
         {LoneEngine::Kind::Tick, LoneEngine::Kind::SlotWritten, LoneEngine::Kind::SlotsRead}) {
        seen.steps_ns += lone.counted(kind);
        seen.steps += lone.steps_of(kind).size();
    }
    return seen;
}

void print(std::FILE* out,
           const Options& options,
           const Samples& io,
           const Samples& engine,
           const Samples& both) {
    std::fprintf(out,
                 R"({"hosts":%u,"pause_ms":%u,"beats":%zu,"io_cpu_us":%.2f,"engine_cpu_us":%.2f,)"
                 R"("beat_cpu_us":%.2f,"beat_cpu_p25_us":%.2f,"beat_cpu_p75_us":%.2f})"
                 "\n",
                 options.hosts,
                 options.pause_ms,
                 both.size(),
                 io.quantile(0.5),
                 engine.quantile(0.5),
                 both.quantile(0.5),
                 both.quantile(0.25),
                 both.quantile(0.75));
}

int measure(const Options& options, std::FILE* out) {
    auto area = SlotArea::make(options.device, options.hosts, kTimingStandard);
    if (!area) {
        std::fprintf(stderr, "FAILED beat: %s\n", area.error().text.c_str());
        return 1;
    }
    auto cycle = make_datastore_cycle(*area, HostId{1}, BackendChoice::Uring);
    if (!cycle) {
        std::fprintf(stderr, "FAILED beat: %s\n", cycle.error().text.c_str());
        return 1;
    }
    LoneEngine::Config config;
    config.hosts = options.hosts;
    config.voters = 1;
    LoneEngine lone(config);
    lone.count_by(&cpu_ns);
    lone.run(kSettling);
    std::int64_t io_ns = 0;
    std::uint32_t scans = 0;
    lone.beat_on([&] {
        const std::int64_t before = cpu_ns();
        (*cycle)->run();
        io_ns += cpu_ns() - before;
        ++scans;
    });
    const double clock_us = clock_cost_us();
    Samples io;
    Samples engine;
    Samples both;
    const timespec pause{options.pause_ms / 1000, (options.pause_ms % 1000) * 1'000'000L};
    for (std::uint32_t beat = 0; beat < kWarmUp + options.beats; ++beat) {
        const Seen before = own_steps(lone);
        io_ns = 0;
        scans = 0;
        lone.run(1);
        const Seen after = own_steps(lone);
        if (options.pause_ms > 0 && beat >= kWarmUp) nanosleep(&pause, nullptr);
        if (beat < kWarmUp || scans == 0) continue;
        const double io_us = static_cast<double>(io_ns) / 1e3 / scans - clock_us;
        const double engine_us =
            static_cast<double>(after.steps_ns - before.steps_ns) / 1e3 / scans -
            clock_us * static_cast<double>(after.steps - before.steps) / scans;
        io.add(io_us);
        engine.add(std::max(engine_us, 0.0));
        both.add(io_us + std::max(engine_us, 0.0));
    }
    print(out, options, io, engine, both);
    if ((*cycle)->failures() != 0 || !lone.settled() || both.size() == 0) {
        std::fprintf(stderr,
                     "FAILED beat: %llu cycles went wrong, %zu beats of %u were seen\n",
                     static_cast<unsigned long long>((*cycle)->failures()),
                     both.size(),
                     options.beats);
        return 1;
    }
    return 0;
}

bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        const std::string value = argv[i + 1];
        const auto number = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
        if (word == "--device") {
            options.device = value;
        } else if (word == "--json") {
            options.json = value;
        } else if (word == "--hosts" && number >= 2 && number <= kHostsMax) {
            options.hosts = static_cast<std::uint16_t>(number);
        } else if (word == "--beats" && number > 0) {
            options.beats = number;
        } else if (word == "--pause") {
            options.pause_ms = number;
        } else {
            return false;
        }
    }
    return argc % 2 == 1 && !options.device.empty() && !options.json.empty();
}

int run(const Options& options) {
    std::FILE* out = std::fopen(options.json.c_str(), "w");
    if (out == nullptr) {
        std::fprintf(stderr, "hf_bench_beat: %s: %s\n", options.json.c_str(), std::strerror(errno));
        return 2;
    }
    const int code = measure(options, out);
    std::fclose(out);
    return code;
}

}  // namespace

}  // namespace holdfast::bench

int main(int argc, char** argv) {
    holdfast::bench::Options options;
    if (!holdfast::bench::parse(argc, argv, options)) {
        std::fputs(
            "usage: hf_bench_beat --device PATH [--hosts N] [--beats N] [--pause MS] --json FILE\n",
            stderr);
        return 2;
    }
    return holdfast::bench::run(options);
}
