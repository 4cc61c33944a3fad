// What the engine asks for at once: bounded by the contract in action.h, and without idle spinning.
#include <gtest/gtest.h>

#include "engine/machine/roster_table.h"
#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Counts the region reads of one datastore that are asked for and never answered.
struct HungReads {
    std::size_t count = 0;

    bool operator()(const Action& action) {
        const auto* roster = std::get_if<ReadRoster>(&action);
        const auto* orders = std::get_if<ReadOrders>(&action);
        const bool hangs = (roster != nullptr && roster->datastore == 0) ||
                           (orders != nullptr && orders->datastore == 0);
        count += hangs ? 1 : 0;
        return hangs;
    }
};

TEST(Traffic, AHungDatastoreIsNeverAskedForMoreRegionsThanItsLoopHasRoomFor) {
    MiniCluster cluster(3, 3, kTimingFast);
    auto starting = std::make_shared<HungReads>();
    cluster.host(3).swallow = [starting](const Action& action) {
        const auto* scan = std::get_if<ScanSlots>(&action);
        return (*starting)(action) || (scan != nullptr && scan->datastore != 0);
    };
    cluster.run(seconds{10});
    EXPECT_LE(starting->count, kRegionReadsInFlightMax) << "while it reads its past";
    cluster.host(3).swallow = nullptr;
    cluster.restart_agent(3);
    cluster.run(seconds{3});
    auto running = std::make_shared<HungReads>();
    cluster.host(3).swallow = [running](const Action& action) { return (*running)(action); };
    for (std::uint8_t i = 1; i <= 30; ++i) {
        cluster.run_vm(2, i);
        cluster.run(milliseconds{300});
        cluster.host(2).running.clear();
        for (int crash = 0; crash < 4; ++crash) {
            cluster.send(2, VmStopped{vm_spec(i).vm, StopCause::Crashed});
            cluster.run(milliseconds{20});
        }
    }
    cluster.run(seconds{10});
    EXPECT_LE(running->count, kRegionReadsInFlightMax) << "while it follows orders";
}

// Why: a new leader reads all rosters before it restarts anything.  A pace of a few hosts a beat would cost it a minute.
TEST(Traffic, TheRostersOfManyHostsAreReadAsFastAsTheyAnswer) {
    EngineConfig config;
    config.self = HostId{1};
    config.timing = kTimingFast;
    for (std::uint16_t i = 1; i <= kHostsMax; ++i) config.members.push(HostId{i});
    config.voters_count = config.datastores_count = 3;
    auto core = std::make_unique<Core>(config, Instant{seconds{100}});
    auto actions = std::make_unique<Actions>();
    core->actions = actions.get();
    PeerTable peers(config);
    RosterTable rosters(config);
    for (const HostId host : config.members) rosters.want(*core, host);
    core->last_request = RequestId{1};
    for (const HostId host : config.members) rosters.want(*core, host);
    std::array<std::size_t, 3> in_flight{};
    for (int round = 0; round < 1000; ++round) {
        actions->clear();
        rosters.issue(*core, peers);
        if (actions->empty()) break;
        in_flight = {};
        for (const Action& action : *actions) {
            const auto& read = std::get<ReadRoster>(action);
            EXPECT_LE(++in_flight[read.datastore], kRegionReadsInFlightMax);
            rosters.take(
                *core,
                {read.datastore, read.request, read.host, RegionReading::Unwritten, nullptr});
        }
    }
    for (std::uint16_t i = 2; i <= kHostsMax; ++i)
        ASSERT_TRUE(rosters.thorough_since(HostId{i}, RequestId{1})) << i;
}

TEST(Traffic, AHostThatLeavesDoesNotSpinAfterItsLease) {
    MiniCluster cluster(1, 1, kTimingFast);
    cluster.run(seconds{2});
    cluster.send(1, ShutdownAsked{true});
    cluster.run(milliseconds{100});
    ASSERT_EQ(cluster.host(1).engine->phase(), HostPhase::Leaving);
    auto actions = std::make_unique<Actions>();
    const Instant later = cluster.now() + seconds{10};
    cluster.host(1).engine->step({later, Tick{}}, *actions);
    EXPECT_GT(cluster.host(1).engine->next_wakeup(), later);
}

// Why: a datastore that refuses at once must not make the engine ask at once again.
TEST(Traffic, WhatFailsAtOnceIsRepeatedWithTheNextBeatAndNotAtOnce) {
    MiniCluster cluster(2, 1, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{2});
    std::size_t asked = 0;
    cluster.host(1).swallow = [&](const Action& action) {
        const auto fail = [&](const decltype(Event::body)& body) {
            ++asked;
            cluster.send(1, body);
            return true;
        };
        if (const auto* w = std::get_if<WriteSlot>(&action))
            return fail(SlotWritten{w->datastore, w->request, IoStatus::Failed});
        if (const auto* r = std::get_if<ScanSlots>(&action))
            return fail(SlotsRead{r->datastore, r->request, IoStatus::Failed, r->first, {}});
        if (const auto* w = std::get_if<WriteRoster>(&action))
            return fail(RosterWritten{w->datastore, w->request, IoStatus::Failed});
        if (const auto* w = std::get_if<WriteOrders>(&action))
            return fail(OrdersWritten{w->datastore, w->request, IoStatus::Failed});
        if (const auto* r = std::get_if<ReadRoster>(&action))
            return fail(
                RosterRead{r->datastore, r->request, r->host, RegionReading::Unusable, nullptr});
        if (const auto* r = std::get_if<ReadOrders>(&action))
            return fail(
                OrdersRead{r->datastore, r->request, r->host, RegionReading::Unusable, nullptr});
        return false;
    };
    cluster.send(1, CapacityReport{{2048, 8, 1}});
    cluster.send(2, CapacityReport{{2048, 8, 1}});
    cluster.run(seconds{10});
    EXPECT_LE(asked, 400U) << "40 beats, ten requests a beat";
}

}  // namespace
}  // namespace holdfast::testing
