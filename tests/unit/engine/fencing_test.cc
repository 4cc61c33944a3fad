// Proofs from outside: a fence device's `status`, and a person's word.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

constexpr Timing kTiming = kTimingStandard;

// Three hosts, host 1 leads, VM 1 runs on host 2, whose power the others can cut.
struct FencedCluster : MiniCluster {
    explicit FencedCluster(WatchdogClass watchdog = WatchdogClass::Hardware, bool with_vm = true)
        : MiniCluster(3, 3, kTiming) {
        for (const int id : {1, 2, 3}) {
            power_off(id);
            host(id).adjust = [watchdog](EngineConfig& config) {
                config.watchdog_class = watchdog;
                config.fenceable.insert(HostId{2});
            };
            power_on(id);
        }
        run(seconds{6});
        if (with_vm) run_vm(2, 1);
        run(seconds{3});
        EXPECT_EQ(leader(), 1);
    }

    // Host 2 is not heard of any more, and whether its VM goes on is its own affair.
    void cut_off() {
        host(2).net_out = false;
        host(2).disks_hang = true;
        silent_since = now();
    }

    [[nodiscard]] std::vector<FenceHost> asked(FenceTask task, int id = 1) {
        std::vector<FenceHost> found;
        for (const FenceHost& fence : host(id).fences) {
            if (fence.task == task) found.push_back(fence);
        }
        return found;
    }

    void run_until_off_is_asked(std::size_t count = 1) {
        for (int i = 0; i < 8000 && asked(FenceTask::Off).size() < count; ++i)
            run(milliseconds{10});
        ASSERT_EQ(asked(FenceTask::Off).size(), count) << story(1);
    }

    void answer(FenceReply off, PowerState power) {
        step(1, FenceAnswered{HostId{2}, asked(FenceTask::Off).back().request, off, power});
    }

    [[nodiscard]] bool called_dead(Proof proof) {
        for (const Trace& trace : host(1).traces) {
            if (trace.code == TraceCode::DeclaredDead &&
                trace.a == static_cast<std::int64_t>(proof))
                return true;
        }
        return false;
    }

    Instant silent_since = kNotYet;
};

TEST(Fencing, IsPreparedAtSilentAndAskedOnlyAfterTheLeaseWithDrift) {
    FencedCluster cluster;
    cluster.cut_off();
    cluster.run(kTiming.silent + 3 * kTiming.interval);
    EXPECT_EQ(cluster.asked(FenceTask::Prepare).size(), 1U) << cluster.story(1);
    cluster.run(cluster.silent_since + with_drift(kTiming.lease) - kTiming.interval -
                cluster.now());
    EXPECT_TRUE(cluster.asked(FenceTask::Off).empty()) << cluster.story(1);
    cluster.run(3 * kTiming.interval);
    EXPECT_EQ(cluster.asked(FenceTask::Off).size(), 1U) << cluster.story(1);
    for (const int id : {2, 3}) EXPECT_TRUE(cluster.host(id).fences.empty());
}

// Why: slow is not dead, so the reads that show nothing newer must be of a time when the lease was over.
TEST(Fencing, WaitsForReadsThatWereIssuedAfterTheLease) {
    FencedCluster cluster;
    cluster.cut_off();
    const Instant due = cluster.silent_since + with_drift(kTiming.lease) - kTiming.interval;
    cluster.host(1).swallow = [&](const Action& action) {
        return std::holds_alternative<ScanSlots>(action) && cluster.now() >= due;
    };
    cluster.run(due - cluster.now() + 2 * kTiming.interval);
    EXPECT_EQ(cluster.leader(), 1);
    EXPECT_TRUE(cluster.asked(FenceTask::Off).empty()) << cluster.story(1);
}

