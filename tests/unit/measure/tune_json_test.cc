// The JSON of `holdfast tune` is an interface: tune_proposal.json and tune_refusal.json beside this file are what it looks like.
// Keys, their order and all words must be the same; numbers may differ by 2 %, since they come from a fit.
// HF_REWRITE=1 writes the files anew.  Also: what an agent has seen is used like a measurement.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>

#include <gtest/gtest.h>

#include "agent/measure/tune_report.h"

namespace holdfast::measure::tune_json {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr double kInterval = 0.5;

// Half a day of renewals, one in twenty of which stalls for 30 ms on average.
GapReport gaps(std::uint64_t seed, double seconds) {
    std::mt19937_64 random(seed);
    GapReport report;
    double now = 0;
    while (now < seconds) {
        // Own arithmetic: the library's distributions differ between implementations.
        const auto share = [&random] {
            return (static_cast<double>(random() >> 11U) + 0.5) / 9007199254740992.0;
        };
        const bool stalls = share() < 0.05;
        const double gap = kInterval + 0.001 + (stalls ? -0.03 * std::log(share()) : 0);
        now += gap;
        report.worst.push_back({now, gap});
    }
    report.count = report.worst.size();
    const auto longest = [](const GapPoint& a, const GapPoint& b) {
        return a.length_s > b.length_s;
    };
    std::sort(report.worst.begin(), report.worst.end(), longest);
    report.worst.resize(std::min<std::size_t>(report.worst.size(), GapRecorder::kWorst));
    std::sort(report.worst.begin(), report.worst.end(), [](const GapPoint& a, const GapPoint& b) {
        return a.end_s < b.end_s;
    });
    return report;
}

TargetReport target(const std::string& name, std::uint64_t seed, double seconds) {
    TargetReport target;
    target.name = name;
    target.backend = "io_uring";
    target.medium = "block device";
    target.state = "complete";
    target.lease = gaps(seed, seconds);
    target.duration_s = target.lease.worst.empty() ? 0 : seconds;
    target.beats = target.lease.count;
    for (const char* name_of_operation : {"write", "scan"}) {
        OperationReport operation;
        operation.name = name_of_operation;
        operation.count = target.beats;
        operation.worst_s = 0.2;
        operation.buckets = {{1024, target.beats - 100}, {65536, 90}, {229376, 10}};
        target.operations.push_back(operation);
    }
    return target;
}

Measurement measured(const char* kind, std::size_t datastores, double seconds) {
    Measurement measurement;
    measurement.kind = kind;
    measurement.host = "h1";
    measurement.interval_s = kInterval;
    measurement.hosts = 3;
    measurement.ended = "complete";
    for (std::size_t i = 0; i < datastores; ++i) {
        measurement.targets.push_back(target("/dev/hb" + std::to_string(i + 1), i + 1, seconds));
    }
    return measurement;
}

// Tells where two differ; empty: they do not.
// NOLINTNEXTLINE(misc-no-recursion): as deep as our own JSON
std::string difference(const OrderedJson& golden,
                       const OrderedJson& here,
                       const std::string& where) {
    if (golden.is_number() && here.is_number()) {
        const auto wanted = golden.get<double>();
        const double off = std::abs(wanted - here.get<double>());
        return off <= 0.02 * std::abs(wanted) + 1e-6 ? "" : where + ": " + here.dump();
    }
    if (golden.type() != here.type() || golden.size() != here.size())
        return where + ": " + here.dump();
    if (!golden.is_structured()) return golden == here ? "" : where + ": " + here.dump();
    for (auto one = golden.begin(), other = here.begin(); one != golden.end(); ++one, ++other) {
        const std::string key = golden.is_object() ? one.key() : "[]";
        if (golden.is_object() && key != other.key())
            return where + ": " + other.key() + " where " + key + " was";
        if (const std::string inner = difference(*one, *other, where + "/" + key); !inner.empty())
            return inner;
    }
    return "";
}

void expect_golden(const std::string& text, const std::string& name) {
    const std::string path = std::string(HF_SOURCE_DIR "/tests/unit/measure/") + name;
    if (std::getenv("HF_REWRITE") != nullptr)
        std::ofstream(path) << OrderedJson::parse(text).dump(1) << "\n";
    std::ifstream file(path);
    const OrderedJson golden = OrderedJson::parse(file, nullptr, false);
    ASSERT_FALSE(golden.is_discarded())
        << path << ": run this test with HF_REWRITE=1 and read what it wrote";
    EXPECT_EQ(difference(golden, OrderedJson::parse(text), ""), "")
        << name << " is an interface; HF_REWRITE=1 writes it anew. All of it:\n"
        << text;
}

TEST(TuneJson, AProposalIsTheDocumentedOne) {
    const auto basis = tune_basis({measured("datastore", 1, 12 * 3600.0)});
    ASSERT_TRUE(basis);
    TuneWishes wishes;
    wishes.false_alarms_per_s = 1 / kSecondsPerYear;
    wishes.watchdog_s = 2;
    const auto proposal = Tuner(wishes, basis->facts).propose();
    ASSERT_TRUE(proposal) << proposal.error().reason;
    expect_golden(proposal_json(*proposal, *basis, wishes), "tune_proposal.json");
}

TEST(TuneJson, ARefusalIsTheDocumentedOne) {
    const auto basis = tune_basis({measured("datastore", 1, 600)});
    ASSERT_TRUE(basis);
    const auto proposal = Tuner(TuneWishes{}, basis->facts).propose();
    ASSERT_FALSE(proposal);
    EXPECT_GT(proposal.error().measure_s, 600);
    expect_golden(refusal_json(proposal.error(), std::nullopt, basis->notes), "tune_refusal.json");
}

// Why: one measurement twice is not twice the evidence.
TEST(TuneFacts, AFileGivenTwiceIsRefused) {
    const Measurement once = measured("datastore", 1, 3600);
    EXPECT_FALSE(tune_basis({once, once}));
    Measurement other = once;
    other.host = "h2";
    EXPECT_TRUE(tune_basis({once, other}));
}

// Why: gaps that were measured with a shorter interval would all be below the threshold, and thin the others out.
TEST(TuneFacts, DifferentIntervalsAreTakenAtTheLongest) {
    const Measurement slow = measured("datastore", 1, 3600);
    Measurement quick = measured("datastore", 1, 3600);
    quick.host = "h2";
    quick.interval_s = kInterval / 5;
    const double longest = quick.targets[0].lease.worst.back().length_s;
    const auto basis = tune_basis({slow, quick});
    ASSERT_TRUE(basis);
    ASSERT_EQ(basis->facts.storage.size(), 2U);
    EXPECT_DOUBLE_EQ(basis->facts.storage[1].interval_s, kInterval);
    EXPECT_DOUBLE_EQ(basis->facts.storage[1].gaps.back().length_s, longest + 0.8 * kInterval);
    EXPECT_NE(basis->notes.back().find("Intervals differ"), std::string::npos);
}

// Why: what every agent keeps must do for a proposal, the leader's answers included.
TEST(TuneFacts, AnAgentsHistogramsAreStorageAndNetwork) {
    Measurement agent = measured("agent", 1, 12 * 3600.0);
    TargetReport answers;
    answers.name = "the leader";
    answers.medium = kMediumNetwork;
    answers.state = "complete";
    answers.lease = gaps(9, 12 * 3600.0);
    answers.duration_s = 12 * 3600.0;
    agent.targets.push_back(answers);
    const auto read = parse_measurement(to_json(agent), "the agent");
    ASSERT_TRUE(read) << read.error().text;
    const auto basis = tune_basis({*read});
    ASSERT_TRUE(basis);
    EXPECT_EQ(basis->storage_names.size(), 1U);
    EXPECT_EQ(basis->facts.storage.size(), 1U);
    ASSERT_EQ(basis->facts.network.size(), 1U);
    EXPECT_NEAR(basis->facts.network[0].observed_s, 12 * 3600.0, 1);
    EXPECT_TRUE(basis->peers.empty());
    TuneWishes wishes;
    wishes.false_alarms_per_s = 1 / kSecondsPerYear;
    wishes.watchdog_s = 2;
    wishes.lease_from = LeaseFrom::Any;
    const auto any = Tuner(wishes, basis->facts).propose();
    ASSERT_TRUE(any) << any.error().reason;
    EXPECT_TRUE(any->proposal.any_per_s);
    // A leader has no answers; its storage is enough.
    agent.targets.pop_back();
    const auto alone = tune_basis({agent});
    ASSERT_TRUE(alone);
    EXPECT_TRUE(alone->facts.network.empty());
}

}  // namespace
}  // namespace holdfast::measure::tune_json
