// The measurement's JSON is an interface: its golden text changes only on purpose.
#include "agent/measure/measurement.h"

#include <memory>
#include <random>

#include <gtest/gtest.h>

#include "agent/measure/measurement_chart.h"
#include "agent/measure/proposal.h"
#include "agent/measure/report_text.h"
#include "agent/measure/tune_facts.h"

namespace holdfast::measure {
namespace {

constexpr const char* kGolden =
    R"({"format":"holdfast-measurement","version":1,"kind":"datastore","host":"h1","begun_unix_s":1700000000,)"
    R"("interval_ms":500.000,"hosts":64,"load":0,"ended":"complete","targets":[{"name":"/hb/1","backend":"io_uring",)"
    R"("medium":"file","features":"","state":"hung","problem":null,"duration_s":3.000,"beats":6,"beats_missed":1,)"
    R"("operations":[{"name":"write","count":2,"errors":1,"error":"EIO","p50_us":224,"p90_us":700000,"p99_us":700000,)"
    R"("p99_9_us":700000,"p99_99_us":700000,"p99_999_us":700000,"worst_us":700000,"worst_at_s":1.000,)"
    R"("buckets_us":[[224,1],[720896,1]],"timeline_bin_s":0.100,"timeline_us":[220,0,0,0,0,0,0,0,0,0,700000]}],)"
    R"("lease_gaps":{"count":2,"open_us":1300000,"longest":[[0.500220,500220],[1.700000,1700000]]},)"
    R"("office_gaps":{"count":0,"open_us":0,"longest":[]},)"
    R"("outstanding":[{"operation":"write","since_s":2.000,"age_s":3.000}]}]})";

Instant at_ms(std::int64_t ms) {
    return Instant{std::chrono::milliseconds{1'000'000 + ms}};
}

Measurement sample() {
    auto result = std::make_unique<TargetResult>();
    result->state.store(TargetState::Measuring);
    result->begun_at.store(at_ms(0).time_since_epoch().count());
    result->ended_at.store(at_ms(3000).time_since_epoch().count());
    result->beats.store(6);
    result->beats_missed = 1;
    result->backend = {"io_uring"};
    result->medium = {"file"};
    OperationSeen& write = result->at(Operation::Write);
    write.record(Duration::zero(), std::chrono::microseconds{220});
    write.record(std::chrono::seconds{1}, std::chrono::milliseconds{700});
    write.errors = 1;
    write.last_errno = 5;
    write.out_since.store(at_ms(2000).time_since_epoch().count());
    result->lease.begin(at_ms(0));
    result->lease.renewed(at_ms(0) + Duration{1}, at_ms(500) + std::chrono::microseconds{220});
    result->lease.renewed(at_ms(1000), at_ms(1700) + Duration{1});
    result->open_gap = std::chrono::milliseconds{1300};
    Measurement measurement;
    measurement.kind = "datastore";
    measurement.host = "h1";
    measurement.begun_unix_s = 1'700'000'000;
    measurement.interval_s = 0.5;
    measurement.hosts = 64;
    measurement.ended = "complete";
    measurement.targets.push_back(report_of("/hb/1", *result, ChildEnd::Hung, at_ms(5000)));
    return measurement;
}

TEST(MeasurementJson, IsWhatTheDocumentSays) {
    EXPECT_EQ(to_json(sample()), kGolden);
}

TEST(MeasurementJson, ComesBackAsItWasWritten) {
    const auto read = parse_measurement(kGolden, "golden");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(to_json(*read), kGolden);
}

TEST(MeasurementJson, WhatIsNoneIsRefusedWithItsName) {
    const std::string golden = kGolden;
    for (const std::string& text :
         {std::string("{}"),
          std::string("[1"),
          golden.substr(0, golden.size() - 4),
          std::string(golden).replace(golden.find("\"version\":1"), 11, "\"version\":9"),
          std::string(golden).replace(golden.find("500.000"), 7, "0.00000"),
          std::string(golden).replace(golden.find("500.000"), 7, "-1.0000"),
          std::string(golden).replace(
              golden.find("\"count\":2,\"open"), 15, "\"count\":1,\"open")}) {
        const auto read = parse_measurement(text, "some.json");
        ASSERT_FALSE(read) << text.substr(0, 200);
        EXPECT_NE(read.error().text.find("some.json"), std::string::npos);
    }
}

// Why: files come from anywhere; whatever is in one, tune must answer or refuse, never crash or draw nonsense.
TEST(MeasurementJson, NoDamageIsTakenForNumbers) {
    std::mt19937_64 random(5);
    const std::string golden = kGolden;
    const std::string bytes = "0123456789-.eE+nul[]{}\",";
    int taken = 0;
    for (int turn = 0; turn < 4000; ++turn) {
        std::string text = golden;
        for (std::size_t hits = 1 + random() % 3; hits > 0; --hits)
            text.at(random() % text.size()) = bytes.at(random() % bytes.size());
        const auto read = parse_measurement(text, "some.json");
        if (!read) continue;
        ++taken;
        const std::string svg = measurement_chart(*read);
        EXPECT_EQ(svg.find("nan"), std::string::npos) << text;
        EXPECT_EQ(svg.find("inf"), std::string::npos) << text;
        EXPECT_FALSE(report_text(*read).empty());
        const auto basis = tune_basis({*read});
        if (!basis) continue;
        EXPECT_FALSE(Tuner({}, basis->facts).propose()) << text;
    }
    // Names and harmless digits may change; most damage is found.
    EXPECT_GT(taken, 100);
    EXPECT_LT(taken, 3000);
}

TEST(MeasurementJson, WhatCannotBeIsRefused) {
    const auto with = [](const std::string& from, const std::string& to) {
        std::string text = kGolden;
        return text.replace(text.find(from), from.size(), to);
    };
    for (const std::string& text : {with("\"beats\":6", "\"beats\":-6"),
                                    with("[720896,1]", "[720896,-1]"),
                                    with("[720896,1]", "[720896,7]"),
                                    with("[224,1]", "[0,1]"),
                                    with("500.000", "1e300"),
                                    with("500.000", "null"),
                                    with("\"duration_s\":3.000", "\"duration_s\":1e999"),
                                    with("\"duration_s\":3.000", "\"duration_s\":NaN"),
                                    with("\"open_us\":1300000", "\"open_us\":-1"),
                                    with("\"load\":0", "\"load\":1e30")}) {
        EXPECT_FALSE(parse_measurement(text, "some.json")) << text;
    }
}

TEST(Measurement, AHungTargetSaysWhatIsOutSinceWhen) {
    const std::string text = report_text(sample());
    EXPECT_NE(text.find("STILL OUT: a write since second 2.00, for 3.00 s"), std::string::npos)
        << text;
    EXPECT_NE(text.find("hung"), std::string::npos);
    EXPECT_NE(text.find("nothing had been renewed for 1.30 s"), std::string::npos) << text;
}

TEST(Measurement, PicturesMarkTheStallAndEscapeNames) {
    Measurement measurement = sample();
    measurement.targets[0].name = "/hb/<&>";
    const std::string svg = measurement_chart(measurement);
    EXPECT_NE(svg.find("/hb/&lt;&amp;&gt;"), std::string::npos);
    EXPECT_NE(svg.find("1.70 s"), std::string::npos);
    EXPECT_NE(svg.find("a write is still out"), std::string::npos);
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
    // Nothing at all was measured: still a picture.
    measurement.targets[0] = TargetReport{};
    measurement.targets[0].problem = "it is not there";
    EXPECT_NE(measurement_chart(measurement).find("it is not there"), std::string::npos);
}

TEST(GapRecorder, KeepsTheLongestAndCountsAll) {
    GapRecorder gaps;
    Instant now = at_ms(0);
    gaps.begin(now);
    for (int i = 1; i <= 2000; ++i) {
        const Instant issued = now + std::chrono::milliseconds{1};
        now = issued + std::chrono::milliseconds{i};
        gaps.renewed(issued, now);
    }
    EXPECT_EQ(gaps.count(), 2000U);
    EXPECT_EQ(gaps.worst().size(), GapRecorder::kWorst);
    Duration shortest = Duration::max();
    for (const Gap& gap : gaps.worst()) shortest = std::min(shortest, gap.length);
    // A gap runs from the issue before: its own length and that of the one before.
    EXPECT_EQ(shortest, std::chrono::milliseconds{1489 + 1488 + 1});
    // What was overtaken renews nothing.
    const std::uint64_t before = gaps.count();
    gaps.renewed(at_ms(0), now);
    EXPECT_EQ(gaps.count(), before);
}

TEST(Timeline, HalvesInsteadOfEnding) {
    Timeline timeline;
    timeline.record(Duration::zero(), std::chrono::milliseconds{3});
    timeline.record(std::chrono::hours{24}, std::chrono::milliseconds{9});
    EXPECT_LE(timeline.used(), Timeline::kBins);
    EXPECT_EQ(timeline.longest_us(0), 3000);
    EXPECT_EQ(timeline.longest_us(timeline.used() - 1), 9000);
}

}  // namespace
}  // namespace holdfast::measure
