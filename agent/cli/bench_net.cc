// holdfast bench net: how beats fare between this host and others.
#include <cstdio>
#include <string>
#include <vector>

#include "agent/cli/measure_options.h"
#include "agent/cli/measure_output.h"
#include "agent/cli/options.h"
#include "agent/measure/net_job.h"

namespace holdfast::cli {

namespace {

int listen(const BenchOptions& options, const Address& own, const BeatKeys& keys) {
    std::fprintf(stderr,
                 "holdfast: answering measuring beats on UDP port %u until Ctrl-C%s.\n",
                 static_cast<unsigned>(options.port),
                 options.key_file.empty() ? ", of anybody (no --key-file)" : "");
    const auto answered = measure::answer_beats(own, options.port, keys, interrupted);
    if (!answered) {
        std::fprintf(stderr, "holdfast: %s\n", answered.error().text.c_str());
        return kNo;
    }
    std::fprintf(
        stderr, "holdfast: answered %llu beats.\n", static_cast<unsigned long long>(*answered));
    return kYes;
}

}  // namespace

int run_bench_net(const BenchOptions& options) {
    BenchTimes times;
    if (!parse_times(options, times)) return kUsage;
    Address own;
    if (!options.bind.empty()) {
        const auto address = parse_address(options.bind);
        if (!address) {
            std::fprintf(stderr, "holdfast: --bind: %s\n", address.error().text.c_str());
            return kUsage;
        }
        own = *address;
    }
    const auto keys = measure::measuring_keys(options.key_file);
    if (!keys) {
        std::fprintf(stderr, "holdfast: %s\n", keys.error().text.c_str());
        return kUsage;
    }
    if (options.listen != options.targets.empty()) {
        std::fputs("holdfast: bench net takes either --listen or the addresses of peers that do.\n",
                   stderr);
        return kUsage;
    }
    note_interrupts();
    if (options.listen) return listen(options, own, *keys);
    std::vector<measure::NetJob> jobs;
    for (const std::string& target : options.targets) {
        const auto peer = parse_address(target);
        if (!peer) {
            std::fprintf(stderr, "holdfast: %s\n", peer.error().text.c_str());
            return kUsage;
        }
        jobs.push_back({*peer, own, options.port, times.interval, times.duration});
    }
    measure::Measurement measurement = new_measurement("net", times);
    measure::SharedResults results(jobs.size());
    supervise_with_progress(
        results,
        options.targets,
        [&](std::size_t i) { measure::measure_peer(jobs[i], *keys, results[i]); },
        {},
        times.duration,
        measurement);
    return put_out(options, measurement);
}

}  // namespace holdfast::cli
