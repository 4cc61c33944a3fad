// Rules about claims, about what is struck and about whose host this is, that hardly any accident tells apart.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Three hosts, host 1 leads, VM 1 runs on host 2.
struct OneVm {
    MiniCluster cluster{3, 3, kTimingFast};

    OneVm() {
        cluster.run(seconds{3});
        cluster.run_vm(2, 1);
        cluster.run(seconds{3});
        EXPECT_EQ(cluster.leader(), 1);
    }

    void stopped_by_user() {
        cluster.host(2).running.clear();
        cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::ByUser});
        cluster.run(milliseconds{500});
    }

    // The entry of VM 1 in the roster of host `id`, as it lies on the first datastore; null: there is none.
    [[nodiscard]] const Claim* claim_of(int id) {
        for (const Claim& claim : cluster.disks()[0].rosters[id].claims) {
            if (claim.spec.vm == vm_spec(1).vm) return &claim;
        }
        return nullptr;
    }
};

// Why: the greatest number of a VM decides what becomes of it.
TEST(ClaimRule, ANumberIsAboveEveryOneSeen) {
    OneVm vm;
    vm.stopped_by_user();
    ASSERT_NE(vm.claim_of(2), nullptr);
    const ClaimNumber stopped = vm.claim_of(2)->number;
    vm.cluster.send(3, StartAsked{7, vm_spec(1)});
    vm.cluster.run(seconds{1});
    ASSERT_EQ(vm.cluster.host(3).answers.back().verdict, StartVerdict::Allowed);
    ASSERT_NE(vm.claim_of(3), nullptr);
    EXPECT_GT(vm.claim_of(3)->number, stopped);
}

TEST(ClaimRule, AStopTakesANumberOfItsOwn) {
    OneVm vm;
    const ClaimNumber ran = vm.claim_of(2)->number;
    vm.stopped_by_user();
    EXPECT_EQ(vm.claim_of(2)->state, ClaimState::Stopped);
    EXPECT_GT(vm.claim_of(2)->number, ran);
}

// Host 3's claim is in its roster everywhere, and its slot, which would tell of it, reaches one datastore of three.
TEST(ClaimRule, AClaimThatAMinorityAnnouncesIsNoClaim) {
    OneVm vm;
    vm.stopped_by_user();
    vm.cluster.host(3).swallow = [](const Action& action) {
        const auto* write = std::get_if<WriteSlot>(&action);
        return write != nullptr && write->datastore != 0;
    };
    vm.cluster.send(3, StartAsked{7, vm_spec(1)});
    vm.cluster.run(seconds{3});
    EXPECT_TRUE(vm.cluster.host(3).answers.empty()) << vm.cluster.story(3);
    EXPECT_FALSE(vm.cluster.saw(3, TraceCode::ClaimWritten)) << vm.cluster.story(3);
}

// Why: the start may be withdrawn again, or its host die before it is over; then nobody would know of the VM.
TEST(ClaimRule, AWishIsKeptWhileAnotherHostOnlyStarts) {
    OneVm vm;
    vm.cluster.host(3).vm_side_hangs = true;
    for (const int id : {1, 2}) vm.cluster.send(id, CapacityReport{{0, 0, 1}});
    vm.cluster.run(seconds{1});
    vm.cluster.power_off(2);
    vm.cluster.power_on(2);
    vm.cluster.send(2, CapacityReport{{0, 0, 1}});
    vm.cluster.run(seconds{6});
    ASSERT_NE(vm.claim_of(3), nullptr) << vm.cluster.story(1);
    ASSERT_EQ(vm.claim_of(3)->state, ClaimState::Starting) << vm.cluster.story(3);
    vm.cluster.run(seconds{3});
    ASSERT_NE(vm.claim_of(2), nullptr) << vm.cluster.story(2);
    EXPECT_EQ(vm.claim_of(2)->state, ClaimState::WantsStart);
}

// ---- when the lease ends

// Its predecessor's claim, and a call of it that libvirt may still carry out, are in a roster that no datastore shows.
TEST(ClaimRule, NothingIsProvedWithoutThePast) {
    OneVm vm;
    MiniHost& host = vm.cluster.host(2);
    host.running.clear();
    host.disks_hang = true;
    host.net_in = host.net_out = false;
    vm.cluster.restart_agent(2);
    vm.cluster.run(kTimingFast.lease + kTimingFast.watchdog + milliseconds{500});
    EXPECT_EQ(host.engine->phase(), HostPhase::Lapsed) << vm.cluster.story(2);
    EXPECT_NE(host.arming, 0U);
    EXPECT_TRUE(host.reset_asked) << vm.cluster.story(2);
}

// A start that was allowed just before the end shows up when everything else is proved gone.
TEST(ClaimRule, WhatShowsUpAfterALapseIsDestroyed) {
    OneVm vm;
    MiniHost& host = vm.cluster.host(2);
    host.disks_hang = true;
    host.net_in = host.net_out = false;
    vm.cluster.run(seconds{4});
    ASSERT_EQ(host.engine->phase(), HostPhase::Reading) << vm.cluster.story(2);
    ASSERT_EQ(host.destroyed.size(), 1U);
    vm.cluster.run_vm(2, 5);
    vm.cluster.run(milliseconds{500});
    ASSERT_EQ(host.destroyed.size(), 2U) << vm.cluster.story(2);
    EXPECT_EQ(host.destroyed[1].vm, vm_spec(5).vm);
}

TEST(ClaimRule, AHostWhoseIdBelongsToAnotherIsRefused) {
    OneVm vm;
    vm.cluster.power_off(3);
    for (MiniDisk& disk : vm.cluster.disks()) disk.slots[3].host_uuid = uuid_of(1, 99);
    vm.cluster.power_on(3);
    vm.cluster.run(seconds{2});
    EXPECT_EQ(vm.cluster.host(3).engine->phase(), HostPhase::Refused) << vm.cluster.story(3);
    EXPECT_EQ(vm.cluster.disks()[0].slots[3].host_uuid, uuid_of(1, 99)) << "it wrote nothing";
}

TEST(ClaimRule, ARosterThatCannotBeReadIsNotEmpty) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.host(3).swallow = [](const Action& action) {
        const auto* read = std::get_if<ReadRoster>(&action);
        return read != nullptr && read->host == HostId{2};
    };
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{3});
    cluster.send(3, StartAsked{7, vm_spec(1)});
    cluster.run(seconds{10});
    ASSERT_FALSE(cluster.host(3).answers.empty()) << cluster.story(3);
    EXPECT_EQ(cluster.host(3).answers.back().verdict, StartVerdict::Unreadable) << cluster.story(3);
}

}  // namespace
}  // namespace holdfast::testing
