// What the agent remembers of its beats: a gap is as long as the lease would have been old, a leader's own time does not
// count, and a link that stalls shows although the other one carried the beats.
#include "agent/daemon/beat_latency.h"

#include <memory>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using std::chrono::milliseconds;

constexpr Incarnation kOwn{1, 2};

Instant at_ms(int ms) {
    return Instant{} + std::chrono::seconds{10} + milliseconds{ms};
}

Beat own_beat(std::uint64_t number, bool leads = false) {
    Beat beat;
    beat.from = HostId{1};
    beat.incarnation = kOwn;
    beat.number = BeatNumber{number};
    beat.leading = leads;
    return beat;
}

Beat answer(std::uint64_t number, std::uint16_t from = 2, bool leads = true) {
    Beat beat;
    beat.from = HostId{from};
    beat.leading = leads;
    beat.answered_incarnation = kOwn;
    beat.answered_number = BeatNumber{number};
    return beat;
}

struct Fixture : testing::Test {
    // Beat `number` goes out at `number` x 100 ms.
    void send(std::uint64_t number, bool leads = false) {
        meter.sent(own_beat(number, leads), at_ms(100 * static_cast<int>(number)));
    }

    BeatLatencyMeter meter;
};

using BeatLatencyTest = Fixture;

TEST_F(BeatLatencyTest, AGapRunsFromTheSendingOfWhatWasAnsweredBefore) {
    for (std::uint64_t number = 1; number <= 5; ++number) send(number);
    meter.received(answer(1), 0, at_ms(130));
    meter.received(answer(2), 0, at_ms(260));
    meter.received(answer(5), 0, at_ms(700));
    const BeatLatency& seen = meter.seen(at_ms(800));
    EXPECT_EQ(seen.begun, at_ms(100));
    EXPECT_EQ(seen.observed, milliseconds{700});
    ASSERT_EQ(seen.answers.count(), 2U);
    Duration longest{};
    for (const Gap& gap : seen.answers.worst()) longest = std::max(longest, gap.length);
    EXPECT_EQ(longest, milliseconds{500});
    EXPECT_EQ(seen.answers.open_gap(seen.until), milliseconds{300});
}

TEST_F(BeatLatencyTest, OnlyALeaderThatAnsweredThisIncarnationCounts) {
    send(1);
    send(2);
    meter.received(answer(1, 3, false), 0, at_ms(150));
    Beat other = answer(1);
    other.answered_incarnation = Incarnation{1, 1};
    meter.received(other, 0, at_ms(160));
    meter.received(answer(9), 0, at_ms(170));  // never sent
    EXPECT_EQ(meter.seen(at_ms(200)).begun, kNotYet);
    meter.received(answer(2), 0, at_ms(250));
    EXPECT_EQ(meter.seen(at_ms(300)).begun, at_ms(200));
}

TEST_F(BeatLatencyTest, TimeAsLeaderIsNoGap) {
    send(1);
    meter.received(answer(1), 0, at_ms(150));
    send(2, true);
    EXPECT_FALSE(meter.seen(at_ms(5000)).counting);
    send(60);
    meter.received(answer(60), 0, at_ms(6050));
    send(61);
    meter.received(answer(61), 0, at_ms(6130));
    const BeatLatency& seen = meter.seen(at_ms(6200));
    EXPECT_TRUE(seen.counting);
    EXPECT_EQ(seen.observed, milliseconds{100 + 200});
    ASSERT_EQ(seen.answers.count(), 1U);
    EXPECT_EQ(seen.answers.worst()[0].length, milliseconds{130});
}

TEST_F(BeatLatencyTest, ALinkThatStallsShowsAlthoughTheOtherCarriedTheBeats) {
    for (int i = 0; i <= 10; ++i) {
        meter.received(answer(0), 0, at_ms(500 * i));
        if (i < 3 || i > 7) meter.copied(answer(0), 1, at_ms(500 * i + 1));
    }
    const BeatLatency& seen = meter.seen(at_ms(6000));
    EXPECT_EQ(seen.spacing[0].count(), 10U);
    EXPECT_EQ(seen.spacing[0].max(), milliseconds{500});
    EXPECT_EQ(seen.spacing[1].count(), 5U);
    EXPECT_EQ(seen.spacing[1].max(), milliseconds{3000});
    EXPECT_EQ(seen.spacing[2].count(), 0U);
}

TEST_F(BeatLatencyTest, HostsAreToldApart) {
    meter.received(answer(0, 2), 0, at_ms(0));
    meter.received(answer(0, 3), 0, at_ms(250));
    meter.received(answer(0, 2), 0, at_ms(500));
    EXPECT_EQ(meter.seen(at_ms(500)).spacing[0].count(), 1U);
    EXPECT_EQ(meter.seen(at_ms(500)).spacing[0].max(), milliseconds{500});
}

}  // namespace
}  // namespace holdfast
