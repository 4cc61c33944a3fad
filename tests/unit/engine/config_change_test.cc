// What a person may change in a running cluster: timing, datastores, maintenance.
#include <gtest/gtest.h>

#include "engine/base/prng.h"
#include "engine/machine/timing_stage.h"
#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

const ClusterConfig& record_of(MiniCluster& cluster, int id) {
    return cluster.host(id).engine->kept().config;
}

DatastoreName named(const char* name) {
    return DatastoreName{name};
}

// Asks `id`, and waits.
AnswerChange ask(MiniCluster& cluster, int id, const ConfigChange& change, Duration wait) {
    static std::uint64_t token = 0;
    cluster.send(id, ConfigChangeAsked{++token, change});
    cluster.run(wait);
    const auto& answers = cluster.host(id).changes;
    if (answers.empty() || answers.back().token != token) return {0, ChangeVerdict{}, {}, {}};
    return answers.back();
}

class Change : public ::testing::Test {
  protected:
    void form(MiniCluster& cluster) {
        cluster.run(seconds{5});
        ASSERT_EQ(cluster.leader(), 1);
    }
};

TEST_F(Change, TheLeaderMakesItAndOthersSayWhoThatIs) {
    MiniCluster cluster(3, 3, kTimingFast);
    form(cluster);
    const TimingChange change{kTimingStandard};
    const AnswerChange elsewhere = ask(cluster, 2, change, seconds{10});
    EXPECT_EQ(elsewhere.verdict, ChangeVerdict::NotLeading);
    EXPECT_EQ(elsewhere.leader, HostId{1});
    EXPECT_EQ(record_of(cluster, 1).timing, kTimingFast);
    const AnswerChange done = ask(cluster, 1, change, seconds{20});
    EXPECT_EQ(done.verdict, ChangeVerdict::Done) << cluster.story(1);
    for (const int id : {1, 2, 3}) {
        EXPECT_EQ(record_of(cluster, id).number, done.number);
        EXPECT_EQ(cluster.host(id).engine->timing(), kTimingStandard) << cluster.story(id);
        EXPECT_EQ(cluster.host(id).engine->own_slot().lease, kTimingStandard.lease);
        EXPECT_EQ(cluster.host(id).engine->kept().lease, kTimingStandard.lease);
    }
}

TEST_F(Change, WhatCannotBeIsRefused) {
    MiniCluster cluster(3, 3, kTimingFast);
    form(cluster);
    Timing unsafe = kTimingStandard;
    unsafe.dead = unsafe.lease;
    const auto verdict = [&cluster](const ConfigChange& change) {
        return ask(cluster, 1, change, seconds{1}).verdict;
    };
    EXPECT_EQ(verdict(TimingChange{unsafe}), ChangeVerdict::Unsafe);
    EXPECT_EQ(verdict(TimingChange{kTimingFast}), ChangeVerdict::NothingToDo);
    EXPECT_EQ(verdict(DatastoreChange{named("9"), false}), ChangeVerdict::UnknownName);
    EXPECT_EQ(verdict(DatastoreChange{named("9"), true}), ChangeVerdict::UnknownName);
    EXPECT_EQ(verdict(DatastoreChange{named("1"), false}), ChangeVerdict::NothingToDo);
    EXPECT_EQ(verdict(MaintenanceChange{HostId{9}, true}), ChangeVerdict::UnknownName);
    EXPECT_EQ(verdict(MaintenanceChange{HostId{2}, false}), ChangeVerdict::NothingToDo);
    EXPECT_EQ(record_of(cluster, 1).number.step, record_of(cluster, 2).number.step);
    EXPECT_EQ(record_of(cluster, 1).timing, kTimingFast);
}

TEST_F(Change, OneAtATime) {
    MiniCluster cluster(3, 3, kTimingFast);
    form(cluster);
    cluster.send(1, ConfigChangeAsked{71, TimingChange{kTimingStandard}});
    cluster.send(1, ConfigChangeAsked{72, MaintenanceChange{HostId{2}, true}});
    cluster.run(seconds{20});
    ASSERT_EQ(cluster.host(1).changes.size(), 2U);
    EXPECT_EQ(cluster.host(1).changes[0].token, 72U);
    EXPECT_EQ(cluster.host(1).changes[0].verdict, ChangeVerdict::Busy);
    EXPECT_EQ(cluster.host(1).changes[1].verdict, ChangeVerdict::Done);
}

// ---- timing

