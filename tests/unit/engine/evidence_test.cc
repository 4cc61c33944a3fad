// What counts as evidence of a host, and what of its death must stand in the orders.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

constexpr int kGhosts = 70;

// Hosts 1 and 2 live; hosts 3 to 72 exist on the datastores alone, each with one VM, and never move.
struct Crowd : MiniCluster {
    Crowd() : MiniCluster(2, 1, kTimingFast) {
        for (int id = 3; id < 3 + kGhosts; ++id) leave_traces(id);
        for (const int id : {1, 2}) {
            power_off(id);
            host(id).adjust = [](EngineConfig& config) {
                config.blackout_limit =
                    seconds{1};  // until the voice of a host counts that few answer
                config.members.clear();
                for (int member = 1; member < 3 + kGhosts; ++member)
                    config.members.push(HostId{static_cast<std::uint16_t>(member)});
            };
            host(id).swallow = &is_to_a_ghost;
            power_on(id);
            send(id, CapacityReport{{1 << 20, 64, 1}});
        }
    }

    [[nodiscard]] static bool is_to_a_ghost(const Action& action) {
        const auto* beat = std::get_if<SendBeat>(&action);
        return beat != nullptr && beat->beat.to > HostId{2};
    }

    void leave_traces(int id) {
        const auto number = static_cast<std::uint8_t>(id);
        SlotRecord slot;
        slot.host = HostId{number};
        slot.host_uuid = uuid_of(1, number);
        slot.boot_id = uuid_of(3, number);
        slot.incarnation = Incarnation{1, 1};
        slot.sequence = Sequence{9};
        slot.lease = kTimingFast.lease;
        slot.watchdog = kTimingFast.watchdog;
        slot.interval = kTimingFast.interval;
        slot.watchdog_class = WatchdogClass::Hardware;
        slot.flags.armed = true;
        slot.roster_version = Version{7};
        Roster roster;
        roster.host = slot.host;
        roster.incarnation = slot.incarnation;
        roster.boot_id = slot.boot_id;
        roster.version = slot.roster_version;
        Claim claim;
        claim.spec = vm_spec(number);
        claim.number = ClaimNumber{1};
        claim.state = ClaimState::Running;
        roster.claims.push(claim);
        disks()[0].slots[id] = slot;
        disks()[0].rosters[id] = roster;
    }
};

TEST(Evidence, MoreDeathsThanCertificatesFitAndEveryVmRunsAgain) {
    static_assert(kGhosts > static_cast<int>(kCertificatesMax));
    Crowd cluster;
    bool certified = true;
    for (const int id : {1, 2}) {
        cluster.host(id).swallow = [&cluster, &certified, id](const Action& action) {
            if (!std::holds_alternative<WriteOrders>(action)) return Crowd::is_to_a_ghost(action);
            // Each order on disk has what it rests on beside it.
            const Orders& orders = cluster.host(id).engine->own_orders();
            for (const Order& order : orders.orders) {
                bool found = false;
                for (const Certificate& certificate : orders.certificates)
                    found = found || certificate.dead == order.previous;
                certified = certified && found;
            }
            return false;
        };
    }
    cluster.run(seconds{60});
    int running = 0;
    for (int id = 3; id < 3 + kGhosts; ++id)
        running += cluster.runs_on(static_cast<std::uint8_t>(id)) > 0 ? 1 : 0;
    EXPECT_EQ(running, kGhosts);
    EXPECT_TRUE(certified);
}

struct WitnessCluster : MiniCluster {
    WitnessCluster() : MiniCluster(3, 3, kTimingFast) {
        run(seconds{3});
        run_vm(2, 1);
        run(seconds{3});
        EXPECT_EQ(leader(), 1);
    }
};

// Why: the agent may have come back and claimed, and its slot be on a minority that is read late.
TEST(Evidence, ARosterOfANewerIncarnationIsASignOfLife) {
    WitnessCluster cluster;
    cluster.power_off(2);
    cluster.run(seconds{4});
    Roster roster = cluster.disks()[0].rosters[2];
    roster.incarnation = Incarnation{roster.incarnation.boot(), roster.incarnation.restart() + 1};
    roster.version = Version{roster.version.value() + 1000};
    cluster.step(1, RosterRead{0, RequestId{}, HostId{2}, RegionReading::Valid, &roster});
    cluster.run(seconds{4});
    EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
    cluster.run(seconds{3});
    EXPECT_TRUE(cluster.saw(1, TraceCode::DeclaredDead)) << "the silence counts from then on";
}

TEST(Evidence, AnOlderRosterIsNeverTakenForTheNewest) {
    WitnessCluster cluster;
    Roster roster = cluster.disks()[0].rosters[2];
    ASSERT_EQ(roster.claims.size(), 1U);
    // As read before the VM was claimed: late, from a datastore that lags behind.
    roster.claims.clear();
    roster.version = Version{roster.version.value() - 1};
    cluster.step(1, RosterRead{0, RequestId{}, HostId{2}, RegionReading::Valid, &roster});
    cluster.step(1, StartAsked{7, vm_spec(1)});
    cluster.run(seconds{1});
    EXPECT_EQ(cluster.host(1).answers.back().verdict, StartVerdict::RunsElsewhere);
}

}  // namespace
}  // namespace holdfast::testing
