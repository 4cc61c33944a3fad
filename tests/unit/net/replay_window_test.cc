// Each beat once, whatever its copies do; nothing older than the window or the incarnation.
#include "net/replay_window.h"

#include <string>

#include <gtest/gtest.h>

#include "engine/base/limits.h"
#include "tests/unit/net/net_samples.h"

namespace holdfast {
namespace {

constexpr Incarnation kLife{4, 1};

class ReplayWindowTest : public testing::Test {
  protected:
    std::string offer(std::uint64_t number,
                      Incarnation life = kLife,
                      std::uint8_t uuid = 1,
                      HostId host = HostId{5}) {
        const auto reject =
            window_.accept(host, samples::uuid_from(uuid), life, BeatNumber{number});
        return reject ? std::string(to_string(*reject)) : "accepted";
    }

    ReplayWindow window_;
};

TEST_F(ReplayWindowTest, AcceptsEachNumberOnce) {
    for (std::uint64_t number = 1; number <= 200; ++number) {
        EXPECT_EQ(offer(number), "accepted");
        EXPECT_EQ(offer(number), "duplicate");
    }
}

TEST_F(ReplayWindowTest, AcceptsWhatWasOvertakenByUpTo63) {
    EXPECT_EQ(offer(1000), "accepted");
    EXPECT_EQ(offer(1000 - 63), "accepted");
    EXPECT_EQ(offer(1000 - 64), "behind the replay window");
    EXPECT_EQ(offer(1000 - 63), "duplicate");
    EXPECT_EQ(offer(1), "behind the replay window");
    EXPECT_EQ(offer(999), "accepted");
    EXPECT_EQ(offer(999), "duplicate");
}

// Why: shifting a 64-bit word by 64 is undefined; steps around the width are where that would bite.
TEST_F(ReplayWindowTest, ForgetsExactlyWhatFallsOutOfTheWindow) {
    for (const std::uint64_t step : {std::uint64_t{62},
                                     std::uint64_t{63},
                                     std::uint64_t{64},
                                     std::uint64_t{65},
                                     std::uint64_t{1} << 40U}) {
        window_ = ReplayWindow();
        EXPECT_EQ(offer(99), "accepted");
        EXPECT_EQ(offer(100), "accepted");
        EXPECT_EQ(offer(100 + step), "accepted");
        EXPECT_EQ(offer(100), step < 64 ? "duplicate" : "behind the replay window") << step;
        EXPECT_EQ(offer(100 + step - 1), "accepted") << step;
    }
}

TEST_F(ReplayWindowTest, HoldsUpToTheLargestNumber) {
    const std::uint64_t largest = ~std::uint64_t{0};
    EXPECT_EQ(offer(1), "accepted");
    EXPECT_EQ(offer(largest), "accepted");
    EXPECT_EQ(offer(largest), "duplicate");
    EXPECT_EQ(offer(largest - 63), "accepted");
    EXPECT_EQ(offer(2), "behind the replay window");
}

TEST_F(ReplayWindowTest, StartsAfreshWithANewerIncarnationAndDropsTheOlder) {
    EXPECT_EQ(offer(500), "accepted");
    EXPECT_EQ(offer(1, Incarnation{4, 2}), "accepted");
    EXPECT_EQ(offer(501), "older incarnation");
    EXPECT_EQ(offer(1, Incarnation{5, 0}), "accepted");
    EXPECT_EQ(offer(2, Incarnation{4, 2}), "older incarnation");
    EXPECT_EQ(offer(1, Incarnation{5, 0}), "duplicate");
}

TEST_F(ReplayWindowTest, KeepsSendersApart) {
    EXPECT_EQ(offer(7, kLife, 1, HostId{1}), "accepted");
    EXPECT_EQ(offer(7, kLife, 1, HostId{2}), "accepted");
    EXPECT_EQ(offer(7, kLife, 1, HostId{kHostsMax}), "accepted");
    EXPECT_EQ(offer(7, kLife, 1, HostId{1}), "duplicate");
}

// Why: a duplicate host id is a mistake that somebody must be told of; silencing one of the two
// hides it.
TEST_F(ReplayWindowTest, HearsTwoHostsThatWereGivenOneId) {
    EXPECT_EQ(offer(7, Incarnation{4, 1}, 1), "accepted");
    EXPECT_EQ(offer(3, Incarnation{9, 1}, 2), "accepted");
    EXPECT_EQ(offer(8, Incarnation{4, 1}, 1), "accepted");
    EXPECT_EQ(offer(4, Incarnation{9, 1}, 2), "accepted");
    EXPECT_EQ(offer(8, Incarnation{4, 1}, 1), "duplicate");
}

// Why: no rotation of identities may reopen a window that was closed.
TEST_F(ReplayWindowTest, AThirdIdentityNeedsANewerIncarnationAndBarsTheOldest) {
    EXPECT_EQ(offer(1, Incarnation{4, 1}, 1), "accepted");
    EXPECT_EQ(offer(1, Incarnation{5, 1}, 2), "accepted");
    EXPECT_EQ(offer(1, Incarnation{3, 1}, 3), "older incarnation");
    EXPECT_EQ(offer(1, Incarnation{4, 1}, 3), "older incarnation");
    EXPECT_EQ(offer(1, Incarnation{6, 1}, 3), "accepted");
    EXPECT_EQ(offer(2, Incarnation{4, 1}, 1), "older incarnation");
    EXPECT_EQ(offer(2, Incarnation{5, 1}, 2), "accepted");
}

// Documented in the header: what is lost with a restart, and why it may be.
TEST_F(ReplayWindowTest, AnEmptyWindowAcceptsAnOldBeatUntilANewerOneArrives) {
    EXPECT_EQ(offer(10), "accepted");
    window_ = ReplayWindow();
    EXPECT_EQ(offer(10), "accepted");
    EXPECT_EQ(offer(1, Incarnation{5, 0}), "accepted");
    EXPECT_EQ(offer(11), "older incarnation");
}

}  // namespace
}  // namespace holdfast