TEST(TimingStages, HalfwayIsSafeWhereverItLeads) {
    Prng prng(7);
    const auto any = [&prng](const Timing& base) {
        Timing timing = base;
        timing.interval = timing.interval * static_cast<int>(40 + prng.below(200)) / 100;
        timing.fresh = timing.interval * static_cast<int>(2 + prng.below(4));
        timing.silent = timing.fresh * static_cast<int>(1 + prng.below(3));
        timing.isolation_after = timing.silent * static_cast<int>(1 + prng.below(3));
        timing.lease = timing.interval * static_cast<int>(4 + prng.below(20));
        timing.watchdog = seconds{1 + static_cast<int>(prng.below(10))};
        timing.landing = milliseconds{200 + static_cast<int>(prng.below(4000))};
        timing.dead = dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing);
        return timing;
    };
    for (int i = 0; i < 1000; ++i) {
        const Timing from = any(kTimingFast);
        const Timing to = any(kTimingPatient);
        ASSERT_TRUE(is_safe(from) && is_safe(to));
        EXPECT_TRUE(is_safe(between(from, to)));
        EXPECT_LE(between(from, to).interval, std::min(from.interval, to.interval));
        EXPECT_GE(between(from, to).isolation_after,
                  std::max(from.isolation_after, to.isolation_after));
    }
}

// Why: whoever judges goes by what was published, and a new leader knows only what a majority shows.
TEST(TimingStages, ALongerLeaseIsUsedOnlyOnceAMajorityHoldsIt) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    MiniHost& host = cluster.host(2);
    host.swallow = [&host](const Action& action) {  // it is written nowhere
        return std::holds_alternative<WriteSlot>(action) &&
               host.engine->own_slot().lease > kTimingFast.lease;
    };
    cluster.send(1, ConfigChangeAsked{1, TimingChange{kTimingStandard}});
    cluster.run(seconds{20});
    EXPECT_EQ(host.engine->own_slot().lease, kTimingStandard.lease) << cluster.story(2);
    EXPECT_EQ(host.engine->timing().lease, kTimingFast.lease) << cluster.story(2);
    EXPECT_FALSE(cluster.saw(2, TraceCode::LeaseLapsed)) << "the leader answers it";
}

// Why: what was allowed under the longer lease goes on until that ends.
TEST(TimingStages, AShorterLeaseIsPublishedOnlyOnceTheLongerOneHasEnded) {
    MiniCluster cluster(3, 3, kTimingStandard);
    cluster.run(seconds{8});
    ASSERT_EQ(cluster.leader(), 1);
    cluster.send(1, ConfigChangeAsked{1, TimingChange{kTimingFast}});
    const Engine& engine = *cluster.host(2).engine;
    Instant ended = kNotYet;
    bool published = false;
    for (int i = 0; i < 3000 && !published; ++i) {
        if (engine.timing().lease == kTimingStandard.lease) ended = engine.lease_ends();
        cluster.run(milliseconds{10});
        published = engine.own_slot().lease == kTimingFast.lease;
        if (published) {
            EXPECT_GE(cluster.now() + milliseconds{10}, ended);
        }
    }
    EXPECT_TRUE(published) << cluster.story(2);
    cluster.run(seconds{5});
    EXPECT_EQ(engine.timing(), kTimingFast);
    EXPECT_FALSE(cluster.saw(2, TraceCode::LeaseLapsed));
}

// Why: beats become rare only when everybody is patient.
TEST(TimingStages, NobodyIsFoundSilentOrIsolatedOnTheWay) {
    for (const bool longer : {true, false}) {
        MiniCluster cluster(3, 3, longer ? kTimingFast : kTimingPatient);
        cluster.run(seconds{20});
        cluster.run_vm(2, 1);
        cluster.run(seconds{5});
        for (const int id : {1, 2, 3}) cluster.host(id).traces.clear();
        const ConfigChange change = TimingChange{longer ? kTimingPatient : kTimingFast};
        EXPECT_EQ(ask(cluster, cluster.leader(), change, seconds{120}).verdict,
                  ChangeVerdict::Done);
        for (const int id : {1, 2, 3}) {
            for (const TraceCode code :
                 {TraceCode::VerdictChanged, TraceCode::FindingChanged, TraceCode::LeaseLapsed})
                EXPECT_FALSE(cluster.saw(id, code)) << cluster.story(id);
        }
        EXPECT_EQ(cluster.runs_on(1), 2);
    }
}

