// Live migration: what each of the two claims allows, and what becomes of it when somebody dies.
#include <optional>

#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Host 1 leads, VM 1 runs on host 2, and somebody migrates it to host 3.
struct Migration : MiniCluster {
    Migration() : MiniCluster(3, 3, kTimingFast) {
        run(seconds{3});
        run_vm(2, 1);
        run(seconds{3});
        EXPECT_EQ(leader(), 1);
    }

    // As libvirt's hook asks before a migration begins.
    void ask(int id) {
        StartAsked asked{7, vm_spec(1)};
        asked.incoming = true;
        send(id, asked);
    }

    // As it asks when a QEMU is about to be started.
    StartVerdict ask_start(int id, std::uint32_t arrival) {
        StartAsked asked{8, vm_spec(1)};
        asked.arrival = arrival;
        step(id, asked);
        run(seconds{1});
        return host(id).answers.back().verdict;
    }

    [[nodiscard]] bool allowed(int id) {
        return !host(id).answers.empty() &&
               host(id).answers.back().verdict == StartVerdict::Allowed;
    }

    [[nodiscard]] std::uint32_t arrival(int id) { return host(id).answers.back().arrival; }

    // Its QEMU is on host 3, and waits for the memory.
    void let_in() {
        ask(3);
        run(seconds{1});
        ASSERT_TRUE(allowed(3)) << story(3) << story(2);
        waits_on(3);
    }

    void waits_on(int id) {
        host(id).moving[vm_spec(1).vm] = vm_spec(1);
        send(id, VmSeen{vm_spec(1), VmRunState::Moving});
        run(milliseconds{100});
    }

    // The source has paused and handed over.
    void hand_over() {
        host(2).running.clear();
        waits_on(2);
    }

    void arrive() {
        host(3).moving.clear();
        run_vm(3, 1);
    }

    [[nodiscard]] const Claim* claim_of(int id) {
        for (const Claim& claim : disks()[0].rosters[id].claims) {
            if (claim.spec.vm == vm_spec(1).vm) return &claim;
        }
        return nullptr;
    }

    [[nodiscard]] unsigned starts() {
        unsigned count = 0;
        for (const int id : {1, 2, 3}) count += saw(id, TraceCode::VmCreated) ? 1U : 0U;
        return count;
    }
};

TEST(Migration, IsLetInOnceTheSourcesClaimNamesTheTargetAndItsNumber) {
    Migration cluster;
    bool named = false;
    cluster.host(3).swallow = [&cluster, &named](const Action& action) {
        const auto* answer = std::get_if<AnswerStart>(&action);
        if (answer == nullptr) return false;
        const Claim& source = *cluster.claim_of(2);
        named = source.target == HostId{3} &&
                source.target_number == cluster.claim_of(3)->number.value() &&
                answer->arrival == source.target_number;
        return false;
    };
    cluster.let_in();
    EXPECT_TRUE(named);
    EXPECT_EQ(cluster.claim_of(3)->state, ClaimState::Arriving);
    EXPECT_GT(cluster.claim_of(3)->number, cluster.claim_of(2)->number);
}

TEST(Migration, IsRefusedWhenTheSourceDoesNotNameTheTarget) {
    Migration cluster;
    cluster.host(2).swallow = [](const Action& action) {
        return std::holds_alternative<ReadRoster>(action);
    };
    cluster.ask(3);
    cluster.run(seconds{10});
    EXPECT_EQ(cluster.host(3).answers.back().verdict, StartVerdict::NotHandedOver);
    EXPECT_EQ(cluster.claim_of(3), nullptr) << "the claim is given back";
}

// Why: the source's next agent reads its roster from a majority, and must find whom the VM was let go to.
TEST(Migration, IsNotLetInByANameThatAMinorityHolds) {
    Migration cluster;
    // The target reads the source's roster for another change of it, and is answered late.
    std::optional<ReadRoster> late;
    cluster.host(3).swallow = [&late](const Action& action) {
        const auto* read = std::get_if<ReadRoster>(&action);
        if (read == nullptr || read->host != HostId{2}) return false;
        late = *read;
        return true;
    };
    cluster.run_vm(2, 2);
    cluster.run(seconds{1});
    ASSERT_TRUE(late);
    cluster.host(2).swallow = [](const Action& action) {
        const auto* write = std::get_if<WriteRoster>(&action);
        return write != nullptr && write->datastore != 0;
    };
    cluster.ask(3);
    cluster.run(seconds{3});
    ASSERT_NE(cluster.claim_of(2), nullptr);
    ASSERT_EQ(cluster.claim_of(2)->target, HostId{3}) << "datastore 1 has it";
    cluster.step(3,
                 RosterRead{late->datastore,
                            late->request,
                            HostId{2},
                            RegionReading::Valid,
                            &cluster.disks()[0].rosters[2]});
    cluster.run(seconds{2});
    EXPECT_FALSE(cluster.allowed(3)) << cluster.story(3);
}

