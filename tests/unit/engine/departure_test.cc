// A host that goes down: its VMs first, then its word, and answers until somebody holds it.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Three hosts, host 1 leads, VM 1 runs on host 2.
struct LeavingCluster : MiniCluster {
    LeavingCluster() : MiniCluster(3, 3, kTimingFast) {
        run(seconds{3});
        run_vm(2, 1);
        run(seconds{3});
        EXPECT_EQ(leader(), 1);
    }

    void vm_ends(StopCause cause) {
        host(2).running.clear();
        send(2, VmStopped{vm_spec(1).vm, cause});
    }

    [[nodiscard]] HostPhase phase() { return host(2).engine->phase(); }
};

TEST(Departure, LeavesWhenItsVmsAreGoneAndTheyRunElsewhereAtOnce) {
    for (const StopCause cause : {StopCause::ByUser, StopCause::Crashed}) {
        LeavingCluster cluster;
        cluster.send(2, ShutdownAsked{true});
        cluster.run(seconds{2});
        EXPECT_EQ(cluster.phase(), HostPhase::Member) << "its VM runs still";
        EXPECT_FALSE(cluster.host(2).shutdown_ready);
        cluster.vm_ends(cause);
        cluster.run(seconds{2});
        EXPECT_EQ(cluster.phase(), HostPhase::Leaving) << cluster.story(2);
        EXPECT_TRUE(cluster.host(2).shutdown_ready) << cluster.story(2);
        EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
        EXPECT_NE(cluster.runs_on(1), 2);
        EXPECT_TRUE(cluster.saw(1, TraceCode::DeclaredDead)) << "by its own word";
    }
}

// Why: an upgrade in the middle made the VMs that went down with the host ones that people had stopped (seed 6908).
TEST(Departure, IsNotTakenBackByAnUpgrade) {
    LeavingCluster cluster;
    cluster.send(2, ShutdownAsked{true});
    cluster.run(milliseconds{100});
    cluster.send(2, ShutdownAsked{false});
    cluster.run(milliseconds{100});
    cluster.vm_ends(StopCause::ByUser);
    cluster.run(seconds{2});
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(2);
    EXPECT_NE(cluster.runs_on(1), 2);
}

TEST(Departure, WhatPeopleStoppedBeforeStaysStopped) {
    LeavingCluster cluster;
    cluster.vm_ends(StopCause::ByUser);
    cluster.run(milliseconds{100});
    cluster.send(2, ShutdownAsked{true});
    cluster.run(seconds{20});
    EXPECT_TRUE(cluster.host(2).shutdown_ready) << cluster.story(2);
    EXPECT_EQ(cluster.runs_on(1), 0) << cluster.story(1);
}

// Why: the last stop must be readable before the word that nothing more will come.
TEST(Departure, TheRosterIsOnAMajorityBeforeTheWordThatItIsOver) {
    LeavingCluster cluster;
    cluster.host(2).swallow = [](const Action& action) {
        return std::holds_alternative<WriteRoster>(action);
    };
    cluster.send(2, ShutdownAsked{true});
    cluster.vm_ends(StopCause::Crashed);
    cluster.run(seconds{2});
    EXPECT_FALSE(cluster.disks()[0].slots[2].flags.clean_shutdown) << cluster.story(2);
    EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
}

TEST(Departure, NothingNewBeginsOnAHostThatGoesDown) {
    LeavingCluster cluster;
    cluster.send(2, ShutdownAsked{true});
    cluster.run(milliseconds{300});
    cluster.step(2, StartAsked{9, vm_spec(5)});
    EXPECT_EQ(cluster.host(2).answers.back().verdict, StartVerdict::Stopping);
    cluster.power_off(3);
    cluster.power_off(1);
    cluster.run(seconds{10});
    EXPECT_EQ(cluster.leader(), 0) << "it does not stand either";
}

// Without storage the others' acknowledgement is enough; until then it goes on answering, for they may live on its answers.
TEST(Departure, AnswersUntilAllHaveAcknowledgedOrAMajorityHoldsIt) {
    LeavingCluster cluster;
    cluster.vm_ends(StopCause::ByUser);
    cluster.run(seconds{1});
    for (const int id : {1, 2, 3}) cluster.host(id).disks_hang = true;
    cluster.host(3).net_in = false;
    cluster.send(2, ShutdownAsked{true});
    cluster.run(seconds{1});
    EXPECT_EQ(cluster.phase(), HostPhase::Leaving);
    EXPECT_FALSE(cluster.host(2).shutdown_ready) << "host 3 cannot know";
    bool answers = false;
    cluster.host(2).swallow = [&answers](const Action& action) {
        const auto* beat = std::get_if<SendBeat>(&action);
        answers = answers || (beat != nullptr && !beat->beat.answered_number.is_none());
        return false;
    };
    cluster.run(milliseconds{300});
    EXPECT_TRUE(answers);
    cluster.host(3).net_in = true;
    cluster.run(seconds{1});
    EXPECT_TRUE(cluster.host(2).shutdown_ready) << cluster.story(2);
}

}  // namespace
}  // namespace holdfast::testing
