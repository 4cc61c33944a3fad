// A stop and a start that did not see each other: they take the same number, and the stop decides (design section 9).
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Three hosts, host 1 leads, VM 1 runs on host `runs` under claim 1.
struct Tie {
    MiniCluster cluster{3, 3, kTimingFast};
    int runs;

    explicit Tie(int where) : runs(where) {
        cluster.run(seconds{3});
        EXPECT_EQ(cluster.leader(), 1);
        cluster.run_vm(runs, 1);
        cluster.run(seconds{2});
        EXPECT_EQ(claim_of(runs).number, ClaimNumber{1});
    }

    [[nodiscard]] int other() const { return 5 - runs; }

    // The entry of VM 1 in the roster of host `id`, as it lies on the first datastore.
    [[nodiscard]] Claim claim_of(int id) {
        for (const Claim& claim : cluster.disks()[0].rosters[id].claims) {
            if (claim.spec.vm == vm_spec(1).vm) return claim;
        }
        return {};
    }

    void stop() {
        cluster.host(runs).running.clear();
        cluster.send(runs, VmStopped{vm_spec(1).vm, StopCause::ByUser});
        cluster.run(milliseconds{500});
        EXPECT_EQ(claim_of(runs).state, ClaimState::Stopped) << cluster.story(runs);
    }

    // A person starts the VM on the other host, which goes blind before its scan; the VM is stopped on its own meanwhile.
    void start_blindly_and_stop() {
        cluster.host(runs).swallow = [this](const Action& action) {
            const auto* read = std::get_if<ReadRoster>(&action);
            return read != nullptr && read->host.value() == other();
        };
        bool claims = false;
        cluster.host(other()).swallow = [claims](const Action& action) mutable {
            claims = claims || is<WriteRoster>(action);
            return claims && is<ScanSlots>(action);
        };
        cluster.send(other(), StartAsked{7, vm_spec(1)});
        cluster.run(milliseconds{200});
        EXPECT_EQ(claim_of(other()).state, ClaimState::Starting) << cluster.story(other());
        stop();
        EXPECT_EQ(claim_of(other()).number, claim_of(runs).number);
    }

    // The other host boots: what it had claimed is a wish now.
    void reboot() {
        cluster.power_off(other());
        cluster.host(other()).swallow = nullptr;
        cluster.power_on(other());
    }
};

TEST(Tie, AWishWithTheNumberOfAStopRaisesNoVm) {
    for (const int where : {2, 3}) {
        Tie tie(where);
        tie.start_blindly_and_stop();
        tie.reboot();
        tie.cluster.run(seconds{20});
        EXPECT_EQ(tie.claim_of(tie.other()).state, ClaimState::WantsStart) << where;
        EXPECT_EQ(tie.cluster.runs_on(1), 0) << tie.cluster.story(1);
    }
}

// The leader knew of the wish and not of the stop.
TEST(Tie, AnOrderForSuchAWishIsNotExecuted) {
    for (const int target : {2, 3}) {
        Tie tie(3);
        MiniCluster& cluster = tie.cluster;
        tie.start_blindly_and_stop();
        tie.reboot();
        cluster.run(seconds{3});
        ASSERT_EQ(cluster.host(2).engine->phase(), HostPhase::Member) << cluster.story(2);
        auto orders = std::make_unique<Orders>(cluster.host(1).engine->own_orders());
        orders->leader = HostId{1};
        orders->incarnation = cluster.host(1).engine->own_slot().incarnation;
        orders->epoch = cluster.host(1).engine->epoch();
        orders->version = Version{~std::uint64_t{0} >> 1U};
        const HostId to{static_cast<std::uint16_t>(target)};
        orders->orders.push({OrderNumber{77}, to, vm_spec(1), tie.claim_of(2).number, 1, {}});
        cluster.step(target,
                     OrdersRead{0, RequestId{}, HostId{1}, RegionReading::Valid, orders.get()});
        cluster.run(seconds{3});
        EXPECT_EQ(cluster.saw(target, TraceCode::OrderTaken), target == 2);
        EXPECT_FALSE(cluster.saw(target, TraceCode::VmCreated)) << cluster.story(target);
    }
}

// Why: the person was told that it is not started, and nobody knows whether it had been stopped meanwhile (seed 2224).
TEST(Tie, AStartThatTheLeaseOvertookLeavesNoWish) {
    Tie tie(2);
    tie.stop();
    MiniHost& host = tie.cluster.host(3);
    bool claims = false;
    std::vector<WriteSlot> under_way;
    std::vector<ScanSlots> scans;
    host.swallow = [&claims, &under_way, &scans](const Action& action) {
        claims = claims || is<WriteRoster>(action);
        const auto* write = std::get_if<WriteSlot>(&action);
        if (claims && write != nullptr) under_way.push_back(*write);
        const auto* scan = std::get_if<ScanSlots>(&action);
        if (claims && scan != nullptr) scans.push_back(*scan);
        return claims && (scan != nullptr || write != nullptr);
    };
    host.net_in = host.net_out = false;
    tie.cluster.send(3, StartAsked{7, vm_spec(1)});
    tie.cluster.run(kTimingFast.lease + kTimingFast.interval);
    ASSERT_TRUE(tie.cluster.saw(3, TraceCode::LeaseLapsed)) << tie.cluster.story(3);
    ASSERT_EQ(host.answers.size(), 1U);
    EXPECT_EQ(host.answers[0].verdict, StartVerdict::NoLease);
    EXPECT_EQ(tie.claim_of(3).state, ClaimState::Starting);
    host.swallow = nullptr;
    for (const WriteSlot& write : under_way)
        tie.cluster.send(3, SlotWritten{write.datastore, write.request, IoStatus::Failed});
    for (const ScanSlots& scan : scans)
        tie.cluster.send(3,
                         SlotsRead{scan.datastore, scan.request, IoStatus::Failed, HostId{1}, {}});
    host.net_in = host.net_out = true;
    tie.cluster.run(seconds{20});
    EXPECT_EQ(tie.cluster.runs_on(1), 0) << tie.cluster.story(1) << tie.cluster.story(3);
}

}  // namespace
}  // namespace holdfast::testing