// Why: the name may have been given to an earlier attempt, which the source knows to be over.
TEST(Migration, IsNotLetInByTheNameOfAnEarlierAttempt) {
    Migration cluster;
    cluster.let_in();
    // The source neither reads nor writes from now on, and its name stays what it is.
    cluster.host(2).disks_hang = true;
    cluster.host(3).moving.clear();
    cluster.step(3, VmStopped{vm_spec(1).vm, StopCause::Crashed});
    cluster.run(milliseconds{300});
    cluster.host(3).answers.clear();
    cluster.ask(3);
    cluster.run(milliseconds{500});
    EXPECT_FALSE(cluster.allowed(3)) << "the name is that of the first attempt";
}

TEST(Migration, NothingElseStartsWhatIsOnItsWay) {
    Migration cluster;
    EXPECT_EQ(cluster.ask_start(3, 0), StartVerdict::RunsElsewhere);
    cluster.ask(3);
    cluster.run(seconds{1});
    ASSERT_TRUE(cluster.allowed(3));
    const std::uint32_t arrival = cluster.arrival(3);
    EXPECT_EQ(cluster.ask_start(3, 0), StartVerdict::Busy) << "a person, on the target";
    EXPECT_EQ(cluster.ask_start(3, arrival + 1), StartVerdict::Busy) << "an earlier migration";
    EXPECT_EQ(cluster.ask_start(3, arrival), StartVerdict::Allowed) << "this one's QEMU";
    EXPECT_EQ(cluster.ask_start(1, 0), StartVerdict::RunsElsewhere) << "a person, on a third host";
    EXPECT_NE(cluster.ask_start(1, arrival), StartVerdict::Allowed);
}

TEST(Migration, AVmThatNobodyClaimsDoesNotArrive) {
    Migration cluster;
    StartAsked asked{9, vm_spec(2)};
    asked.incoming = true;
    cluster.send(3, asked);
    cluster.run(seconds{10});
    EXPECT_EQ(cluster.host(3).answers.back().verdict, StartVerdict::NotHandedOver);
}

TEST(Migration, TheWaitingQemuIsNoRunningVm) {
    Migration cluster;
    cluster.let_in();
    cluster.run(seconds{60});
    EXPECT_EQ(cluster.claim_of(3)->state, ClaimState::Arriving);
    EXPECT_TRUE(cluster.host(2).destroyed.empty()) << "the source runs it";
    EXPECT_TRUE(cluster.host(3).destroyed.empty()) << "copying may take long";
}

TEST(Migration, ItsClaimKnowsWhatItsSourceKnew) {
    Migration cluster;
    VmSpec rich = vm_spec(1);
    rich.memory_mib = 512;
    rich.xml = XmlRef{HostId{2}, 4096, 100, 200, 7};
    cluster.step(2, VmSeen{rich, VmRunState::Running});
    cluster.run(seconds{1});
    cluster.let_in();
    EXPECT_EQ(cluster.claim_of(3)->spec, rich) << "not what the hook knew";
}

TEST(Migration, WhenTheTargetClaimsRunningTheSourceDestroysWhatRunsOnThere) {
    Migration cluster;
    cluster.let_in();
    // libvirt on the source says nothing.
    cluster.arrive();
    cluster.run(seconds{2});
    ASSERT_EQ(cluster.host(2).destroyed.size(), 1U) << cluster.story(2);
    EXPECT_EQ(cluster.claim_of(2), nullptr);
    EXPECT_EQ(cluster.claim_of(3)->state, ClaimState::Running);
    cluster.run(seconds{20});
    EXPECT_EQ(cluster.starts(), 0U);
    EXPECT_EQ(cluster.runs_on(1), 3);
}

