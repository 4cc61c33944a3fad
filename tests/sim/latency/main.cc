// holdfast-sim-latency: plays a measurement of `holdfast bench datastore --save` to simulated clusters and counts how often a
// lease lapses, beside what `holdfast tune` predicts.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "agent/measure/tune_facts.h"
#include "agent/text.h"
#include "tests/sim/latency/stall_player.h"

namespace {

constexpr const char* kUsage =
    "usage: holdfast-sim-latency FILE --lease 2s [--hours N] [--seed N]\n"
    "Three engines, storage alone, its stalls drawn from FILE; prints simulated and predicted "
    "lapses.\n"
    "Exit code 0: the simulated rate lies within the predicted interval, chance of counting "
    "allowed for.  1: it does not, or\n"
    "there is no prediction, or a promise was broken.  2: usage.\n";

// Two standard deviations of a count that is chance.
double chance_of(std::uint64_t lapses) {
    return 2 * std::sqrt(static_cast<double>(lapses) + 1);
}

// Prints what was predicted; the exit code.
int compare(const holdfast::measure::RenewalHistory& history,
            holdfast::Duration lease,
            const holdfast::sim::StallRun& run) {
    using namespace holdfast;
    const double century = 100 * measure::kSecondsPerYear;
    const auto fit = measure::TailFit::fit({history});
    if (!fit) {
        std::printf("no prediction: %s\n", fit.error().text.c_str());
        return 1;
    }
    const measure::RateInterval told = fit->lapses(std::chrono::duration<double>(lease).count());
    std::printf("predicted: %.3g per host and century (%.3g to %.3g)\n",
                told.expected * century,
                told.low * century,
                told.high * century);
    const auto lapses = static_cast<double>(run.lapses);
    const bool agree = (lapses - chance_of(run.lapses)) / run.host_seconds <= told.high &&
                       (lapses + chance_of(run.lapses) + 1) / run.host_seconds >= told.low;
    std::printf("%s\n", agree ? "they agree" : "they do not agree");
    return agree ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace holdfast;
    std::string file;
    std::optional<Duration> lease;
    double hours = 24;
    std::uint64_t seed = 1;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const bool more = i + 1 < argc;
        if (word == "--lease" && more) {
            lease = parse_duration(argv[++i]);
        } else if (word == "--hours" && more) {
            hours = std::strtod(argv[++i], nullptr);
        } else if (word == "--seed" && more) {
            seed = std::strtoull(argv[++i], nullptr, 10);
        } else if (!word.starts_with("--") && file.empty()) {
            file = word;
        } else {
            std::fputs(kUsage, stderr);
            return 2;
        }
    }
    if (file.empty() || !lease || !(hours > 0) || hours > 1e5) {
        std::fputs(kUsage, stderr);
        return 2;
    }
    const auto measurement = measure::load_measurement(file);
    if (!measurement) {
        std::fprintf(stderr, "holdfast-sim-latency: %s\n", measurement.error().text.c_str());
        return 2;
    }
    const auto basis = measure::tune_basis({*measurement});
    if (!basis || basis->facts.storage.front().gaps.empty()) {
        std::fputs("holdfast-sim-latency: nothing was measured\n", stderr);
        return 1;
    }
    const measure::RenewalHistory& history = basis->facts.storage.front();
    Timing timing = kTimingFast;
    // As measured, since a gap holds up to one interval of waiting.
    timing.interval = std::min<Duration>(
        std::chrono::microseconds{std::llround(history.interval_s * 1e6)}, *lease / 4);
    timing.lease = *lease;
    timing.dead = dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing) +
                  milliseconds{100};
    const auto run =
        sim::play_stalls(sim::stalls_like(history), history.interval_s, timing, hours * 3600, seed);
    if (run.violation) {
        std::printf("FAILED %s\n", run.violation->c_str());
        return 1;
    }
    const double century = 100 * measure::kSecondsPerYear;
    std::printf("simulated: %llu lapses in %.0f host-hours, %.3g per host and century\n",
                static_cast<unsigned long long>(run.lapses),
                run.host_seconds / 3600,
                static_cast<double>(run.lapses) / run.host_seconds * century);
    return compare(history, *lease, run);
}
