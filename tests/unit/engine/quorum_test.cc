// What a majority is, also while the list of voting datastores changes.
#include "engine/machine/quorum.h"

#include <array>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Quorum, IsMoreThanHalfOfTheConfiguredVoters) {
    const Quorum three{VoterSet::first(3)};
    EXPECT_FALSE(three.holds(0b001));
    EXPECT_TRUE(three.holds(0b011));
    EXPECT_TRUE(three.holds(0b101));
    EXPECT_FALSE(three.holds(0b1001)) << "the fourth has no vote";
    const Quorum four{VoterSet::first(4)};
    EXPECT_FALSE(four.holds(0b0011));
    EXPECT_TRUE(four.holds(0b0111));
}

// Why: a voter that this host's file does not name must not make the majority smaller.
TEST(Quorum, AVoterThatIsNotAtHandCountsAmongThem) {
    const Quorum quorum{VoterSet{0b011, 3}};
    EXPECT_FALSE(quorum.holds(0b001));
    EXPECT_TRUE(quorum.holds(0b011));
    const Quorum hardly{VoterSet{0b001, 3}};
    EXPECT_FALSE(hardly.holds(0b111));
}

// Why: one host may still read by the old list while another writes by the new one.
TEST(Quorum, WhileTheListChangesItNeedsAMajorityOfBoth) {
    Quorum quorum{VoterSet::first(3)};
    quorum.begin_change(
        {0b1011, 3});  // datastore 2 is replaced by datastore 3: two steps in one, for the test
    EXPECT_TRUE(quorum.changing());
    EXPECT_FALSE(quorum.holds(0b0101)) << "one of the new list";
    EXPECT_FALSE(quorum.holds(0b1010)) << "one of the old list";
    EXPECT_TRUE(quorum.holds(0b0011));
    EXPECT_TRUE(quorum.holds(0b1111));
    EXPECT_TRUE(quorum.votes(2));
    quorum.end_change();
    EXPECT_FALSE(quorum.votes(2));
    EXPECT_TRUE(quorum.holds(0b1010));
}

TEST(Quorum, WhatAMajorityReachesIsTheLesserOfBothLists) {
    const std::array<Sequence, 4> written{Sequence{7}, Sequence{5}, Sequence{9}, Sequence{1}};
    const auto get = [&written](std::size_t d) { return written[d]; };
    Quorum quorum{VoterSet::first(3)};
    EXPECT_EQ(quorum.reached<Sequence>(get), Sequence{7});
    quorum.begin_change({0b1011, 3});
    EXPECT_EQ(quorum.reached<Sequence>(get), Sequence{5});
    quorum.end_change();
    EXPECT_EQ(quorum.reached<Sequence>(get), Sequence{5});
    const Quorum absent{VoterSet{0b1, 3}};
    EXPECT_EQ(absent.reached<Instant>([](std::size_t) { return Instant{}; }), kNotYet);
}

}  // namespace
}  // namespace holdfast