// Why: libvirt ends it by itself, and a migration that is disturbed there is reported as failed.
TEST(Migration, WhatIsPausedOnTheSourceIsLeftToLibvirtForAWhile) {
    Migration cluster;
    cluster.let_in();
    cluster.hand_over();
    cluster.arrive();
    cluster.run(seconds{100});
    EXPECT_TRUE(cluster.host(2).destroyed.empty()) << cluster.story(2);
    cluster.run(seconds{30});
    EXPECT_EQ(cluster.host(2).destroyed.size(), 1U) << "it was forgotten";
    EXPECT_EQ(cluster.claim_of(2), nullptr);
}

// Why: the target's QEMU dies when the pages that it still needs are gone.
TEST(Migration, TheSourceOfAPostCopyIsNotDestroyed) {
    Migration cluster;
    cluster.let_in();
    cluster.step(2, VmSeen{vm_spec(1), VmRunState::PostCopy});
    cluster.arrive();
    cluster.run(seconds{300});
    EXPECT_TRUE(cluster.host(2).destroyed.empty()) << cluster.story(2);
    EXPECT_EQ(cluster.claim_of(2)->state, ClaimState::Running);
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::Migrated});
    cluster.run(seconds{1});
    EXPECT_EQ(cluster.claim_of(2), nullptr);
}

TEST(Migration, TheSourceKeepsTheWishUntilTheTargetsClaimWasRead) {
    Migration cluster;
    cluster.let_in();
    cluster.hand_over();
    cluster.host(3).swallow = [](const Action& action) {
        return std::holds_alternative<WriteRoster>(action);
    };
    cluster.arrive();
    cluster.host(2).moving.clear();
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::Migrated});
    cluster.run(milliseconds{500});
    ASSERT_NE(cluster.claim_of(2), nullptr);
    EXPECT_EQ(cluster.claim_of(2)->state, ClaimState::WantsStart);
    EXPECT_EQ(cluster.starts(), 0U) << "the target's claim holds";
    cluster.power_off(3);
    cluster.run(seconds{15});
    EXPECT_GT(cluster.runs_on(1), 0) << "nobody forgot it";
}

// Why: the target may have it already.
TEST(Migration, ACrashedSourceIsNotRevivedWhileTheTargetMayHaveIt) {
    Migration cluster;
    cluster.let_in();
    cluster.host(2).running.clear();
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::Crashed});
    cluster.run(milliseconds{500});
    EXPECT_EQ(cluster.starts(), 0U) << cluster.story(2);
    cluster.host(3).moving.clear();
    cluster.send(3, VmStopped{vm_spec(1).vm, StopCause::Crashed});
    cluster.run(seconds{5});
    EXPECT_GT(cluster.runs_on(1), 0) << "the target has settled it";
}

TEST(Migration, TheNextAgentOfTheSourceDoesNotReviveItEither) {
    Migration cluster;
    cluster.let_in();
    cluster.host(2).running.clear();
    cluster.restart_agent(2);
    cluster.run(seconds{3});
    EXPECT_EQ(cluster.starts(), 0U) << cluster.story(2);
    EXPECT_EQ(cluster.claim_of(2)->state, ClaimState::WantsStart);
}

TEST(Migration, NobodyStartsOnTheSourceWhatHasLeftIt) {
    Migration cluster;
    cluster.let_in();
    cluster.arrive();
    cluster.host(2).running.clear();  // its agent does not know yet
    EXPECT_EQ(cluster.ask_start(2, 0), StartVerdict::RunsElsewhere);
    EXPECT_EQ(cluster.host(2).answers.back().other, HostId{3});
}

TEST(Migration, NobodyRestartsItBeforeTheTargetHasSettledIt) {
    Migration cluster;
    cluster.let_in();
    cluster.host(3).vm_side_hangs = true;
    cluster.power_off(2);
    cluster.run(seconds{30});
    EXPECT_TRUE(cluster.saw(1, TraceCode::DeclaredDead));
    EXPECT_EQ(cluster.host(3).destroyed.size(), 1U) << "it will never run";
    EXPECT_EQ(cluster.starts(), 0U) << "not proved gone yet";
    ASSERT_NE(cluster.claim_of(3), nullptr);
    EXPECT_EQ(cluster.claim_of(3)->state, ClaimState::Arriving);
    cluster.host(3).moving.clear();
    cluster.host(3).vm_side_hangs = false;
    cluster.step(3, VmGone{vm_spec(1).vm});
    cluster.run(seconds{5});
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
}

