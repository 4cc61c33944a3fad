// A host's lives: what a new incarnation may use, and when.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Why: a boot that beats and dies before its number is on a majority is followed by one that chooses the same number, and old
// answers would renew the new one's lease.
TEST(Incarnation, TheFirstOfABootBeatsOnlyOnceAMajorityHoldsIt) {
    MiniCluster cluster(3, 3, kTimingFast);
    bool beats = false;
    cluster.host(2).swallow = [&beats](const Action& action) {
        beats = beats || is<SendBeat>(action);
        const auto* write = std::get_if<WriteSlot>(&action);
        return write != nullptr && write->datastore != 0;
    };
    cluster.run(seconds{5});
    EXPECT_FALSE(beats);
    EXPECT_EQ(cluster.host(2).engine->phase(), HostPhase::Writing);
    cluster.restart_agent(2);
    cluster.run(seconds{2});
    EXPECT_FALSE(beats) << "its predecessor's number was never on a majority either";
    cluster.host(2).swallow = nullptr;
    cluster.restart_agent(2);
    cluster.run(seconds{2});
    EXPECT_EQ(cluster.host(2).engine->phase(), HostPhase::Member);
}

TEST(Incarnation, AnAgentThatRestartsWithinABootBeatsAtOnceAlsoWithoutStorage) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.host(2).disks_hang = true;
    bool beats = false;
    cluster.host(2).swallow = [&beats](const Action& action) {
        beats = beats || is<SendBeat>(action);
        return false;
    };
    cluster.restart_agent(2);
    cluster.run(milliseconds{100});
    EXPECT_TRUE(beats);
}

// Why: what was answered while the host was destroying its VMs was said to an incarnation whose lease had run out.
TEST(Incarnation, ANewOneInheritsNoAnswersAndNoWrites) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{3});
    MiniHost& host = cluster.host(2);
    host.vm_side_hangs = host.disks_hang = true;
    host.net_in = false;
    cluster.run(seconds{3});
    ASSERT_EQ(host.engine->phase(), HostPhase::Lapsed);
    host.net_in = true;
    host.swallow = [](const Action& action) { return is<PersistIncarnation>(action); };
    cluster.run(seconds{1});
    host.running.clear();
    cluster.step(2, VmGone{vm_spec(1).vm});
    cluster.run(milliseconds{100});
    EXPECT_EQ(host.engine->phase(), HostPhase::Reading);
    EXPECT_EQ(host.engine->lease_ends(), kNotYet);
}

TEST(Incarnation, OwnSlotAndRosterAreReadFromAMajorityBeforeAnythingIsWritten) {
    for (const bool hide_slots : {true, false}) {
        MiniCluster cluster(1, 3, kTimingFast);
        bool wrote = false;
        cluster.host(1).swallow = [&wrote, hide_slots](const Action& action) {
            wrote = wrote || is<WriteSlot>(action) || is<WriteRoster>(action);
            const auto* scan = std::get_if<ScanSlots>(&action);
            const auto* read = std::get_if<ReadRoster>(&action);
            return hide_slots ? scan != nullptr && scan->datastore != 0
                              : read != nullptr && read->datastore != 0;
        };
        cluster.run(seconds{5});
        EXPECT_FALSE(wrote) << hide_slots;
    }
}

TEST(Incarnation, EveryBootAndEveryStartOfAnAgentTakesAGreaterOne) {
    MiniCluster cluster(1, 3, kTimingFast);
    Incarnation last;
    for (int round = 0; round < 6; ++round) {
        if (round % 3 == 0) {
            cluster.power_off(1);
            cluster.power_on(1);
        } else {
            cluster.restart_agent(1);
        }
        cluster.run(seconds{2});
        const Incarnation now = cluster.host(1).engine->own_slot().incarnation;
        EXPECT_GT(now, last) << round;
        last = now;
    }
}

}  // namespace
}  // namespace holdfast::testing
