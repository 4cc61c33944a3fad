// hf_bench_step: what one step of the engine costs, in a healthy cluster, for every kind of event.
//
//     hf_bench_step [--intervals N] --json FILE
//
// Every figure is of single steps in nanoseconds; the cost of reading the clock is deducted.  Exit code: 0, 1 an
// engine did not become what it should be, 2 usage.
#include <cstdio>

#include "bench/support/allocation_count.h"
#include "bench/support/interval_bench.h"
#include "bench/support/lone_engine.h"

namespace holdfast::bench {

namespace {

constexpr std::uint32_t kSettling = 40;
constexpr std::uint16_t kClusters[] = {2, 64, 1024};

const char* name_of(LoneEngine::Kind kind) {
    switch (kind) {
        case LoneEngine::Kind::Tick: return "tick";
        case LoneEngine::Kind::SlotWritten: return "slot_written";
        case LoneEngine::Kind::SlotsRead: return "slots_read";
        case LoneEngine::Kind::Beat: return "beat";
        case LoneEngine::Kind::Other: return "other";
    }
    return "?";
}

void print(std::FILE* out,
           const char* separator,
           const LoneEngine::Config& config,
           const char* event,
           const Samples& steps,
           const LoneEngine& lone,
           std::int64_t allocations) {
    std::fprintf(
        out,
        R"(%s{"hosts":%u,"vms_per_host":%u,"leads":%s,"event":"%s","steps":%zu,"p50_ns":%.0f,)"
        R"("p99_ns":%.0f,"p999_ns":%.0f,"max_ns":%.0f,"allocations":%lld,"engine_kib":%zu})",
        separator,
        config.hosts,
        config.vms_per_host,
        config.leads ? "true" : "false",
        event,
        steps.size(),
        steps.quantile(0.5),
        steps.quantile(0.99),
        steps.quantile(0.999),
        steps.quantile(1),
        static_cast<long long>(allocations),
        lone.engine_bytes() / 1024);
}

bool measure(const LoneEngine::Config& config,
             std::uint32_t intervals,
             std::FILE* out,
             const char*& separator) {
    LoneEngine lone(config);
    lone.count_by(&allocations_of_this_thread);
    lone.run(kSettling);
    if (!lone.settled()) {
        std::fprintf(
            stderr, "FAILED engine step: the engine of %u hosts did not settle\n", config.hosts);
        return false;
    }
    lone.reset_samples();
    lone.run(intervals);
    print(out, separator, config, "all", lone.all_steps(), lone, lone.counted());
    separator = ",\n";
    for (std::size_t i = 0; i < LoneEngine::kKinds; ++i) {
        const auto kind = static_cast<LoneEngine::Kind>(i);
        if (lone.steps_of(kind).size() > 0)
            print(out,
                  separator,
                  config,
                  name_of(kind),
                  lone.steps_of(kind),
                  lone,
                  lone.counted(kind));
    }
    return lone.settled();
}

bool measure_all(std::uint32_t intervals, std::FILE* out, const char*& separator) {
    bool all = true;
    for (const std::uint16_t hosts : kClusters) {
        for (const bool leads : {true, false}) {
            LoneEngine::Config config;
            config.hosts = hosts;
            config.leads = leads;
            all = measure(config, intervals_for(intervals, hosts, 20), out, separator) && all;
        }
    }
    return all;
}

}  // namespace

}  // namespace holdfast::bench

int main(int argc, char** argv) {
    return holdfast::bench::run_interval_bench(
        argc, argv, "hf_bench_step", 400, &holdfast::bench::measure_all);
}
