// Proofs of death: what allows a restart, and what does not.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Three hosts, host 1 leads, VM 1 runs on host 2.
struct ProofCluster : MiniCluster {
    explicit ProofCluster(std::function<void(EngineConfig&)> adjust = nullptr)
        : MiniCluster(3, 3, kTimingFast) {
        if (adjust) {
            power_off(2);
            host(2).adjust = std::move(adjust);
            power_on(2);
        }
        run(seconds{3});
        run_vm(2, 1);
        run(seconds{3});
        EXPECT_EQ(leader(), 1);
    }

    [[nodiscard]] bool called_dead() { return saw(1, TraceCode::DeclaredDead); }
};

TEST(Proof, TheVerdictReadIsIssuedAfterTheWholeSilence) {
    ProofCluster cluster;
    Instant last_beat = kNotYet;
    cluster.host(2).swallow = [&](const Action& action) {
        if (std::holds_alternative<SendBeat>(action)) last_beat = cluster.now();
        return false;
    };
    cluster.run(seconds{1});
    cluster.power_off(2);
    const Instant due = last_beat + kTimingFast.dead;
    cluster.host(1).swallow = [&](const Action& action) {  // scans of the time before still arrive
        return std::holds_alternative<ScanSlots>(action) && cluster.now() >= due;
    };
    cluster.run(due - cluster.now() + milliseconds{600});
    EXPECT_FALSE(cluster.called_dead()) << cluster.story(1);
}

// The lease of its file ends with the record that it adopts; its keeper began with the file's watchdog, and goes on with that.
TEST(Proof, CountsTheLeaseAndWatchdogThatTheVictimPublished) {
    ProofCluster cluster([](EngineConfig& config) {
        config.timing.lease = seconds{4};
        config.timing.watchdog = seconds{3};
        config.timing.dead = seconds{12};
    });
    cluster.power_off(2);
    const Duration needed =
        dead_min(kTimingFast.lease, seconds{3}, milliseconds{500}, milliseconds{500});
    cluster.run(needed - milliseconds{300});
    EXPECT_FALSE(cluster.called_dead()) << cluster.story(1);
    cluster.run(seconds{1});
    EXPECT_TRUE(cluster.called_dead()) << cluster.story(1);
}

TEST(Proof, SilenceOfAHostWithoutHardwareWatchdogIsNoneUnlessAccepted) {
    for (const WatchdogClass watchdog : {WatchdogClass::None, WatchdogClass::Soft}) {
        ProofCluster cluster(
            [watchdog](EngineConfig& config) { config.watchdog_class = watchdog; });
        cluster.power_off(2);
        cluster.run(seconds{30});
        EXPECT_FALSE(cluster.called_dead()) << cluster.story(1);
        cluster.host(1).adjust = cluster.host(3).adjust = [](EngineConfig& config) {
            config.accept_weak_watchdog = true;
        };
        cluster.restart_agent(1);
        cluster.restart_agent(3);
        cluster.run(seconds{30});
        EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1) << cluster.story(3);
    }
}

TEST(Proof, SilenceOfAnUnarmedHostWithVmsIsNone) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.host(2).swallow = [](const Action& action) {
        return std::holds_alternative<ArmKeeper>(action);
    };
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{2});
    cluster.power_off(2);
    cluster.run(seconds{30});
    EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
}

// Why: the lease of a host does not live on what a third one hears, so its VMs would wait for nothing.
TEST(Proof, WhatAThirdHostHearsIsNoEvidence) {
    ProofCluster cluster;
    cluster.host(2).swallow = [](const Action& action) {  // only host 3 hears it
        const auto* beat = std::get_if<SendBeat>(&action);
        return beat != nullptr && beat->beat.to == HostId{1};
    };
    cluster.host(2).disks_hang = true;
    cluster.run(kTimingFast.dead + seconds{2});
    EXPECT_TRUE(cluster.host(3).engine->own_slot().heard.contains(HostId{2}));
    EXPECT_TRUE(cluster.called_dead()) << cluster.story(1);
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
    EXPECT_NE(cluster.runs_on(1), 2) << cluster.story(2);
}

