// Rules about datastores that hardly any accident tells apart: what counts as done, on how many datastores, and for whom.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

template <typename Kind>
const Kind* on_others_than_first(const Action& action) {
    const auto* what = std::get_if<Kind>(&action);
    return what != nullptr && what->datastore != 0 ? what : nullptr;
}

// Why: a lease that a minority carries is invisible to a verdict read.
TEST(StorageRule, AWriteOnAMinorityRenewsNoLease) {
    MiniCluster cluster(1, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.host(1).swallow = [](const Action& action) {
        return on_others_than_first<WriteSlot>(action) != nullptr;
    };
    cluster.run(seconds{3});
    EXPECT_TRUE(cluster.saw(1, TraceCode::LeaseLapsed)) << cluster.story(1);
}

TEST(StorageRule, AWriteThatFailedIsNotDone) {
    MiniCluster cluster(1, 1, kTimingFast);
    cluster.run(seconds{3});
    cluster.host(1).swallow = [&cluster](const Action& action) {
        const auto* write = std::get_if<WriteSlot>(&action);
        if (write == nullptr) return false;
        cluster.send(1, SlotWritten{write->datastore, write->request, IoStatus::Failed});
        return true;
    };
    cluster.run(seconds{3});
    EXPECT_TRUE(cluster.saw(1, TraceCode::LeaseLapsed)) << cluster.story(1);
}

// Host 2 takes a pill while a write of its is under way; the write is answered when it has begun anew.
TEST(StorageRule, AWriteThatWasUnderWayAtTheEndCountsForNothingAfterIt) {
    MiniCluster cluster(2, 1, kTimingFast);
    cluster.run(seconds{3});
    ASSERT_EQ(cluster.leader(), 1);
    MiniHost& host = cluster.host(2);
    RequestId under_way;
    host.swallow = [&under_way](const Action& action) {
        if (const auto* write = std::get_if<WriteSlot>(&action)) under_way = write->request;
        return std::holds_alternative<WriteSlot>(action);
    };
    while (under_way.is_none()) cluster.run(milliseconds{10});
    Beat pill;
    pill.from = HostId{1};
    pill.to = HostId{2};
    pill.host_uuid = uuid_of(1, 1);
    pill.boot_id = cluster.host(1).config.boot_id;
    pill.incarnation = cluster.host(1).engine->own_slot().incarnation;
    pill.number = BeatNumber{1000};
    pill.epoch = host.engine->epoch();
    pill.winner = {HostId{1}, pill.incarnation};
    pill.pill = host.engine->own_slot().incarnation;
    cluster.step(2, BeatReceived{pill, 0});
    ASSERT_TRUE(cluster.saw(2, TraceCode::PillTaken)) << cluster.story(2);
    cluster.step(2, SlotWritten{0, under_way, IoStatus::Done});
    EXPECT_EQ(host.engine->lease_ends(), kNotYet) << cluster.story(2);
}

// The leader's reads of two of three datastores stop for good before the victim falls silent.
TEST(StorageRule, AVerdictReadIsOneOfAMajority) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    cluster.power_off(2);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    cluster.host(1).net_in = false;  // or it would hear that others read on, and resign
    cluster.host(1).swallow = [](const Action& action) {
        return on_others_than_first<ScanSlots>(action) != nullptr;
    };
    cluster.run(milliseconds{1200});  // less than what is left of its office
    EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
}

// Writes go on, reads stop: without a read nobody knows whether a higher epoch stands there.
TEST(StorageRule, AnOfficeIsNotRenewedWithoutReadingBack) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    cluster.host(1).net_in = false;  // or it would hear that others read on, and resign
    cluster.host(1).swallow = [](const Action& action) {
        return std::holds_alternative<ScanSlots>(action);
    };
    cluster.run(milliseconds{1900});
    EXPECT_FALSE(cluster.host(1).engine->leading(cluster.now())) << cluster.story(1);
}

// Why: what the past wrote and left on a minority must never look newer than what is written now.
TEST(StorageRule, VersionsOfANewIncarnationAreAboveAllOfTheOldOne) {
    MiniCluster cluster(1, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.host(1).swallow = [](const Action& action) {
        return on_others_than_first<WriteRoster>(action) != nullptr ||
               on_others_than_first<WriteSlot>(action) != nullptr;
    };
    for (std::uint8_t vm = 1; vm < 6; ++vm) {  // rosters that reach one datastore only
        cluster.run_vm(1, vm);
        cluster.run(milliseconds{200});
    }
    const Version left_behind = cluster.disks()[0].rosters[1].version;
    ASSERT_GT(left_behind, cluster.disks()[1].rosters[1].version);
    cluster.power_off(1);
    cluster.host(1).swallow = [](const Action& action) {  // the first datastore is away by now
        const auto* scan = std::get_if<ScanSlots>(&action);
        const auto* read = std::get_if<ReadRoster>(&action);
        return (scan != nullptr && scan->datastore == 0) ||
               (read != nullptr && read->datastore == 0);
    };
    cluster.power_on(1);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.host(1).engine->phase(), HostPhase::Member) << cluster.story(1);
    EXPECT_GT(cluster.disks()[1].rosters[1].version, left_behind);
}

}  // namespace
}  // namespace holdfast::testing