TEST(Migration, AnArrivalOutlivesItsTargetsAgent) {
    Migration cluster;
    cluster.let_in();
    cluster.restart_agent(3);
    cluster.run(seconds{5});
    EXPECT_TRUE(cluster.host(3).destroyed.empty()) << cluster.story(3);
    EXPECT_EQ(cluster.claim_of(3)->state, ClaimState::Arriving);
    cluster.arrive();
    cluster.host(2).running.clear();
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::Migrated});
    cluster.run(seconds{2});
    EXPECT_EQ(cluster.claim_of(3)->state, ClaimState::Running) << cluster.story(3);
    EXPECT_EQ(cluster.claim_of(2), nullptr) << cluster.story(2);
    EXPECT_EQ(cluster.runs_on(1), 3);
}

// Why: the successor gave the claim back, so libvirt's start must not go through although it was let in before.
TEST(Migration, AnArrivalWithoutAQemuEndsWithItsTargetsAgent) {
    Migration cluster;
    cluster.ask(3);
    cluster.run(seconds{1});
    ASSERT_TRUE(cluster.allowed(3));
    const std::uint32_t arrival = cluster.arrival(3);
    cluster.restart_agent(3);
    cluster.run(seconds{3});
    EXPECT_EQ(cluster.claim_of(3), nullptr) << cluster.story(3);
    EXPECT_NE(cluster.ask_start(3, arrival), StartVerdict::Allowed);
    cluster.run(seconds{3});
    EXPECT_TRUE(cluster.claim_of(2)->target.is_none()) << cluster.story(2);
}

TEST(Migration, ADeadTargetLeavesTheSourceAlone) {
    Migration cluster;
    cluster.let_in();
    cluster.power_off(3);
    cluster.run(seconds{15});
    EXPECT_EQ(cluster.runs_on(1), 2);
    EXPECT_TRUE(cluster.host(2).destroyed.empty());
    EXPECT_EQ(cluster.starts(), 0U);
    cluster.ask(1);
    cluster.run(seconds{2});
    EXPECT_TRUE(cluster.allowed(1)) << "another target is named: " << cluster.story(2);
}

// Why: its memory is older than what the target has written to its disks.
TEST(Migration, WhatTheDeadTargetRanIsNotResumedOnTheSource) {
    Migration cluster;
    cluster.let_in();
    cluster.hand_over();
    cluster.arrive();
    cluster.run(seconds{1});
    cluster.power_off(3);
    cluster.run(seconds{15});
    EXPECT_EQ(cluster.host(2).destroyed.size(), 1U) << cluster.story(2);
    EXPECT_EQ(cluster.starts(), 1U) << "it is started anew: " << cluster.story(1);
}

TEST(Migration, OfTwoTargetsOneIsLetInAtMost) {
    Migration cluster;
    cluster.ask(1);
    cluster.ask(3);
    cluster.run(seconds{10});
    EXPECT_FALSE(cluster.allowed(1) && cluster.allowed(3));
    EXPECT_EQ(cluster.runs_on(1), 2);
}

TEST(Migration, EndsWithTheTargetsLease) {
    Migration cluster;
    cluster.let_in();
    cluster.host(3).disks_hang = true;
    cluster.host(3).net_out = cluster.host(3).net_in = false;
    cluster.run(seconds{4});
    EXPECT_EQ(cluster.host(3).destroyed.size(), 1U) << cluster.story(3);
    EXPECT_TRUE(cluster.saw(3, TraceCode::ArrivalFailed)) << "given back, no wish";
    cluster.run(seconds{15});
    EXPECT_EQ(cluster.runs_on(1), 2);
    EXPECT_EQ(cluster.starts(), 0U);
}

TEST(Migration, APersonsStopOnTheSourceStaysAStop) {
    Migration cluster;
    cluster.let_in();
    cluster.host(2).running.clear();
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::ByUser});
    cluster.host(3).moving.clear();
    cluster.send(3, VmStopped{vm_spec(1).vm, StopCause::Crashed});
    cluster.run(seconds{20});
    EXPECT_EQ(cluster.claim_of(2)->state, ClaimState::Stopped);
    EXPECT_EQ(cluster.starts(), 0U);
}

}  // namespace
}  // namespace holdfast::testing