TEST(Fencing, PowerVerifiedOffEndsTheWaitAfterTheLanding) {
    FencedCluster cluster;
    cluster.power_off(2);
    cluster.run_until_off_is_asked();
    cluster.answer(FenceReply::Ok, PowerState::Off);
    cluster.run(kTiming.landing - milliseconds{10});
    EXPECT_FALSE(cluster.called_dead(Proof::PowerOff)) << cluster.story(1);
    cluster.run(milliseconds{500});
    EXPECT_TRUE(cluster.called_dead(Proof::PowerOff)) << cluster.story(1);
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
    const Certificate& certificate = cluster.host(1).engine->own_orders().certificates[0];
    EXPECT_EQ(certificate.proof, Proof::PowerOff);
    EXPECT_EQ(certificate.dead.host, HostId{2});
}

TEST(Fencing, StatusOffIsTheProofWhateverOffSaid) {
    FencedCluster cluster;
    cluster.power_off(2);
    cluster.run_until_off_is_asked();
    cluster.answer(FenceReply::Failed, PowerState::Off);
    cluster.run(kTiming.landing + milliseconds{100});
    EXPECT_TRUE(cluster.called_dead(Proof::PowerOff)) << cluster.story(1);
}

TEST(Fencing, ReturnCodeZeroATimeoutAndAFailureAreNoProof) {
    const std::pair<FenceReply, PowerState> answers[] = {
        {FenceReply::Ok, PowerState::On},
        {FenceReply::Ok, PowerState::Unknown},
        {FenceReply::NoAnswer, PowerState::Unknown},
        {FenceReply::Failed, PowerState::On},
        {FenceReply::NotRun, PowerState::Unknown},
    };
    for (const auto& [off, power] : answers) {
        FencedCluster cluster(WatchdogClass::None);
        cluster.power_off(2);
        cluster.run_until_off_is_asked();
        cluster.answer(off, power);
        cluster.run(seconds{30});
        EXPECT_TRUE(cluster.saw(1, TraceCode::FenceFailed));
        EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
        EXPECT_EQ(cluster.runs_on(1), 0);
    }
}

TEST(Fencing, TriesAgainEverMoreSlowlyAndNeverTwoAtOnce) {
    FencedCluster cluster(WatchdogClass::None);
    cluster.power_off(2);
    cluster.run_until_off_is_asked();
    cluster.run(seconds{60});
    EXPECT_EQ(cluster.asked(FenceTask::Off).size(), 1U) << "one at a time for each host";
    std::vector<Duration> waits;
    for (std::size_t attempt = 2; attempt <= 4; ++attempt) {
        cluster.answer(FenceReply::Failed, PowerState::Unknown);
        const Instant answered = cluster.now();
        cluster.run_until_off_is_asked(attempt);
        waits.push_back(cluster.now() - answered);
    }
    EXPECT_GE(waits[0], kTiming.lease);
    EXPECT_GE(waits[1], 2 * kTiming.lease);
    EXPECT_GE(waits[2], 4 * kTiming.lease);
}

TEST(Fencing, LeavesAHostAloneThatHoldsNothing) {
    FencedCluster cluster(WatchdogClass::Hardware, false);
    cluster.cut_off();
    cluster.run(seconds{30});
    EXPECT_TRUE(cluster.host(1).fences.empty()) << cluster.story(1);
}

// Why: the fence device may control another machine than the one it is said to control.
TEST(Fencing, ABeatAfterTheProofVoidsIt) {
    FencedCluster cluster(WatchdogClass::None);
    cluster.cut_off();
    cluster.run_until_off_is_asked();
    cluster.answer(FenceReply::Ok, PowerState::Off);
    cluster.host(2).net_out = true;
    cluster.run(kTiming.interval + milliseconds{100});
    cluster.host(2).net_out = false;
    cluster.run(kTiming.landing + seconds{1});
    EXPECT_TRUE(cluster.saw(1, TraceCode::ProofContradicted)) << cluster.story(1);
    EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
}

