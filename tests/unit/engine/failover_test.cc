// The engine's story in its shortest form: what must happen, and what must not.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

TEST(Failover, OneLeaderIsElectedAndStays) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    const int leader = cluster.leader();
    EXPECT_EQ(leader, 1) << cluster.story(1) << cluster.story(2) << cluster.story(3);
    cluster.run(seconds{60});
    EXPECT_EQ(cluster.leader(), leader) << cluster.story(1) << cluster.story(2);
    EXPECT_EQ(cluster.host(1).engine->epoch(), Epoch{1});
}

TEST(Failover, WorksWithOneAndFiveDatastoresAndAlone) {
    for (const std::uint8_t voters : {std::uint8_t{1}, std::uint8_t{5}}) {
        MiniCluster cluster(3, voters, kTimingFast);
        cluster.run(seconds{3});
        EXPECT_EQ(cluster.leader(), 1);
    }
    MiniCluster alone(1, 1, kTimingFast);
    alone.run(seconds{3});
    EXPECT_EQ(alone.leader(), 1) << alone.story(1);
}

TEST(Failover, VmsOfADeadFollowerRunElsewhereWithinThePromisedTime) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run_vm(2, 2);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.runs_on(1), 2);
    cluster.power_off(2);
    cluster.run(milliseconds{5000});
    EXPECT_EQ(cluster.runs_on(1), 0) << "started before the host could be dead";
    cluster.run(milliseconds{1200});
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
    EXPECT_GT(cluster.runs_on(2), 0) << cluster.story(1);
    EXPECT_NE(cluster.runs_on(1), cluster.runs_on(2)) << "they should spread";
}

TEST(Failover, VmsOfADeadLeaderWaitNoLonger) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(1, 1);
    cluster.run(seconds{5});
    cluster.power_off(1);
    cluster.run(milliseconds{6200});
    EXPECT_GT(cluster.leader(), 1) << cluster.story(2) << cluster.story(3);
    EXPECT_GT(cluster.runs_on(1), 1) << cluster.story(2) << cluster.story(3);
}

TEST(Failover, AHostThatComesBackForgetsWhatRunsElsewhere) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    cluster.power_off(2);
    cluster.run(seconds{8});
    const int where = cluster.runs_on(1);
    ASSERT_GT(where, 0);
    cluster.power_on(2);
    cluster.run(seconds{30});
    EXPECT_EQ(cluster.runs_on(1), where) << cluster.story(2);
    EXPECT_EQ(cluster.host(2).engine->phase(), HostPhase::Member) << cluster.story(2);
    EXPECT_TRUE(cluster.saw(2, TraceCode::VmForgotten)) << cluster.story(2);
}

TEST(Failover, AQuickRebootGetsItsVmsBackSoonerThanSilenceWould) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    cluster.power_off(2);
    cluster.run(milliseconds{500});
    cluster.power_on(2);
    cluster.run(milliseconds{3500});
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1) << cluster.story(2);
}

TEST(Failover, AWholeClusterThatPowersUpRunsItsVmsAgain) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    for (std::uint8_t i = 1; i <= 6; ++i) cluster.run_vm(1 + i % 3, i);
    cluster.run(seconds{5});
    for (int i = 1; i <= 3; ++i) cluster.power_off(i);
    cluster.run(seconds{5});
    for (int i = 1; i <= 3; ++i) cluster.power_on(i);
    cluster.run(seconds{20});
    for (std::uint8_t i = 1; i <= 6; ++i)
        EXPECT_GT(cluster.runs_on(i), 0) << int{i} << "\n" << cluster.story(1);
}

TEST(Failover, AnAgentThatRestartsKeepsItsVmsAndItsLease) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    cluster.restart_agent(2);
    cluster.run(seconds{20});
    EXPECT_EQ(cluster.runs_on(1), 2) << cluster.story(2);
    EXPECT_TRUE(cluster.host(2).destroyed.empty()) << cluster.story(2);
    EXPECT_FALSE(cluster.saw(2, TraceCode::LeaseLapsed)) << cluster.story(2);
    EXPECT_EQ(cluster.host(2).engine->phase(), HostPhase::Member);
}

TEST(Failover, StorageOfAFollowerMayHangWhileTheLeaderAnswers) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    cluster.host(2).disks_hang = true;
    cluster.run(seconds{30});
    EXPECT_EQ(cluster.runs_on(1), 2) << cluster.story(1) << cluster.story(2);
    EXPECT_TRUE(cluster.host(2).destroyed.empty()) << cluster.story(2);
}

TEST(Failover, ABlackoutOfAllStorageHurtsNobodyWhileEverybodyVouches) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    for (std::uint8_t i = 1; i <= 3; ++i) cluster.run_vm(i, i);
    cluster.run(seconds{5});
    for (int i = 1; i <= 3; ++i) cluster.host(i).disks_hang = true;
    cluster.run(seconds{30});
    for (int i = 1; i <= 3; ++i) {
        EXPECT_EQ(cluster.runs_on(static_cast<std::uint8_t>(i)), i) << cluster.story(i);
        EXPECT_FALSE(cluster.saw(i, TraceCode::LeaseLapsed)) << cluster.story(i);
    }
}

