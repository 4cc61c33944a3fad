// The tail's predictions against distributions whose tails are known: exponential, lognormal, Pareto, and a bounded one.
#include "agent/measure/tail_fit.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include <gtest/gtest.h>

namespace holdfast::measure {
namespace {

constexpr double kInterval = 0.25;
constexpr int kSamples = 60;
constexpr int kFewSamples = 30;  // where one takes long

// What `holdfast bench` would save of `count` renewals whose gaps come from `draw`.
RenewalHistory history_from(const std::function<double()>& draw, std::size_t count) {
    GapReport report;
    double now = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double gap = kInterval + draw();
        now += gap;
        report.worst.push_back({now, gap});
    }
    report.count = count;
    std::sort(report.worst.begin(), report.worst.end(), [](const GapPoint& a, const GapPoint& b) {
        return a.length_s > b.length_s;
    });
    report.worst.resize(std::min<std::size_t>(report.worst.size(), GapRecorder::kWorst));
    return history_of(report, now, kInterval);
}

struct Known {
    const char* name;
    std::function<double(std::mt19937_64&)> draw;
    std::function<double(double)> survivor;  // of the drawn part
};

std::vector<Known> known_distributions() {
    const auto exponential = [](std::mt19937_64& random) {
        return std::exponential_distribution<double>(1 / 0.02)(random);
    };
    const auto lognormal = [](std::mt19937_64& random) {
        return std::lognormal_distribution<double>(std::log(0.004), 1.0)(random);
    };
    const auto pareto = [](std::mt19937_64& random) {
        const double u = std::uniform_real_distribution<double>(0, 1)(random);
        return 0.01 * (std::pow(1 - u, -1 / 2.5) - 1);
    };
    const auto bounded = [](std::mt19937_64& random) {
        return std::uniform_real_distribution<double>(0, 0.05)(random);
    };
    return {
        {"exponential", exponential, [](double x) { return std::exp(-x / 0.02); }},
        {"lognormal",
         lognormal,
         [](double x) {
             return 0.5 * std::erfc((std::log(x) - std::log(0.004)) / std::sqrt(2.0));
         }},
        {"pareto", pareto, [](double x) { return std::pow(1 + x / 0.01, -2.5); }},
        {"bounded", bounded, [](double x) { return std::max(0.0, 1 - x / 0.05); }},
    };
}

// The lease at which the true rate is `per_s`.
double true_lease(const Known& known, double per_s, double renewals_per_s) {
    double low = 0;
    double high = 3600;
    for (int i = 0; i < 100; ++i) {
        const double middle = (low + high) / 2;
        (known.survivor(middle) * renewals_per_s > per_s ? low : high) = middle;
    }
    return kInterval + high;
}

TEST(TailFit, IntervalHoldsTheTrueRateAsOftenAsItSays) {
    for (const Known& known : known_distributions()) {
        int fitted = 0;
        int inside = 0;
        int below_upper = 0;
        for (int seed = 0; seed < kSamples; ++seed) {
            std::mt19937_64 random(static_cast<std::uint64_t>(seed) + 1);
            const RenewalHistory history = history_from([&] { return known.draw(random); }, 8000);
            const auto fit = TailFit::fit({history});
            ASSERT_TRUE(fit) << known.name << ": " << fit.error().text;
            ++fitted;
            const double renewals_per_s = 8000 / history.observed_s;
            // Fifty times rarer than anything that was seen.
            const double per_s = 1 / (history.observed_s * 50);
            const double lease = true_lease(known, per_s, renewals_per_s);
            const RateInterval told = fit->lapses(lease);
            inside += told.low <= per_s && per_s <= told.high ? 1 : 0;
            below_upper += per_s <= told.high ? 1 : 0;
        }
        // A 90 % interval; the lognormal is no generalised Pareto, which costs a little.  A bounded tail with an edge is
        // taken for a longer one (no shape below -0.5 is fitted), so there only the upper end can be asked for.
        if (std::string(known.name) != "bounded") {
            EXPECT_GE(inside, fitted * 72 / 100) << known.name;
        }
        EXPECT_GE(below_upper, fitted * 82 / 100) << known.name;
        std::printf("%s: %d of %d intervals hold the true rate, %d upper ends do\n",
                    known.name,
                    inside,
                    fitted,
                    below_upper);
    }
}

TEST(TailFit, TheSafeLeaseIsSafe) {
    for (const Known& known : known_distributions()) {
        int safe = 0;
        for (int seed = 0; seed < kSamples; ++seed) {
            std::mt19937_64 random(static_cast<std::uint64_t>(seed) + 1000);
            const RenewalHistory history = history_from([&] { return known.draw(random); }, 8000);
            const auto fit = TailFit::fit({history});
            ASSERT_TRUE(fit) << known.name;
            const double per_s = 1 / (history.observed_s * 20);
            const auto lease = fit->lease_safe(per_s);
            ASSERT_TRUE(lease) << known.name;
            const double true_rate = known.survivor(*lease - kInterval) * 8000 / history.observed_s;
            safe += true_rate <= per_s * 1.0001 ? 1 : 0;
        }
        EXPECT_GE(safe, kSamples * 82 / 100) << known.name;
    }
}

TEST(TailFit, MoreMeasuringNarrowsTheInterval) {
    std::mt19937_64 random(7);
    std::exponential_distribution<double> draw(1 / 0.02);
    const auto fit = TailFit::fit({history_from([&] { return draw(random); }, 8000)});
    ASSERT_TRUE(fit);
    const double lease = 1.0;
    const RateInterval now = fit->lapses(lease);
    const RateInterval later = fit->lapses(lease, 10);
    EXPECT_LT(later.high, now.high);
    EXPECT_GE(later.low, now.low);
    EXPECT_NEAR(later.expected, now.expected, now.expected * 1e-6);
}

TEST(TailFit, TooFewStallsAreRefused) {
    std::mt19937_64 random(7);
    std::exponential_distribution<double> draw(1 / 0.02);
    const auto fit = TailFit::fit({history_from([&] { return draw(random); }, 20)});
    ASSERT_FALSE(fit);
    EXPECT_NE(fit.error().text.find("30 or more"), std::string::npos) << fit.error().text;
}

TEST(TailFit, ABurstCountsOnce) {
    // Every 100 s five long gaps in a row.
    RenewalHistory history;
    history.interval_s = kInterval;
    std::mt19937_64 random(3);
    std::exponential_distribution<double> draw(2);
    double now = 0;
    for (int burst = 0; burst < 60; ++burst) {
        now += 100;
        for (int i = 0; i < 5; ++i) {
            const double gap = 1 + draw(random);
            now += gap;
            history.gaps.push_back({now, gap});
        }
    }
    history.observed_s = now;
    history.count = static_cast<std::uint64_t>(now / kInterval);
    const auto fit = TailFit::fit({history});
    ASSERT_TRUE(fit);
    // Where only the last of five exceeds the threshold after a pause, it counts by itself.
    EXPECT_LE(fit->bursts(), 70U);
    EXPECT_GT(fit->gaps_per_burst(), 1.2);
    EXPECT_EQ(burst_maxima(history, 0.9, 2.5).size(), 60U);
    EXPECT_EQ(burst_maxima(history, 0.9, -1e-6).size(), 300U);
}

TEST(TailFit, AStallThatNeverEndedCounts) {
    std::mt19937_64 random(9);
    std::exponential_distribution<double> draw(1 / 0.02);
    RenewalHistory history = history_from([&] { return draw(random); }, 8000);
    const auto without = TailFit::fit({history});
    history.open_s = 30;
    const auto with = TailFit::fit({history});
    ASSERT_TRUE(without && with);
    EXPECT_GT(with->lapses(5).expected, without->lapses(5).expected);
    EXPECT_EQ(with->longest_s(), 30);
}

TEST(TailFit, LimitOfItsTestIsExceededByOneInTen) {
    // Samples that are generalised Pareto are called poor about as often as the test says.
    for (const double shape : {-0.2, 0.0, 0.3, 0.8}) {
        int poor = 0;
        for (int seed = 0; seed < 100; ++seed) {
            std::mt19937_64 random(static_cast<std::uint64_t>(seed) + 50);
            std::uniform_real_distribution<double> uniform(0, 1);
            RenewalHistory history;
            history.interval_s = 0.001;
            double now = 0;
            for (int i = 0; i < 64; ++i) {
                const double u = 1 - uniform(random);
                const double x = shape == 0 ? -std::log(u) : (std::pow(u, -shape) - 1) / shape;
                now += 1000;
                history.gaps.push_back({now, 1 + x});
            }
            history.observed_s = now;
            const auto fit = TailFit::fit({history});
            if (!fit) continue;
            poor += fit->poor() ? 1 : 0;
        }
        std::printf("shape %.1f: %d of 100 poor\n", shape, poor);
        EXPECT_LE(poor, 25) << shape;
    }
}

// Stalls of exponential length at random times; `mean_s` each, one in `every_s`.
std::vector<GapPoint> random_stalls(std::mt19937_64& random,
                                    double observed_s,
                                    double every_s,
                                    double mean_s) {
    std::exponential_distribution<double> pause(1 / every_s);
    std::exponential_distribution<double> length(1 / mean_s);
    std::vector<GapPoint> gaps;
    for (double now = pause(random); now < observed_s; now += pause(random))
        gaps.push_back({now, kInterval + length(random)});
    return gaps;
}

RenewalHistory history_with(std::vector<GapPoint> gaps, double observed_s) {
    RenewalHistory history;
    history.interval_s = kInterval;
    history.observed_s = observed_s;
    history.count = static_cast<std::uint64_t>(observed_s / kInterval);
    history.gaps = std::move(gaps);
    history.complete_above_s = kInterval;
    return history;
}

// Why: three hosts that measure one storage at once see the same stalls three times.  Counted as three times the evidence,
// the upper end held the truth in 69 of 100 cases.
TEST(TailFit, HostsThatSeeTheSameStallsAreNotMoreEvidence) {
    constexpr double kObserved = 4 * 3600;
    int below_upper = 0;
    int noticed = 0;
    for (int seed = 0; seed < kFewSamples; ++seed) {
        std::mt19937_64 random(static_cast<std::uint64_t>(seed) + 1);
        std::uniform_real_distribution<double> jitter(0, 0.002);
        const auto stalls = random_stalls(random, kObserved, 60, 0.05);
        std::vector<RenewalHistory> hosts;
        for (int host = 0; host < 3; ++host) {
            auto gaps = stalls;
            for (GapPoint& gap : gaps) gap.length_s += jitter(random);
            hosts.push_back(history_with(std::move(gaps), kObserved));
        }
        const auto fit = TailFit::fit(hosts);
        ASSERT_TRUE(fit) << fit.error().text;
        noticed += fit->dispersion().count > 1.5 && fit->dispersion().length > 1.5 ? 1 : 0;
        const double per_s = 1 / (kObserved * 50);
        const double lease = kInterval - 0.05 * std::log(per_s * 60);
        below_upper += per_s <= fit->lapses(lease).high ? 1 : 0;
    }
    std::printf("the same stalls thrice: noticed in %d of %d, %d upper ends hold\n",
                noticed,
                kFewSamples,
                below_upper);
    EXPECT_GE(noticed, kFewSamples * 8 / 10);
    EXPECT_GE(below_upper, kFewSamples * 8 / 10);
}

TEST(TailFit, HostsThatSeeTheirOwnStallsAre) {
    constexpr double kObserved = 4 * 3600;
    std::mt19937_64 random(3);
    std::vector<RenewalHistory> hosts;
    for (int host = 0; host < 3; ++host)
        hosts.push_back(history_with(random_stalls(random, kObserved, 60, 0.05), kObserved));
    const auto fit = TailFit::fit(hosts);
    ASSERT_TRUE(fit);
    EXPECT_LT(fit->dispersion().count, 2.5);
    EXPECT_LT(fit->dispersion().length, 2.5);
    EXPECT_FALSE(fit->strange());
}

// Why: a stall of another kind hides among everyday ones, and the next of its kind may be longer than any fit says.
TEST(TailFit, AFewStallsOfAnotherKindAreSeen) {
    constexpr double kObserved = 4 * 3600;
    int seen = 0;
    int imagined = 0;
    for (int seed = 0; seed < kFewSamples; ++seed) {
        std::mt19937_64 random(static_cast<std::uint64_t>(seed) + 1);
        auto gaps = random_stalls(random, kObserved, 30, 0.05);
        const auto plain = TailFit::fit({history_with(gaps, kObserved)});
        for (std::size_t i = 0; i < 5; ++i)
            gaps.at(i * 50).length_s = kInterval + 2 + static_cast<double>(i) / 2;
        const auto fit = TailFit::fit({history_with(std::move(gaps), kObserved)});
        ASSERT_TRUE(fit && plain);
        // Or the fit has bent so far towards them that it does not rule out as many.
        const double as_many = fit->lapses(kInterval + 2).high * kObserved;
        EXPECT_TRUE(fit->strange() || as_many > 2) << seed << ": at most " << as_many;
        seen += fit->strange() ? 1 : 0;
        imagined += plain->strange() ? 1 : 0;
    }
    std::printf(
        "five of another kind: seen in %d of %d, imagined in %d\n", seen, kFewSamples, imagined);
    EXPECT_GE(seen, kFewSamples * 3 / 10);
    EXPECT_LE(imagined, kFewSamples / 10);
}

TEST(Dispersion, OfBadHoursIsLargeAndOfChanceIsNot) {
    BurstsSeen even{0, 3600, {}};
    BurstsSeen bad{0, 3600, {}};
    std::mt19937_64 random(4);
    std::uniform_real_distribution<double> any(0, 1);
    for (int i = 0; i < 120; ++i) {
        even.bursts.push_back({any(random) * 3600, any(random)});
        // All of them within one of ten stretches, where they are longer than the rest of the time.
        const bool hour = i % 2 == 0;
        bad.bursts.push_back(
            {hour ? 720 + any(random) * 300 : any(random) * 3600, any(random) + (hour ? 1 : 0)});
    }
    EXPECT_LT(dispersion_of({even}).count, 2);
    EXPECT_LT(dispersion_of({even}).length, 2);
    EXPECT_GT(dispersion_of({bad}).count, 5);
    EXPECT_GT(dispersion_of({bad}).length, 3);
    // Measured one after the other, days apart: what lies between counts for nothing.
    BurstsSeen later = even;
    later.begun_s = 1e6;
    EXPECT_LT(dispersion_of({even, later}).count, 2);
    // At once: every stretch has twice as many of each.
    EXPECT_GT(dispersion_of({even, even}).length, 1.5);
    EXPECT_EQ(dispersion_of({}).count, 1);
}

TEST(MajorityHistory, IsAsOldAsTheMajorityThYoungest) {
    RenewalHistory a;
    a.interval_s = 0.5;
    a.observed_s = 100;
    a.count = 200;
    a.gaps = {{20, 10}};  // from 10 to 20
    RenewalHistory b = a;
    b.gaps = {{18, 6}};  // from 12 to 18
    RenewalHistory c = a;
    c.gaps = {};
    // One of three goes on: the majority of two does as soon as one of the others does; here both stand from 12 to 18.
    const RenewalHistory joint = majority_history({a, b, c}, 2);
    ASSERT_EQ(joint.gaps.size(), 1U);
    EXPECT_DOUBLE_EQ(joint.gaps[0].length_s, 6);
    EXPECT_DOUBLE_EQ(joint.gaps[0].end_s, 18);
    // A single one that stalls costs three datastores nothing.
    EXPECT_TRUE(majority_history({a, c, c}, 2).gaps.empty());
    // Of two that both must answer, either one is enough to stall.
    EXPECT_EQ(majority_history({a, c}, 2).gaps.size(), 1U);
}

}  // namespace
}  // namespace holdfast::measure
