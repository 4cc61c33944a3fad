// Rules about offices and orders that hardly any accident tells apart: what a leader may not do, and what is not obeyed.
#include <gtest/gtest.h>

#include "engine/machine/leadership.h"
#include "tests/unit/engine/forged_beat.h"

namespace holdfast::testing {
namespace {

// A made-up beat (forged_beat.h) of a host that says it leads.
Beat answer_of(MiniCluster& cluster, int from, int to, BeatNumber answered) {
    Beat beat = forged_beat(cluster, from, to, answered);
    beat.leading = true;
    return beat;
}

TEST(OfficeRule, AnAnswerOfWhoDoesNotLeadTheHighestEpochRenewsNothing) {
    MiniCluster cluster(3, 1, kTimingFast);
    cluster.run(seconds{3});
    ASSERT_EQ(cluster.leader(), 1);
    MiniHost& host = cluster.host(3);
    host.disks_hang = true;
    host.net_in = false;
    cluster.run(milliseconds{1000});
    const Instant ends = host.engine->lease_ends();
    BeatNumber sent;
    host.swallow = [&sent](const Action& action) {
        if (const auto* send = std::get_if<SendBeat>(&action)) sent = send->beat.number;
        return false;
    };
    cluster.run(milliseconds{300});
    cluster.step(3, BeatReceived{answer_of(cluster, 2, 3, sent), 0});
    EXPECT_EQ(host.engine->lease_ends(), ends) << cluster.story(3);
    cluster.step(3, BeatReceived{answer_of(cluster, 1, 3, sent), 0});
    EXPECT_GT(host.engine->lease_ends(), ends) << cluster.story(3);
}

TEST(OfficeRule, NobodyAnswersAsLeaderAfterTheLeaderLease) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    cluster.host(1).disks_hang = true;
    unsigned beats_after = 0;
    cluster.host(1).swallow = [&](const Action& action) {
        const auto* send = std::get_if<SendBeat>(&action);
        if (send == nullptr || cluster.host(1).engine->leading(cluster.now())) return false;
        EXPECT_FALSE(send->beat.leading);
        ++beats_after;
        return false;
    };
    cluster.run(seconds{2});
    EXPECT_GT(beats_after, 0U);
}

// Phase 2 takes 1.2 s; the first leader lease began when its write was issued.
TEST(OfficeRule, TheFirstLeaderLeaseCountsFromTheIssueOfTheWrite) {
    MiniCluster cluster(1, 1, kTimingFast);
    cluster.host(1).io_time = milliseconds{600};
    Instant taken = kNotYet;
    for (int i = 0; i < 20'000 && taken == kNotYet; ++i) {
        cluster.run(milliseconds{1});
        if (cluster.leader() == 1) taken = cluster.now();
    }
    ASSERT_NE(taken, kNotYet) << cluster.story(1);
    cluster.host(1).disks_hang = true;
    cluster.run(leader_lease(kTimingFast) - milliseconds{550});
    EXPECT_FALSE(cluster.host(1).engine->leading(cluster.now())) << cluster.story(1);
}

// Why: a write of the predecessor that lands late must not pass for this incarnation's own ballot.
TEST(OfficeRule, NoTwoIncarnationsChooseTheSameBallot) {
    const BallotNumber above{7ULL << 40U};
    const HostKey first{HostId{2}, {3, 1}};
    for (const Incarnation next : {Incarnation{3, 2}, Incarnation{4, 1}}) {
        EXPECT_NE(ballot_above(above, first), ballot_above(above, {HostId{2}, next}));
    }
    EXPECT_NE(ballot_above(above, first), ballot_above(above, {HostId{3}, {3, 1}}));
}

// The winner's slot stands still, and the reads that would show it moving are older than its lease.
TEST(OfficeRule, TheWinnersSilenceIsReadAfterItsLease) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    const Instant off = cluster.now();
    cluster.power_off(1);
    cluster.run(milliseconds{700});
    for (const int id : {2, 3}) {
        cluster.host(id).swallow = [&cluster, off](const Action& action) {
            return std::holds_alternative<ScanSlots>(action) && cluster.now() > off + seconds{1};
        };
    }
    cluster.run(seconds{2});
    for (const int id : {2, 3})
        EXPECT_FALSE(cluster.saw(id, TraceCode::CandidateStands) &&
                     cluster.host(id).traces.back().at > off)
            << cluster.story(id);
}

