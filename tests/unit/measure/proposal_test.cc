// The proposal: safe, no longer than needed, refused where too little is known, and honest about what it reckons with.
#include "agent/measure/proposal.h"

#include <cmath>
#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "agent/config.h"
#include "agent/measure/tune_report.h"
#include "tests/unit/storage/temp_target.h"

namespace holdfast::measure {
namespace {

constexpr double kHour = 3600;

// Stalls of exponential length, `mean_s` on average, one in every `every`-th interval of 250 ms.
RenewalHistory history(double mean_s,
                       double observed_s,
                       std::uint64_t seed = 1,
                       double every = 20) {
    std::mt19937_64 random(seed);
    std::exponential_distribution<double> stall(1 / mean_s);
    std::uniform_real_distribution<double> uniform(0, 1);
    GapReport report;
    double now = 0;
    while (now < observed_s) {
        const double gap =
            0.25 + 0.002 * uniform(random) + (uniform(random) < 1 / every ? stall(random) : 0);
        now += gap;
        report.worst.push_back({now, gap});
    }
    report.count = report.worst.size();
    std::sort(report.worst.begin(), report.worst.end(), [](const GapPoint& a, const GapPoint& b) {
        return a.length_s > b.length_s;
    });
    report.worst.resize(std::min<std::size_t>(report.worst.size(), GapRecorder::kWorst));
    return history_of(report, now, 0.25);
}

TuneFacts facts(double mean_s, double observed_s) {
    TuneFacts facts;
    facts.storage = {history(mean_s, observed_s)};
    facts.write_p9999_s = 10 * mean_s;
    facts.write_p99_s = 3 * mean_s;
    facts.scan_p99_s = mean_s;
    facts.around.watchdog_min_s = 1;
    return facts;
}

TEST(Proposal, IsSafeAndMeetsTheWishedRate) {
    TuneWishes wishes;
    const auto proposal = Tuner(wishes, facts(0.02, 2 * kHour)).propose();
    ASSERT_TRUE(proposal) << proposal.error().reason;
    EXPECT_TRUE(is_safe(proposal->proposal.timing));
    EXPECT_LE(proposal->proposal.storage_per_s.high, wishes.false_alarms_per_s * 1.001);
    // And not a step longer than needed: with a lease a tenth shorter the wish would not hold, unless beats set the limit.
    Timing shorter = proposal->proposal.timing;
    shorter.lease = shorter.lease * 9 / 10;
    const JudgedTiming judged =
        Tuner(wishes, facts(0.02, 2 * kHour)).judge("shorter", shorter, proposal->fit, {});
    EXPECT_TRUE(judged.storage_per_s.high > wishes.false_alarms_per_s ||
                shorter.lease < 4 * shorter.interval);
}

TEST(Proposal, WorseStorageGetsALongerLease) {
    Duration last{};
    for (const double mean : {0.002, 0.02, 0.1}) {
        TuneWishes wishes;
        wishes.false_alarms_per_s = 10 / kSecondsPerYear;
        const auto proposal = Tuner(wishes, facts(mean, 10 * kHour)).propose();
        ASSERT_TRUE(proposal) << mean << ": " << proposal.error().reason;
        EXPECT_GE(proposal->proposal.timing.lease, last);
        last = proposal->proposal.timing.lease;
    }
    EXPECT_GT(last, seconds{1});
}

TEST(Proposal, TooLittleIsRefusedWithATimeThatWouldDo) {
    TuneWishes wishes;
    const auto refused = Tuner(wishes, facts(0.02, 60)).propose();
    ASSERT_FALSE(refused);
    EXPECT_GT(refused.error().measure_s, 60);
    EXPECT_NE(refusal_text(refused.error(), std::nullopt).find("--duration"), std::string::npos);
    // Whoever follows the advice gets an answer after a few rounds, each longer than the one before.
    double measured_s = 60;
    for (int round = 0; round < 5; ++round) {
        const auto tried = Tuner(wishes, facts(0.02, measured_s)).propose();
        if (tried) return;
        ASSERT_GT(tried.error().measure_s, measured_s) << tried.error().reason;
        measured_s = tried.error().measure_s * 1.05;
    }
    FAIL() << "still refused after " << measured_s << " s";
}

// Why: a refusal leaves an operator with nothing, where a more modest question has an answer.
TEST(Proposal, ARefusalSaysWhatTheMeasurementIsEnoughFor) {
    const TuneFacts given = facts(0.02, 600);
    ASSERT_FALSE(Tuner({}, given).propose());
    const auto carried = strictest_carried({}, given);
    ASSERT_TRUE(carried);
    TuneWishes weaker;
    weaker.false_alarms_per_s = carried->false_alarms_per_s;
    EXPECT_TRUE(Tuner(weaker, given).propose());
    EXPECT_LE(carried->proposal.proposal.storage_per_s.high, carried->false_alarms_per_s * 1.001);
    EXPECT_NE(refusal_text({"No.", 0}, carried).find("--false-alarms " + carried->false_alarms),
              std::string::npos);
    EXPECT_FALSE(strictest_carried({}, facts(0.02, 5)));
}

// Why: whatever the fit says, a lease that lapsed while it was measured is not one for a century.
TEST(Proposal, OutlastsTheLongestGapThatWasSeen) {
    TuneFacts given = facts(0.02, 2 * kHour);
    given.storage.front().gaps.back().length_s = 3.0;
    given.storage.front().open_s = 0;
    TuneWishes wishes;
    wishes.false_alarms_per_s = 1.0 / (3 * kHour);
    const auto proposal = Tuner(wishes, given).propose();
    if (proposal) {
        EXPECT_GE(proposal->proposal.timing.lease, seconds{3});
    } else {
        EXPECT_GT(proposal.error().measure_s, 2 * kHour);
    }
}

TEST(Proposal, PartsOfTheFailoverAddUp) {
    const auto proposal = Tuner({}, facts(0.02, 2 * kHour)).propose();
    ASSERT_TRUE(proposal);
    const FailoverParts& parts = proposal->proposal.failover;
    const double dead = std::chrono::duration<double>(proposal->proposal.timing.dead).count();
    EXPECT_NEAR(parts.total_s() - parts.verdict_s - parts.orders_s - parts.start_s, dead, 1e-6);
    EXPECT_GE(parts.rounding_s, 0);
}

TEST(Proposal, OutageIsCoveredByTheLeaseUnlessTheNetworkCarriesIt) {
    TuneWishes wishes;
    wishes.outage_s = 30;
    TuneFacts given = facts(0.02, 2 * kHour);
    const auto alone = Tuner(wishes, given).propose();
    ASSERT_TRUE(alone);
    EXPECT_GT(alone->proposal.timing.lease, seconds{30});
    ASSERT_TRUE(alone->covering_outage);
    EXPECT_LT(alone->covering_outage->timing.lease, seconds{10});
    given.network = {history(0.001, 2 * kHour, 9)};
    given.around.shared_interface = false;
    const auto carried = Tuner(wishes, given).propose();
    ASSERT_TRUE(carried);
    EXPECT_TRUE(carried->network_carries_outage);
    EXPECT_LT(carried->proposal.timing.lease, seconds{10});
    ASSERT_TRUE(carried->covering_outage);
    EXPECT_GT(carried->covering_outage->timing.lease, seconds{30});
    given.around.shared_interface = true;
    const auto shared = Tuner(wishes, given).propose();
    ASSERT_TRUE(shared);
    EXPECT_FALSE(shared->network_carries_outage);
    EXPECT_GT(shared->proposal.timing.lease, seconds{30});
}

TEST(Proposal, AnswersOnTheNetworkAllowAShorterLease) {
    TuneWishes wishes;
    wishes.false_alarms_per_s = 1 / kSecondsPerYear;
    TuneFacts given = facts(0.1, 40 * kHour);
    const auto storage = Tuner(wishes, given).propose();
    ASSERT_TRUE(storage) << storage.error().reason;
    given.network = {history(0.01, 40 * kHour, 5)};
    given.around.shared_interface = false;
    wishes.lease_from = LeaseFrom::Any;
    const auto any = Tuner(wishes, given).propose();
    ASSERT_TRUE(any) << any.error().reason;
    EXPECT_LT(any->proposal.timing.lease, storage->proposal.timing.lease);
    given.around.shared_interface = true;
    EXPECT_FALSE(Tuner(wishes, given).propose());
}

TEST(Proposal, ItsTableIsAValidConfiguration) {
    const auto proposal = Tuner({}, facts(0.02, 2 * kHour)).propose();
    ASSERT_TRUE(proposal);
    const std::string file =
        "[cluster]\nuuid = \"6f1d2c3b-0000-4000-8000-000000000001\"\n[host]\nid = 1\n" +
        timing_toml(proposal->proposal.timing) +
        "[[member]]\nid = 1\nname = \"h1\"\naddresses = [\"10.0.0.1\"]\n"
        "[[datastore]]\nname = \"hb1\"\npath = \"/hb/1\"\n";
    const auto config = parse_config(file, "holdfast.toml");
    ASSERT_TRUE(config) << config.error().text;
    EXPECT_EQ(config->timing, proposal->proposal.timing);
}

TEST(Proposal, ChartAndJsonHoldNoNonsense) {
    TuneWishes wishes;
    const auto proposal = Tuner(wishes, facts(0.02, 2 * kHour)).propose();
    ASSERT_TRUE(proposal);
    for (const std::string& text : {tune_chart(*proposal, wishes),
                                    proposal_json(*proposal, {}, wishes),
                                    proposal_text(*proposal, {}, wishes)}) {
        EXPECT_EQ(text.find("nan"), std::string::npos);
        EXPECT_EQ(text.find("inf,"), std::string::npos);
    }
}

TEST(Surroundings, AreReadFromTheHost) {
    const test::TempFolder root;
    const auto put = [&root](const std::string& path, const std::string& content) {
        const std::string file = root.path(path);
        ASSERT_EQ(0, std::system(("mkdir -p $(dirname " + file + ")").c_str()));
        std::ofstream(file) << content;
    };
    put("sys/class/watchdog/watchdog0/identity", "iTCO_wdt\n");
    put("sys/class/watchdog/watchdog0/min_timeout", "2\n");
    put("proc/mounts",
        "/dev/sda / ext4 rw 0 0\nnas:/hb /hb nfs4 rw,hard,timeo=600,retrans=2,addr=10.1.0.9 0 0\n");
    put("etc/multipath.conf",
        "defaults {\n  fast_io_fail_tmo 7 # seconds\n  no_path_retry \"queue\"\n}\n");
    put("proc/net/route",
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n"
        "eth1 0000010A 00000000 0001 0 0 0 0000FFFF 0 0 0\n");
    const Surroundings around = look_around(root.path(), {"/hb/1"}, {"10.1.0.2"});
    EXPECT_EQ(around.watchdog_min_s, 2);
    EXPECT_TRUE(around.network_storage);
    EXPECT_EQ(around.nfs_timeo_s, 60);
    EXPECT_EQ(around.path_failover_s, 7);
    EXPECT_EQ(around.shared_interface, true);
    EXPECT_EQ(look_around(root.path(), {"/hb/1"}, {"10.9.0.2"}).shared_interface, false);
    EXPECT_EQ(look_around(root.path(), {"/elsewhere/1"}, {"10.9.0.2"}).shared_interface,
              std::nullopt);
}

}  // namespace
}  // namespace holdfast::measure
