// What `holdfast tune` predicts from a measurement happens to simulated clusters whose storage goes on behaving so.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>

#include "agent/measure/proposal.h"
#include "tests/sim/latency/stall_player.h"

namespace holdfast::sim {
namespace {

constexpr double kInterval = 0.25;

// A stall every 5 s on average, of exponential or lognormal length.
template <typename Length>
StallSource source_of(Length length) {
    return [length](std::mt19937_64& random) mutable {
        MeasuredStall stall;
        stall.gap_s = kInterval + length(random);
        stall.pause_s = std::exponential_distribution<double>(1 / 5.0)(random);
        return stall;
    };
}

// What `holdfast bench datastore` would have saved of it.
measure::RenewalHistory measured(const StallSource& source, double observed_s, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    measure::GapReport report;
    double now = 0;
    while (now < observed_s) {
        const MeasuredStall stall = source(random);
        now += stall.pause_s + stall.gap_s;
        report.worst.push_back({now, stall.gap_s});
    }
    std::sort(report.worst.begin(), report.worst.end(), [](const auto& a, const auto& b) {
        return a.length_s > b.length_s;
    });
    report.worst.resize(std::min<std::size_t>(report.worst.size(), GapRecorder::kWorst));
    report.count = static_cast<std::uint64_t>(now / kInterval);
    return measure::history_of(report, now, kInterval);
}

Timing timing_with_lease(double lease_s) {
    Timing timing = kTimingFast;
    timing.lease = std::chrono::milliseconds{std::llround(lease_s * 1000)};
    timing.dead = dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing) +
                  std::chrono::milliseconds{100};
    return timing;
}

void expect_prediction(const char* name, const StallSource& source, double every_s) {
    const auto fit = measure::TailFit::fit({measured(source, 2 * 3600, 11)});
    ASSERT_TRUE(fit) << fit.error().text;
    const auto lease = fit->lease_expected(1 / every_s);
    ASSERT_TRUE(lease) << name;
    const Timing timing = timing_with_lease(std::max(*lease, 1.0));
    ASSERT_TRUE(is_safe(timing));
    const double lasts_s = 20 * every_s;
    const StallRun run = play_stalls(source, kInterval, timing, lasts_s, 5);
    ASSERT_FALSE(run.violation) << *run.violation;
    const measure::RateInterval told =
        fit->lapses(std::chrono::duration<double>(timing.lease).count());
    const auto lapses = static_cast<double>(run.lapses);
    // The count is chance as well: two standard deviations of a Poisson count.
    const double low = (lapses - 2 * std::sqrt(lapses + 1)) / run.host_seconds;
    const double high = (lapses + 2 * std::sqrt(lapses + 1) + 1) / run.host_seconds;
    std::printf(
        "%s, lease %.2f s: predicted one lapse in %.0f s (%.0f to %.0f), simulated %llu in %.0f "
        "host-seconds, one in %.0f s\n",
        name,
        std::chrono::duration<double>(timing.lease).count(),
        1 / told.expected,
        1 / told.high,
        1 / told.low,
        static_cast<unsigned long long>(run.lapses),
        run.host_seconds,
        run.host_seconds / std::max(lapses, 1.0));
    EXPECT_LE(low, told.high) << name;
    EXPECT_GE(high, told.low) << name;
}

TEST(Prediction, HoldsForExponentialStalls) {
    expect_prediction(
        "exponential", source_of(std::exponential_distribution<double>(1 / 0.2)), 600);
}

TEST(Prediction, HoldsForLognormalStalls) {
    expect_prediction(
        "lognormal", source_of(std::lognormal_distribution<double>(std::log(0.1), 0.8)), 600);
}

TEST(Prediction, HoldsBeyondWhatWasMeasured) {
    // One lapse in four hours, told from two.
    expect_prediction("exponential, extrapolated",
                      source_of(std::exponential_distribution<double>(1 / 0.2)),
                      4 * 3600);
}

TEST(Prediction, AMeasurementCanBePlayedAgain) {
    const auto history =
        measured(source_of(std::exponential_distribution<double>(1 / 0.3)), 2 * 3600, 3);
    const auto fit = measure::TailFit::fit({history});
    ASSERT_TRUE(fit);
    const StallRun run =
        play_stalls(stalls_like(history), kInterval, timing_with_lease(1.25), 3600, 7);
    ASSERT_FALSE(run.violation) << *run.violation;
    const measure::RateInterval told = fit->lapses(1.25);
    const double seen = static_cast<double>(run.lapses) / run.host_seconds;
    EXPECT_GT(seen, told.low / 2);
    EXPECT_LT(seen, told.high * 2);
}

}  // namespace
}  // namespace holdfast::sim