TEST(TimingStages, AnAgentThatRestartsGoesOnWithWhatItsPredecessorUsed) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.run_vm(2, 1);
    ASSERT_EQ(ask(cluster, 1, TimingChange{kTimingStandard}, seconds{20}).verdict,
              ChangeVerdict::Done);
    cluster.restart_agent(2);
    EXPECT_EQ(cluster.host(2).engine->timing(), kTimingStandard);
    cluster.run(seconds{5});
    EXPECT_EQ(cluster.runs_on(1), 2);
    EXPECT_FALSE(cluster.saw(2, TraceCode::LeaseLapsed));
    // In the middle of a shorter one: it is used at once, and published when the predecessor's lease is over.
    cluster.host(2).kept->config.timing = cluster.host(2).kept->config.timing_next = kTimingFast;
    cluster.restart_agent(2);
    EXPECT_EQ(cluster.host(2).engine->timing().lease, kTimingFast.lease);
    EXPECT_EQ(cluster.host(2).engine->kept().lease, kTimingStandard.lease);
}

TEST(TimingStages, ALeaderThatDiesMidwayIsFollowedByOneThatFinishes) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.send(1, ConfigChangeAsked{1, TimingChange{kTimingPatient}});
    cluster.run(seconds{2});
    ASSERT_NE(record_of(cluster, 2).timing, kTimingFast);
    ASSERT_NE(record_of(cluster, 2).timing, kTimingPatient) << "halfway";
    cluster.power_off(1);
    cluster.run(seconds{150});
    for (const int id : {2, 3})
        EXPECT_EQ(cluster.host(id).engine->timing(), kTimingPatient) << cluster.story(id);
    // It comes back with another file.
    cluster.power_on(1);
    cluster.run(seconds{30});
    EXPECT_EQ(cluster.host(1).engine->timing(), kTimingPatient) << cluster.story(1);
    EXPECT_TRUE(cluster.saw(1, TraceCode::ConfigDiffers));
}

// ---- datastores

TEST(Datastores, OneIsReplacedWhileTheClusterRuns) {
    MiniCluster cluster(3, 3, kTimingFast, 1);
    cluster.run(seconds{5});
    cluster.run_vm(2, 1);
    cluster.run(seconds{2});
    EXPECT_EQ(ask(cluster, 1, DatastoreChange{named("4"), false}, seconds{5}).verdict,
              ChangeVerdict::Done)
        << cluster.story(1);
    EXPECT_EQ(ask(cluster, 1, DatastoreChange{named("1"), true}, seconds{5}).verdict,
              ChangeVerdict::Done)
        << cluster.story(1);
    for (const int id : {1, 2, 3}) {
        ASSERT_EQ(record_of(cluster, id).voters.size(), 3U);
        for (const DatastoreName& name : record_of(cluster, id).voters)
            EXPECT_FALSE(name == named("1"));
    }
    // Two of the new list are enough, and two of the old one are not.
    cluster.power_off(2);
    cluster.run(seconds{20});
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
}

// Why: two lists that differ by two have majorities that miss each other.
TEST(Datastores, TheNextStepWaitsUntilEveryCountedMemberPublishesTheLast) {
    MiniCluster cluster(3, 3, kTimingFast, 2);
    cluster.run(seconds{5});
    cluster.host(3).swallow = [&cluster](const Action& action) {  // it cannot read it
        const auto* read = std::get_if<ReadConfig>(&action);
        if (read == nullptr) return false;
        cluster.send(3, ConfigRead{read->datastore, read->request, read->host});
        return true;
    };
    cluster.send(1, ConfigChangeAsked{901, DatastoreChange{named("4"), false}});
    cluster.run(seconds{5});
    EXPECT_TRUE(cluster.host(1).changes.empty()) << "it is not in force everywhere";
    ASSERT_EQ(record_of(cluster, 2).voters.size(), 4U);
    // A leader that knows nothing of the question goes on from there.
    cluster.restart_agent(1);
    cluster.run(seconds{5});
    const int leader = cluster.leader();
    ASSERT_GT(leader, 0) << cluster.story(1);
    EXPECT_EQ(ask(cluster, leader, DatastoreChange{named("5"), false}, seconds{5}).verdict,
              ChangeVerdict::Busy);
    EXPECT_EQ(record_of(cluster, 1).voters.size(), 4U);
    cluster.host(3).swallow = nullptr;
    cluster.run(seconds{5});
    EXPECT_EQ(ask(cluster, leader, DatastoreChange{named("5"), false}, seconds{5}).verdict,
              ChangeVerdict::Done)
        << cluster.story(leader);
}