// Three hosts, host 1 leads, VM 1 waits since host 2 was switched off and on; only host 3 has room.
struct Ordered {
    MiniCluster cluster{3, 3, kTimingFast};
    bool hold = true;  // host 3's keeper keeps it from claiming

    Ordered() {
        for (const int id : {1, 2}) cluster.send(id, CapacityReport{{0, 0, 1}});
        cluster.run(seconds{3});
        cluster.run_vm(2, 1);
        cluster.run(seconds{3});
        cluster.host(3).swallow = [this](const Action& action) {
            return hold && std::holds_alternative<ArmKeeper>(action);
        };
        cluster.power_off(2);
        cluster.run(milliseconds{500});
        cluster.power_on(2);
        cluster.send(2, CapacityReport{{0, 0, 1}});
        for (int i = 0; i < 3000 && !cluster.saw(3, TraceCode::OrderTaken); ++i)
            cluster.run(milliseconds{1});
        EXPECT_TRUE(cluster.saw(3, TraceCode::OrderTaken)) << cluster.story(1);
    }

    void let_go() {
        hold = false;
        cluster.step(3, KeeperReport{1, seconds{1}, WatchdogClass::Hardware});
    }
};

// The leader that gave the order resigns before its target has claimed.
TEST(OfficeRule, AnOrderOfAnOfficeThatIsOverIsNotObeyed) {
    Ordered ordered;
    ordered.cluster.host(2).swallow = [](const Action& action) {
        return std::holds_alternative<WriteOrders>(action);
    };
    const Epoch before = ordered.cluster.host(3).engine->epoch();
    ordered.cluster.power_off(1);
    bool started = false;
    for (int i = 0; i < 4000 && ordered.cluster.host(3).engine->epoch() == before; ++i)
        ordered.cluster.run(milliseconds{1});
    ASSERT_GT(ordered.cluster.host(3).engine->epoch(), before) << ordered.cluster.story(3);
    ordered.cluster.host(3).swallow = [&started](const Action& action) {
        started = started || std::holds_alternative<StartVm>(action);
        return false;
    };
    ordered.let_go();
    ordered.cluster.run(milliseconds{60});
    EXPECT_FALSE(started) << ordered.cluster.story(3);
}

// The orders have a newer version that is not read yet: it may name another host.
TEST(OfficeRule, OrdersThatChangedAreReadAgainBeforeTheStart) {
    Ordered ordered;
    MiniHost& target = ordered.cluster.host(3);
    bool started = false;
    target.swallow = [&started](const Action& action) {
        started = started || std::holds_alternative<StartVm>(action);
        return std::holds_alternative<ReadOrders>(action);
    };
    // A person starts the VM on host 1 and stops it again: the order is withdrawn, in orders that host 3 cannot read.
    ordered.cluster.send(1, StartAsked{7, vm_spec(1)});
    ordered.cluster.run(milliseconds{500});
    ordered.cluster.send(1, VmSeen{vm_spec(1), VmRunState::Running});
    ordered.cluster.run(milliseconds{500});
    ordered.cluster.send(1, VmStopped{vm_spec(1).vm, StopCause::Migrated});
    ordered.cluster.run(milliseconds{600});
    ordered.let_go();
    ordered.cluster.run(seconds{1});
    EXPECT_FALSE(started) << ordered.cluster.story(3);
}

// libvirt fails the start, and the target sees the old order again before the leader has withdrawn it.
TEST(OfficeRule, AnOrderIsExecutedOnce) {
    Ordered ordered;
    unsigned starts = 0;
    ordered.cluster.host(1).swallow = [](const Action& action) {
        return std::holds_alternative<WriteOrders>(action);
    };
    ordered.cluster.host(3).swallow = [&](const Action& action) {
        const auto* start = std::get_if<StartVm>(&action);
        if (start == nullptr) return false;
        ++starts;
        ordered.cluster.send(3, VmStarted{start->spec.vm, start->claim, StartFailure::Libvirt});
        return true;
    };
    ordered.let_go();
    ordered.cluster.run(milliseconds{500});
    ASSERT_EQ(starts, 1U) << ordered.cluster.story(3);
    ordered.cluster.restart_agent(3);
    ordered.cluster.run(seconds{3});
    EXPECT_EQ(starts, 1U) << ordered.cluster.story(3);
}