// Why: the next thing that it did may have been a claim.
TEST(Proof, NoVmsIsNoProofBeforeTheDeadTime) {
    ProofCluster cluster;
    ASSERT_TRUE(cluster.disks()[0].slots[3].flags.no_vms);
    cluster.power_off(3);
    cluster.run(kTimingFast.dead - milliseconds{500});
    EXPECT_FALSE(cluster.called_dead()) << cluster.story(1);
    cluster.run(seconds{2});
    EXPECT_TRUE(cluster.called_dead()) << cluster.story(1);
}

TEST(Proof, ANewerIncarnationOfTheSameBootIsNoneANewerBootIsOne) {
    ProofCluster cluster;
    cluster.host(2).running.clear();  // even with nothing left: the leader cannot know
    cluster.host(2).vm_side_hangs = true;
    cluster.restart_agent(2);
    cluster.run(seconds{20});
    EXPECT_FALSE(cluster.called_dead()) << cluster.story(1);
    EXPECT_EQ(cluster.runs_on(1), 0);
    cluster.power_off(2);
    cluster.host(2).vm_side_hangs = false;
    cluster.power_on(2);
    cluster.run(seconds{4});
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
}

TEST(Proof, ANewLeaderWaitsForTheLastAnswersOfTheOldOneExceptForItsOwnHost) {
    MiniCluster cluster(4, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(1, 1);
    cluster.run_vm(3, 2);
    cluster.run(seconds{3});
    ASSERT_EQ(cluster.leader(), 1);
    const Instant dead_at = cluster.now();
    cluster.power_off(1);
    cluster.power_off(3);
    cluster.run(seconds{12});
    std::map<int, Instant> declared;
    for (const int judge : {2, 4}) {
        for (const Trace& trace : cluster.host(judge).traces) {
            if (trace.code == TraceCode::DeclaredDead) declared[trace.who.host.value()] = trace.at;
        }
    }
    ASSERT_EQ(declared.size(), 2U) << cluster.story(2) << cluster.story(4);
    EXPECT_LT(declared[1], dead_at + kTimingFast.dead + milliseconds{100});
    const Duration takeover = takeover_after(kTimingFast, kTimingFast.lease);
    EXPECT_GT(declared[3], dead_at + takeover + kTimingFast.dead - milliseconds{300});
}

TEST(Proof, ACertifiedIncarnationGetsNoAnswerButAPill) {
    ProofCluster cluster;
    MiniHost& host = cluster.host(2);
    host.disks_hang = true;
    host.net_out = host.net_in = false;
    host.vm_side_hangs = true;  // it cannot prove its VM gone, and nobody resets it here
    cluster.run(seconds{8});
    ASSERT_TRUE(cluster.called_dead()) << cluster.story(1);
    const Incarnation dead = host.engine->own_slot().incarnation;
    bool answered = false;
    bool pill = false;
    cluster.host(1).swallow = [&](const Action& action) {
        const auto* send = std::get_if<SendBeat>(&action);
        if (send == nullptr || send->beat.to != HostId{2}) return false;
        answered = answered || send->beat.answered_incarnation == dead;
        pill = pill || send->beat.pill == dead;
        return false;
    };
    host.net_out = host.net_in = true;
    cluster.run(seconds{2});
    EXPECT_FALSE(answered);
    EXPECT_TRUE(pill);
    EXPECT_EQ(host.engine->lease_ends(), kNotYet);
}

TEST(Proof, ACertificateSaysNothingAboutTheNextIncarnation) {
    ProofCluster cluster;
    cluster.power_off(2);
    cluster.run(seconds{8});
    ASSERT_TRUE(cluster.called_dead());
    cluster.power_on(2);
    cluster.run(seconds{5});
    cluster.run_vm(2, 9);
    cluster.run(seconds{20});
    EXPECT_EQ(cluster.runs_on(9), 2) << cluster.story(2);
    EXPECT_TRUE(cluster.host(2).destroyed.empty()) << cluster.story(2);
}

}  // namespace
}  // namespace holdfast::testing
