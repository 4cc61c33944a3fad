// The simulated hardware: clocks, the keeper with its watchdog, and what lies on a datastore.
#include <gtest/gtest.h>

#include "tests/sim/test/moments.h"
#include "tests/sim/world/agenda.h"
#include "tests/sim/world/alarms.h"
#include "tests/sim/world/keeper.h"
#include "tests/sim/world/medium.h"

namespace holdfast::sim {
namespace {

constexpr Instant shows(std::int64_t millis) {
    return Instant{milliseconds{millis}};
}

// ---- alarms

TEST(Alarms, ShowTheEarliestAndOfSeveralAtOneTimeTheLowestHost) {
    Alarms alarms(5);
    EXPECT_EQ(alarms.next_at(), kWorldNever);
    alarms.set(HostId{4}, at(30));
    alarms.set(HostId{2}, at(40));
    EXPECT_EQ(alarms.next_at(), at(30));
    EXPECT_EQ(alarms.next(), HostId{4});
    alarms.advance(HostId{2}, at(30));
    EXPECT_EQ(alarms.next(), HostId{2});
    alarms.advance(HostId{2}, at(50));  // no later than it is
    EXPECT_EQ(alarms.next(), HostId{2});
    alarms.set(HostId{2}, kWorldNever);
    alarms.set(HostId{4}, at(60));
    alarms.set(HostId{5}, at(55));
    EXPECT_EQ(alarms.next(), HostId{5});
}

// ---- clocks

TEST(HostClock, RunsUpToOnePercentFastOrSlow) {
    const HostClock fast(at(0), shows(5000), 10'000);
    const HostClock slow(at(0), shows(5000), -10'000);
    EXPECT_EQ(fast.read(at(10'000)), shows(15'100));
    EXPECT_EQ(slow.read(at(10'000)), shows(14'900));
}

TEST(HostClock, TellsWhenItWillShowSomething) {
    for (const std::int64_t drift : {-10'000, -77, 0, 3, 10'000}) {
        const HostClock clock(at(300), shows(5000), drift);
        for (const std::int64_t millis : {5000, 5001, 7777, 900'000}) {
            const WorldTime when = clock.when(shows(millis));
            EXPECT_GE(clock.read(when), shows(millis));
            EXPECT_LT(clock.read(when - nanoseconds{3}), shows(millis));
        }
    }
}

TEST(HostClock, RemembersWhenItShowedSomethingAcrossChangesOfRate) {
    HostClock clock(at(0), shows(0), 10'000);
    clock.set_drift(at(10'000), -10'000);
    EXPECT_EQ(clock.when(shows(5'050)), at(5'000));
    EXPECT_EQ(clock.read(at(20'000)), shows(20'000));
}

TEST(Agenda, KeepsTheOrderOfWhatIsDueAtOneTime) {
    Agenda agenda;
    agenda.put(at(5), Wake::IoDone, 1, 10);
    agenda.put(at(3), Wake::IoDone, 1, 11);
    agenda.put(at(5), Wake::IoDone, 1, 12);
    EXPECT_EQ(agenda.take().index, 11U);
    EXPECT_EQ(agenda.take().index, 10U);
    EXPECT_EQ(agenda.take().index, 12U);
    EXPECT_EQ(agenda.next_at(), kWorldNever);
}

// ---- the keeper

struct KeeperTest : testing::Test {
    HostClock clock{at(0), shows(0), 0};
    Keeper keeper;

    void SetUp() override {
        keeper.start(at(0), seconds{1}, WatchdogClass::Hardware, 0);
        keeper.arm(at(0), clock, 1, shows(2000));
    }
};

TEST_F(KeeperTest, FiresBetweenThreeQuartersOfAndOneWatchdogAfterTheDeadline) {
    const WorldTime fires = keeper.fires_at(clock);
    EXPECT_GE(fires, at(2750));
    EXPECT_LE(fires, at(3000));
}

TEST_F(KeeperTest, FiresNeverMoreThanTwoWatchdogsAfterTheDeadline) {
    keeper.set_late_feed(seconds{5});
    EXPECT_GT(keeper.fires_at(clock), at(3500));
    EXPECT_LE(keeper.fires_at(clock), at(4000));
}

TEST_F(KeeperTest, GoesOnWhenTheDeadlineMovesInTime) {
    keeper.move_deadline(at(1500), clock, shows(9000));
    EXPECT_GE(keeper.fires_at(clock), at(9750));
}

TEST_F(KeeperTest, FeedsAgainAfterAProofThatComesBeforeTheWatchdogFires) {
    keeper.disarm(at(2600), clock);
    EXPECT_EQ(keeper.fires_at(clock), kWorldNever);
    EXPECT_FALSE(keeper.armed());
}

TEST_F(KeeperTest, OfAFrozenHostFiresWithoutADeadlineToo) {
    keeper.disarm(at(100), clock);
    keeper.freeze(at(500), clock);
    EXPECT_LE(keeper.fires_at(clock), at(1500));
    keeper.thaw(at(900), clock);
    EXPECT_EQ(keeper.fires_at(clock), kWorldNever);
}

TEST(Keeper, WithoutAWatchdogNeverFires) {
    const HostClock clock(at(0), shows(0), 0);
    Keeper keeper;
    keeper.start(at(0), seconds{1}, WatchdogClass::None, 0);
    keeper.arm(at(0), clock, 1, shows(2000));
    keeper.freeze(at(10), clock);
    EXPECT_EQ(keeper.fires_at(clock), kWorldNever);
}

// ---- the medium

struct MediumTest : testing::Test {
    ClusterConfig config;
    SharedPool<Roster> rosters;
    SharedPool<Orders> orders;
    SharedPool<ConfigCopy> configs;

    MediumTest() { config.hosts.resize(2); }

    static SlotRecord slot(std::uint64_t sequence) {
        SlotRecord record;
        record.host = HostId{1};
        record.incarnation = Incarnation{1, 1};
        record.sequence = Sequence{sequence};
        return record;
    }

    static void write(Medium& medium, std::uint64_t sequence) {
        medium.write_slot(slot(sequence), medium.slot_copy(slot(sequence)));
    }
};

TEST_F(MediumTest, ShowsTheNewerValidCopy) {
    Medium medium(config, rosters, orders, configs);
    EXPECT_EQ(medium.views()[0].reading, SlotReading::Unwritten);
    write(medium, 4);
    write(medium, 5);
    ASSERT_EQ(medium.views()[0].reading, SlotReading::Valid);
    EXPECT_EQ(medium.views()[0].record.sequence, Sequence{5});
    EXPECT_EQ(medium.views()[1].reading, SlotReading::Unwritten);
}

TEST_F(MediumTest, LosesNothingButTheTornWriteItself) {
    Medium medium(config, rosters, orders, configs);
    write(medium, 4);
    write(medium, 6);  // sequence 5 never came here
    medium.tear_slot(HostId{1}, medium.slot_copy(slot(8)));
    ASSERT_EQ(medium.views()[0].reading, SlotReading::Valid);
    EXPECT_EQ(medium.views()[0].record.sequence, Sequence{6});
}

TEST_F(MediumTest, ByParityLosesTheWriteBeforeTheTornOneToo) {
    config.copies_by_parity = true;
    Medium medium(config, rosters, orders, configs);
    write(medium, 4);
    write(medium, 6);
    medium.tear_slot(HostId{1}, medium.slot_copy(slot(8)));
    EXPECT_EQ(medium.views()[0].reading, SlotReading::Unusable);
}

TEST_F(MediumTest, GivesTheBlocksOfOverwrittenRegionsBack) {
    Medium medium(config, rosters, orders, configs);
    for (std::uint64_t version = 1; version <= 9; ++version) {
        const std::uint32_t block = rosters.take();
        EXPECT_LT(block, 3U);
        const std::size_t copy = medium.region_copy(RegionKind::Roster, HostId{1}, version);
        medium.write_region(RegionKind::Roster, HostId{1}, version, copy, block);
        EXPECT_EQ(medium.view(RegionKind::Roster, HostId{1}).block, block);
    }
}

}  // namespace
}  // namespace holdfast::sim