TEST(Fencing, AnAnswerToAnOlderRequestProvesNothing) {
    FencedCluster cluster(WatchdogClass::None);
    cluster.cut_off();
    cluster.run_until_off_is_asked();
    const RequestId old = cluster.asked(FenceTask::Off).back().request;
    cluster.host(2).net_out = true;
    cluster.run(kTiming.interval + milliseconds{100});
    cluster.host(2).net_out = false;
    cluster.run(milliseconds{500});
    cluster.step(1, FenceAnswered{HostId{2}, old, FenceReply::Ok, PowerState::Off});
    cluster.run(kTiming.landing + milliseconds{500});
    EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
}

TEST(Fencing, OnlyTheLeaderActsOnAnAnswer) {
    FencedCluster cluster(WatchdogClass::None);
    cluster.power_off(2);
    cluster.run_until_off_is_asked();
    cluster.step(3,
                 FenceAnswered{HostId{2},
                               cluster.asked(FenceTask::Off).back().request,
                               FenceReply::Ok,
                               PowerState::Off});
    cluster.run(seconds{5});
    EXPECT_FALSE(cluster.saw(3, TraceCode::ProvedOutside));
    EXPECT_EQ(cluster.runs_on(1), 0);
}

// ---- a person's word

struct Confirm : FencedCluster {
    Confirm() : FencedCluster(WatchdogClass::None) {
        newest = host(2).engine->own_slot().incarnation;
        for (const int id : {1, 3}) {
            host(id).adjust = [](EngineConfig& config) {
                config.watchdog_class = WatchdogClass::None;
            };
        }
    }

    ConfirmVerdict say(int id, HostId dead, Incarnation incarnation) {
        step(id, ConfirmDead{7, dead, incarnation});
        EXPECT_EQ(host(id).confirms.back().token, 7U);
        return host(id).confirms.back().verdict;
    }

    Incarnation newest;
};

TEST(Operator, IsRefusedWhileTheHostShowsLife) {
    Confirm cluster;
    EXPECT_EQ(cluster.say(1, HostId{2}, cluster.newest), ConfirmVerdict::ShowsLife);
    EXPECT_GT(cluster.host(1).confirms.back().wait, Duration::zero());
    cluster.cut_off();
    cluster.run(kTiming.lease - milliseconds{500});
    EXPECT_EQ(cluster.say(1, HostId{2}, cluster.newest), ConfirmVerdict::ShowsLife)
        << "silent, but its lease may live";
    cluster.run(seconds{10});
    EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
}

TEST(Operator, ConfirmsASilentHostAfterTheLanding) {
    Confirm cluster;
    cluster.power_off(2);
    cluster.run(seconds{30});
    ASSERT_FALSE(cluster.saw(1, TraceCode::DeclaredDead)) << "no watchdog: silence proves nothing";
    EXPECT_EQ(cluster.say(1, HostId{2}, cluster.newest), ConfirmVerdict::Accepted);
    cluster.run(kTiming.landing - milliseconds{10});
    EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead));
    cluster.run(seconds{2});
    EXPECT_TRUE(cluster.called_dead(Proof::Operator)) << cluster.story(1);
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
    EXPECT_EQ(cluster.say(1, HostId{2}, cluster.newest), ConfirmVerdict::AlreadyDead);
}

TEST(Operator, IsRefusedForAnotherIncarnationAndByWhoeverDoesNotLead) {
    Confirm cluster;
    cluster.power_off(2);
    cluster.run(seconds{30});
    const Incarnation older{cluster.newest.boot(), cluster.newest.restart() - 1};
    EXPECT_EQ(cluster.say(1, HostId{2}, older), ConfirmVerdict::Changed);
    EXPECT_EQ(cluster.host(1).confirms.back().incarnation, cluster.newest);
    EXPECT_EQ(cluster.say(3, HostId{2}, cluster.newest), ConfirmVerdict::NotLeader);
    EXPECT_EQ(cluster.host(3).confirms.back().other, HostId{1});
    EXPECT_EQ(cluster.say(1, HostId{9}, cluster.newest), ConfirmVerdict::UnknownHost);
    cluster.run(seconds{5});
    EXPECT_EQ(cluster.runs_on(1), 0) << cluster.story(1);
}

}  // namespace
}  // namespace holdfast::testing
