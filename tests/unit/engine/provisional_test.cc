// The slot of a boot that ended before its number was on a majority: the next boot may not know of it, and takes the same number
// or a lower one.  So nobody takes it for a newer life, and what it hides counts for nothing.
#include <gtest/gtest.h>

#include "engine/machine/peer_table.h"
#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

bool writes_a_slot(const Action& action, bool (*where)(DatastoreIndex)) {
    const auto* write = std::get_if<WriteSlot>(&action);
    return write != nullptr && where(write->datastore);
}

bool is_first_datastore(DatastoreIndex datastore) {
    return datastore == 0;
}

bool is_other_datastore(DatastoreIndex datastore) {
    return datastore != 0;
}

// Host 2 has been a member; two boots of it reached datastore 1 alone; its present one has never seen that datastore.
struct GhostCluster : MiniCluster {
    GhostCluster() : MiniCluster(3, 3, kTimingFast) {
        run(seconds{3});
        EXPECT_EQ(leader(), 1);
        for (const int boot : {2, 3}) {
            power_off(2);
            host(2).swallow = [](const Action& action) {
                return writes_a_slot(action, is_other_datastore);
            };
            power_on(2);
            run(seconds{2});
            EXPECT_EQ(disks()[0].slots[2].incarnation.boot(), static_cast<std::uint32_t>(boot));
        }
        power_off(2);
        host(2).swallow = [this](const Action& action) {
            const auto* scan = std::get_if<ScanSlots>(&action);
            const auto* write = std::get_if<WriteSlot>(&action);
            if (write != nullptr && write->datastore == 0) under_way = write->request;
            return writes_a_slot(action, is_first_datastore) ||
                   (scan != nullptr && scan->datastore == 0);
        };
        power_on(2);
        run(seconds{4});
        EXPECT_EQ(host(2).engine->phase(), HostPhase::Member) << story(2);
        EXPECT_EQ(host(2).engine->own_slot().incarnation, (Incarnation{2, 1}));
    }

    RequestId under_way;  // host 2's write on datastore 1
};

// Why: the leader took it for a newer boot, which proves the death of the one that runs VMs (seed 6012).
TEST(Provisional, IsNoNewerBoot) {
    GhostCluster cluster;
    cluster.run_vm(2, 1);
    cluster.run(seconds{2});
    ASSERT_EQ(cluster.runs_on(1), 2);
    // Whoever starts now reads the old slot first.
    cluster.restart_agent(1);
    cluster.restart_agent(3);
    cluster.run(seconds{20});
    EXPECT_EQ(cluster.runs_on(1), 2) << cluster.story(1) << cluster.story(3);
    EXPECT_EQ(cluster.host(2).engine->phase(), HostPhase::Member) << cluster.story(2);
}

// Why: the newer slot stays in front of what is written beside it, so the reader of a verdict sees nothing of this host.
TEST(Provisional, WhatItHidesRenewsNoLease) {
    GhostCluster cluster;
    MiniHost& host = cluster.host(2);
    host.net_in = host.net_out = false;
    host.swallow = [&cluster](const Action& action) {
        const auto* write = std::get_if<WriteSlot>(&action);
        if (write == nullptr || write->datastore == 1) return false;
        // Datastore 1 takes the write into its older copy; datastore 3 hangs.
        if (write->datastore == 0) cluster.send(2, SlotWritten{0, write->request, IoStatus::Done});
        return true;
    };
    cluster.send(2, SlotWritten{0, cluster.under_way, IoStatus::Done});
    cluster.run(kTimingFast.lease + kTimingFast.interval);
    EXPECT_TRUE(cluster.saw(2, TraceCode::LeaseLapsed)) << cluster.story(2);
}

// Why: it would say its last word under a number that its next boot takes again, and the two would vote twice (seed 572).
TEST(Provisional, WhoIsToldToGoBeforeItsNumberIsHeldWritesNoMore) {
    MiniCluster cluster(3, 3, kTimingFast);
    int written_count = 0;
    cluster.host(2).swallow = [&written_count](const Action& action) {
        if (std::holds_alternative<WriteSlot>(action) ||
            std::holds_alternative<WriteRoster>(action))
            ++written_count;
        return writes_a_slot(action, is_other_datastore);
    };
    cluster.run(seconds{2});
    ASSERT_EQ(cluster.host(2).engine->phase(), HostPhase::Writing);
    ASSERT_TRUE(cluster.disks()[0].slots[2].flags.provisional);
    cluster.send(2, ShutdownAsked{true});
    cluster.run(milliseconds{10});
    ASSERT_EQ(cluster.host(2).engine->phase(), HostPhase::Leaving);
    written_count = 0;
    cluster.run(seconds{2});
    EXPECT_EQ(written_count, 0);
    EXPECT_FALSE(cluster.disks()[0].slots[2].flags.clean_shutdown);
}