// Why: vouching is safe only because whoever may lead next is among those who answered.
TEST(Failover, OneSilentMemberEndsVouching) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 2);
    cluster.run(seconds{5});
    cluster.power_off(3);
    for (int i = 1; i <= 2; ++i) cluster.host(i).disks_hang = true;
    cluster.run(seconds{4});
    EXPECT_TRUE(cluster.saw(2, TraceCode::LeaseLapsed)) << cluster.story(2);
    EXPECT_EQ(cluster.runs_on(2), 0);
}

TEST(Failover, ADeadNetworkCostsNothingWhileStorageIsUp) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run_vm(1, 2);
    cluster.run(seconds{5});
    const int leader = cluster.leader();
    for (int i = 1; i <= 3; ++i) cluster.host(i).net_out = false;
    cluster.run(seconds{60});
    EXPECT_EQ(cluster.runs_on(1), 2);
    EXPECT_EQ(cluster.runs_on(2), 1);
    EXPECT_EQ(cluster.leader(), leader) << cluster.story(2);
}

TEST(Failover, AHostWithoutStorageAndNetworkDestroysItsVmsBeforeOthersStartThem) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    cluster.host(2).disks_hang = true;
    cluster.host(2).net_out = cluster.host(2).net_in = false;
    cluster.run(milliseconds{2100});
    EXPECT_EQ(cluster.runs_on(1), 0) << "the lease is over\n" << cluster.story(2);
    cluster.run(milliseconds{4500});
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
    EXPECT_NE(cluster.runs_on(1), 2);
}

TEST(Failover, AHostThatCannotProveItsVmsGoneIsReset) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    const Instant deadline = cluster.host(2).deadline;
    ASSERT_NE(deadline, kNever);
    cluster.host(2).vm_side_hangs = true;
    cluster.host(2).disks_hang = true;
    cluster.host(2).net_out = cluster.host(2).net_in = false;
    cluster.run(seconds{4});
    EXPECT_TRUE(cluster.host(2).reset_asked) << cluster.story(2);
    EXPECT_LE(cluster.host(2).deadline, deadline + seconds{2})
        << "the feeding deadline must not move any more";
}

TEST(Failover, AVmStoppedByItsUserStaysStopped) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    cluster.host(2).running.clear();
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::ByUser});
    cluster.run(seconds{2});
    cluster.power_off(2);
    cluster.run(seconds{30});
    EXPECT_EQ(cluster.runs_on(1), 0) << cluster.story(1);
}

TEST(Failover, ACrashedQemuIsRevivedOnItsHost) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    cluster.host(2).running.clear();
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::Crashed});
    cluster.run(seconds{1});
    EXPECT_EQ(cluster.runs_on(1), 2) << cluster.story(2);
}

TEST(Failover, APersonsStartIsRefusedWhereTheVmRunsElsewhere) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    cluster.send(3, StartAsked{7, vm_spec(1)});
    cluster.send(3, StartAsked{8, vm_spec(2)});
    cluster.run(seconds{4});
    ASSERT_EQ(cluster.host(3).answers.size(), 2U) << cluster.story(3);
    for (const AnswerStart& answer : cluster.host(3).answers) {
        const bool refused =
            answer.verdict == StartVerdict::RunsElsewhere && answer.other == HostId{2};
        EXPECT_TRUE(answer.token == 7 ? refused : answer.verdict == StartVerdict::Allowed)
            << int(answer.verdict);
    }
}

TEST(Failover, TwoHostsAtOnceIncludingTheLeader) {
    MiniCluster cluster(5, 3, kTimingFast);
    cluster.run(seconds{3});
    for (std::uint8_t i = 1; i <= 20; ++i) cluster.run_vm(1 + i % 5, i);
    cluster.run(seconds{5});
    cluster.power_off(1);
    cluster.power_off(4);
    cluster.run(seconds{15});
    for (std::uint8_t i = 1; i <= 20; ++i)
        EXPECT_GT(cluster.runs_on(i), 0) << int{i} << "\n" << cluster.story(2);
}

// Why: observers go by the lease that is published now, so what is left of a longer one must not outlive it.
TEST(Failover, AShorterLeaseCutsWhatIsInheritedOfALongerOne) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    cluster.host(2).deadline =
        cluster.now() + seconds{20};  // as if the predecessor had used a longer lease
    cluster.host(2).disks_hang = true;
    cluster.host(2).net_out = cluster.host(2).net_in = false;
    cluster.restart_agent(2);
    cluster.run(kTimingFast.lease + milliseconds{50});
    EXPECT_TRUE(cluster.saw(2, TraceCode::LeaseLapsed)) << cluster.story(2);
}

// Why: a keeper that starts late must not leave VMs claimed without anybody who would reset the host.
TEST(Failover, NothingIsClaimedBeforeTheKeeperIsArmed) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.host(2).keeper_away = true;
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{5});
    EXPECT_FALSE(cluster.saw(2, TraceCode::VmAdopted)) << cluster.story(2);
    cluster.return_keeper(2);
    cluster.run(seconds{8});
    EXPECT_TRUE(cluster.saw(2, TraceCode::VmAdopted)) << cluster.story(2);
}

}  // namespace
}  // namespace holdfast::testing