TEST(Datastores, WhatAMajorityOfTheHostsDoesNotWriteMayNotVote) {
    MiniCluster cluster(3, 3, kTimingFast, 1);
    cluster.run(seconds{5});
    for (const int id : {2, 3}) {
        cluster.host(id).swallow = [](const Action& action) {
            const auto* write = std::get_if<WriteSlot>(&action);
            return write != nullptr && write->datastore == 3;
        };
    }
    cluster.run(seconds{3});
    EXPECT_EQ(ask(cluster, 1, DatastoreChange{named("4"), false}, seconds{5}).verdict,
              ChangeVerdict::NotReached);
    EXPECT_EQ(record_of(cluster, 1).voters.size(), 3U);
}

// Why: the roster of a host that does not write any more is not on the new list.
TEST(Datastores, TheListStaysWhileVmsOfADeadHostAreNotSettled) {
    MiniCluster cluster(3, 3, kTimingFast, 1);
    cluster.run(seconds{5});
    cluster.run_vm(3, 1);
    cluster.run(seconds{2});
    cluster.power_off(3);
    cluster.run(seconds{3});
    EXPECT_EQ(ask(cluster, 1, DatastoreChange{named("4"), false}, milliseconds{500}).verdict,
              ChangeVerdict::Unsettled);
    cluster.run(seconds{10});
    ASSERT_GT(cluster.runs_on(1), 0);
    EXPECT_EQ(ask(cluster, 1, DatastoreChange{named("4"), false}, seconds{3}).verdict,
              ChangeVerdict::Done);
}

TEST(Datastores, TheLastOneAndTheLastMajorityStay) {
    MiniCluster cluster(3, 1, kTimingFast, 1);
    cluster.run(seconds{5});
    EXPECT_EQ(ask(cluster, 1, DatastoreChange{named("1"), true}, seconds{1}).verdict,
              ChangeVerdict::LastVoter);
}

// ---- maintenance

TEST(Maintenance, ItTakesNoVmsAndTheLeaderMakesRoom) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.run_vm(3, 1);
    cluster.run_vm(1, 2);
    cluster.run(seconds{2});
    EXPECT_EQ(ask(cluster, 1, MaintenanceChange{HostId{1}, true}, seconds{5}).verdict,
              ChangeVerdict::Done);
    EXPECT_NE(cluster.leader(), 1) << cluster.story(1);
    EXPECT_NE(cluster.leader(), 0) << cluster.story(2);
    EXPECT_EQ(cluster.runs_on(2), 1) << "what runs there runs on";
    EXPECT_TRUE(cluster.host(1).engine->own_slot().flags.maintenance);
    cluster.step(1, StartAsked{5, vm_spec(7)});
    ASSERT_FALSE(cluster.host(1).answers.empty());
    EXPECT_EQ(cluster.host(1).answers.back().verdict, StartVerdict::Maintenance);
    cluster.power_off(3);
    cluster.run(seconds{20});
    EXPECT_EQ(cluster.runs_on(1), 2) << cluster.story(2);
    // Its own VM crashes: it runs again elsewhere.
    cluster.host(1).running.erase(vm_spec(2).vm);
    cluster.send(1, VmStopped{vm_spec(2).vm, StopCause::Crashed});
    cluster.run(seconds{10});
    EXPECT_EQ(cluster.runs_on(2), 2) << cluster.story(1);
}

TEST(Maintenance, SomebodyHasToStay) {
    MiniCluster cluster(2, 3, kTimingFast);
    cluster.run(seconds{5});
    EXPECT_EQ(ask(cluster, 1, MaintenanceChange{HostId{2}, true}, seconds{3}).verdict,
              ChangeVerdict::Done);
    EXPECT_EQ(ask(cluster, 1, MaintenanceChange{HostId{1}, true}, seconds{3}).verdict,
              ChangeVerdict::LastHost);
    // Nobody else can lead: then it does, and can end its own maintenance.
    cluster.power_off(1);
    cluster.run(seconds{20});
    EXPECT_EQ(cluster.leader(), 2) << cluster.story(2);
    EXPECT_EQ(ask(cluster, 2, MaintenanceChange{HostId{2}, false}, seconds{3}).verdict,
              ChangeVerdict::Done);
    EXPECT_FALSE(cluster.host(2).engine->own_slot().flags.maintenance);
}

TEST(Maintenance, ItOutlivesARebootOfTheHostAndOfTheLeader) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    EXPECT_EQ(ask(cluster, 1, MaintenanceChange{HostId{3}, true}, seconds{3}).verdict,
              ChangeVerdict::Done);
    cluster.power_off(3);
    cluster.run(seconds{10});
    cluster.power_on(3);
    cluster.power_off(1);
    cluster.run(seconds{20});
    EXPECT_TRUE(cluster.host(3).engine->own_slot().flags.maintenance);
    EXPECT_EQ(cluster.leader(), 2);
}

}  // namespace
}  // namespace holdfast::testing