// Why: another reader may find it announced, and a roster that nobody looks for hides a claim.
TEST(Provisional, LeavesNoRegionBehind) {
    MiniCluster cluster(3, 3, kTimingFast);
    bool wrote = false;
    cluster.host(2).swallow = [&wrote](const Action& action) {
        wrote = wrote || std::holds_alternative<WriteRoster>(action) ||
                std::holds_alternative<WriteConfig>(action);
        return writes_a_slot(action, is_other_datastore);
    };
    cluster.run(seconds{2});
    EXPECT_EQ(cluster.host(2).engine->phase(), HostPhase::Writing);
    EXPECT_FALSE(wrote);
}

// Why: a write that was done may be hidden by a slot that lands late, so what a datastore has taken is not what a reader finds.
TEST(Provisional, WhatItTurnsOutToHideCountsNoMore) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    MiniHost& host = cluster.host(2);
    ASSERT_EQ(host.engine->phase(), HostPhase::Member);
    host.net_in = host.net_out = false;
    SlotRecord late = cluster.disks()[0].slots[2];
    late.incarnation = Incarnation{7, 1};
    late.boot_id = uuid_of(2, 99);
    late.flags.provisional = true;
    // Datastore 1 takes every write beside the late slot, datastore 2 keeps one back, datastore 3 hangs.
    RequestId kept_back;
    host.swallow = [&](const Action& action) {
        const auto* write = std::get_if<WriteSlot>(&action);
        if (write == nullptr) return false;
        if (write->datastore == 0) {
            cluster.send(2, SlotWritten{0, write->request, IoStatus::Done});
        } else if (write->datastore == 1) {
            kept_back = write->request;
        }
        return true;
    };
    while (kept_back.is_none()) cluster.run(milliseconds{10});
    cluster.disks()[0].slots[2] = late;
    cluster.run(kTimingFast.interval * 2);
    const Instant ends = host.engine->lease_ends();
    cluster.step(2, SlotWritten{1, kept_back, IoStatus::Done});
    EXPECT_EQ(host.engine->lease_ends(), ends) << cluster.story(2);
}

// Why: the last slots of the life that ran VMs are overwritten, and whoever starts now never saw that it was armed (seed 2703).
TEST(Provisional, SpeaksForTheLifeThatItHides) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.blackout_limit = seconds{1};  // or whoever starts anew is barred for minutes
    for (const int id : {1, 2, 3}) {
        cluster.power_off(id);
        cluster.power_on(id);
    }
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{2});
    cluster.power_off(2);
    cluster.host(2).swallow = [](const Action& action) { return is<PersistIncarnation>(action); };
    cluster.power_on(2);
    for (const int id : {1, 3}) cluster.power_off(id);
    cluster.run(seconds{1});
    for (const MiniDisk& disk : cluster.disks()) {
        const SlotFlags& flags = disk.slots.at(2).flags;
        ASSERT_TRUE(flags.provisional) << cluster.story(2);
        EXPECT_TRUE(flags.armed) << "as the life before was";
        EXPECT_FALSE(flags.no_vms) << "it had one";
    }
    cluster.power_off(2);
    for (const int id : {1, 3}) cluster.power_on(id);
    cluster.run(seconds{40});
    EXPECT_NE(cluster.runs_on(1), 0) << cluster.story(1) << cluster.story(3);
}

TEST(Provisional, ItsRegistersAreTheOwnersWordAllTheSame) {
    EngineConfig config;
    config.self = HostId{1};
    config.members.push(HostId{1});
    config.members.push(HostId{2});
    const Core core(config, Instant{seconds{100}});
    SlotRecord old;
    old.host = HostId{2};
    old.incarnation = Incarnation{1, 1};
    old.sequence = Sequence{9};
    old.ballot = Ballot{Epoch{3}, BallotNumber{5}, {}, {}};
    SlotRecord provisional = old;
    provisional.incarnation = Incarnation{2, 1};
    provisional.sequence = Sequence{1};
    provisional.flags.provisional = true;
    provisional.flags.armed = true;  // as the life before
    provisional.flags.clean_shutdown = true;
    provisional.ballot = Ballot{Epoch{3}, BallotNumber{7}, BallotNumber{7}, {HostId{3}, {}}};
    provisional.roster_version = Version{4};
    for (const bool old_first : {true, false}) {
        PeerTable peers(config);
        if (old_first) peers.learn_slot(core, old);
        EXPECT_TRUE(peers.learn_provisional(core, provisional));
        EXPECT_EQ(peers.learn_slot(core, old), !old_first);
        const Peer& peer = *peers.find(HostId{2});
        EXPECT_EQ(peer.incarnation, old.incarnation);
        EXPECT_EQ(peer.slot.incarnation, old.incarnation);
        EXPECT_EQ(peer.slot.ballot, provisional.ballot) << old_first;
        EXPECT_EQ(peer.slot.roster_version, Version{4});
        EXPECT_FALSE(peer.slot.flags.clean_shutdown) << "that is the new life's word";
    }
}

}  // namespace
}  // namespace holdfast::testing