// A reboot ends QEMUs, not the writes that the array still holds.
TEST(OfficeRule, ANewerBootProvesDeathOnlyOnceWritesHaveLanded) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{3});
    ASSERT_EQ(cluster.leader(), 1);
    cluster.power_off(2);
    // Its roster stays that of the old boot.
    cluster.host(2).swallow = [](const Action& action) {
        return std::holds_alternative<WriteRoster>(action);
    };
    cluster.power_on(2);
    const Instant booted = cluster.now();
    cluster.run(kTimingFast.landing - milliseconds{1});
    EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
    for (int i = 0; i < 3000 && !cluster.saw(1, TraceCode::DeclaredDead); ++i)
        cluster.run(milliseconds{1});
    EXPECT_GE(cluster.now(), booted + kTimingFast.landing);
    EXPECT_TRUE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
}

TEST(OfficeRule, AStartIsAllowedUpToTheEndOfTheLeaseAndNotBeyond) {
    Ordered ordered;
    unsigned looked_at = 0;
    ordered.cluster.host(3).swallow = [&](const Action& action) {
        const Instant ends = ordered.cluster.host(3).engine->lease_ends();
        if (const auto* start = std::get_if<StartVm>(&action)) {
            EXPECT_EQ(start->valid_until, ends);
            ++looked_at;
        }
        if (const auto* resume = std::get_if<ResumeVm>(&action)) {
            EXPECT_EQ(resume->valid_until, ends);
            ++looked_at;
        }
        return false;
    };
    ordered.let_go();
    ordered.cluster.run(seconds{1});
    EXPECT_EQ(looked_at, 2U) << ordered.cluster.story(3);
}

// The agent dies between creation and resume: whether its call will still resume the VM is not known.
TEST(OfficeRule, AQemuThatNeverRanIsDestroyedByTheNextAgent) {
    Ordered ordered;
    MiniHost& target = ordered.cluster.host(3);
    target.swallow = [](const Action& action) { return std::holds_alternative<ResumeVm>(action); };
    ordered.let_go();
    ordered.cluster.run(milliseconds{300});
    ASSERT_EQ(target.paused.size(), 1U) << ordered.cluster.story(3);
    target.swallow = nullptr;
    ordered.cluster.restart_agent(3);
    ordered.cluster.run(milliseconds{300});
    EXPECT_EQ(target.destroyed.size(), 1U) << ordered.cluster.story(3);
    ordered.cluster.run(seconds{10});
    EXPECT_EQ(ordered.cluster.runs_on(1), 3) << ordered.cluster.story(3);
}

// Host 3 runs the VM by the old leader's order, and host 2, which leads next, has never been able to read that.
TEST(OfficeRule, ANewLeaderReadsAllRostersBeforeItOrdersAnything) {
    Ordered ordered;
    ordered.cluster.host(2).swallow = [](const Action& action) {
        const auto* read = std::get_if<ReadRoster>(&action);
        return read != nullptr && read->host == HostId{3};
    };
    ordered.let_go();
    ordered.cluster.run(milliseconds{300});
    ASSERT_EQ(ordered.cluster.runs_on(1), 3) << ordered.cluster.story(3);
    ordered.cluster.power_off(1);
    ordered.cluster.run(seconds{4});
    ASSERT_EQ(ordered.cluster.leader(), 2) << ordered.cluster.story(2);
    EXPECT_FALSE(ordered.cluster.saw(2, TraceCode::OrderGiven)) << ordered.cluster.story(2);
}

// The VM was stopped by its user after the leader had read its host's roster for the last time.
TEST(OfficeRule, ADeadHostsRosterIsReadAfterItsCertificate) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{3});
    ASSERT_EQ(cluster.leader(), 1);
    cluster.host(1).swallow = [](const Action& action) {
        const auto* read = std::get_if<ReadRoster>(&action);
        return read != nullptr && read->host == HostId{2};
    };
    cluster.host(2).running.clear();
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::ByUser});
    cluster.run(milliseconds{500});
    cluster.power_off(2);
    cluster.run(seconds{8});
    ASSERT_TRUE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
    EXPECT_FALSE(cluster.saw(1, TraceCode::OrderGiven)) << cluster.story(1);
}

}  // namespace
}  // namespace holdfast::testing
