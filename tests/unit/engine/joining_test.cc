// Members that come and go while the cluster runs (design section 6).
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Hosts 1 to 3 are a cluster that has formed, led by host 1; their files do not name host 4, which is off and names all.
class ComingAndGoing : public ::testing::Test {
  protected:
    ComingAndGoing() : cluster_(4, 3, kTimingFast) {
        cluster_.power_off(4);
        for (const int id : {1, 2, 3}) {
            cluster_.host(id).adjust = [](EngineConfig& config) {
                config.members.clear();
                for (std::uint16_t h = 1; h <= 3; ++h) config.members.push(HostId{h});
            };
            cluster_.power_off(id);
        }
        for (const int id : {1, 2, 3}) cluster_.power_on(id);
        cluster_.run(seconds{8});
    }

    MiniHost& host(int id) { return cluster_.host(id); }

    [[nodiscard]] const ClusterMember* member(int id, std::uint16_t of) {
        return host(id).engine->kept().config.find(HostId{of});
    }

    ChangeVerdict ask(MemberChange change, Duration within = seconds{3}) {
        const int leader = cluster_.leader();
        if (leader < 1) return ChangeVerdict::NotLeading;
        host(leader).changes.clear();
        cluster_.send(leader, ConfigChangeAsked{5, change});
        cluster_.run(within);
        return host(leader).changes.empty() ? ChangeVerdict::Busy
                                            : host(leader).changes.back().verdict;
    }

    static MemberChange adding(std::uint16_t id) {
        MemberChange change{HostId{id}, false, {}};
        change.place.name = FixedText<64>{"new"};
        change.place.addresses[0] = {4, {10, 0, 0, 9}};
        return change;
    }

    static MemberChange removing(std::uint16_t id) { return {HostId{id}, true, {}}; }

    [[nodiscard]] bool person_may_start(int id, std::uint8_t vm) {
        host(id).answers.clear();
        cluster_.send(id, StartAsked{7, vm_spec(vm)});
        cluster_.run(seconds{3});
        for (const AnswerStart& answer : host(id).answers) {
            if (answer.verdict == StartVerdict::Allowed) return true;
        }
        return false;
    }

    MiniCluster cluster_;
};

using Joining = ComingAndGoing;
using Removing = ComingAndGoing;

TEST_F(Joining, AHostJoinsARunningCluster) {
    ASSERT_EQ(cluster_.leader(), 1) << cluster_.story(1);
    cluster_.power_on(4);
    cluster_.run(seconds{3});
    EXPECT_FALSE(person_may_start(4, 1)) << "not before it is added";
    EXPECT_EQ(ask(adding(4)), ChangeVerdict::Done) << cluster_.story(1);
    for (const int id : {1, 2, 3, 4}) {
        ASSERT_NE(member(id, 4), nullptr) << id;
        EXPECT_TRUE(host(id).engine->kept().config.counts(HostId{4})) << cluster_.story(id);
        EXPECT_EQ(member(id, 4)->place.name.view(), "new") << "the record carries it";
    }
    EXPECT_FALSE(host(2).listed.empty()) << "the agent is told where its beats go";
    EXPECT_FALSE(host(4).engine->barred());
    EXPECT_TRUE(person_may_start(4, 1)) << cluster_.story(4);
}

TEST_F(Joining, ItTakesPartInEverything) {
    cluster_.power_on(4);
    ASSERT_EQ(ask(adding(4)), ChangeVerdict::Done);
    cluster_.run_vm(4, 1);
    cluster_.run(seconds{2});
    cluster_.power_off(4);
    cluster_.run(kTimingFast.dead + seconds{3});
    EXPECT_NE(cluster_.runs_on(1), 0) << cluster_.story(1);
    cluster_.power_on(4);
    cluster_.run(seconds{3});
    for (const int id : {1, 2, 3}) cluster_.power_off(id);
    cluster_.run(seconds{20});
    EXPECT_EQ(cluster_.leader(), 4) << cluster_.story(4);
    EXPECT_EQ(cluster_.runs_on(1), 4);
}

TEST_F(Joining, ABlackoutNeedsItsAnswerFromThenOn) {
    cluster_.power_on(4);
    ASSERT_EQ(ask(adding(4)), ChangeVerdict::Done);
    cluster_.run_vm(2, 1);
    cluster_.run(seconds{2});
    for (int id = 1; id <= 4; ++id) host(id).disks_hang = true;
    cluster_.run(seconds{10});
    EXPECT_EQ(cluster_.runs_on(1), 2) << "everybody vouches: " << cluster_.story(2);
    host(4).net_out = false;
    cluster_.run(seconds{10});
    EXPECT_EQ(cluster_.runs_on(1), 0) << cluster_.story(2);
}

TEST_F(Joining, IsCountedOnlyOnceEveryOtherMemberKnowsIt) {
    cluster_.power_on(4);
    // Host 3 cannot read the record, and goes on living on the leader's answers.
    host(3).swallow = [](const Action& action) {
        return std::holds_alternative<ReadConfig>(action);
    };
    EXPECT_EQ(ask(adding(4)), ChangeVerdict::Busy) << "no answer: it is not done";
    cluster_.run(seconds{10});
    EXPECT_TRUE(member(1, 4)->joining);
    EXPECT_FALSE(host(1).engine->kept().config.counts(HostId{4})) << cluster_.story(1);
    EXPECT_FALSE(person_may_start(4, 1)) << cluster_.story(4);
    host(3).swallow = nullptr;
    cluster_.restart_agent(3);
    cluster_.run(seconds{5});
    EXPECT_TRUE(host(1).engine->kept().config.counts(HostId{4})) << cluster_.story(1);
}

TEST_F(Joining, TheNextLeaderGoesOnWithIt) {
    ASSERT_EQ(ask(adding(4)), ChangeVerdict::Done);
    EXPECT_TRUE(member(2, 4)->joining);
    cluster_.power_off(1);
    cluster_.run(seconds{10});
    cluster_.power_on(4);
    cluster_.run(seconds{5});
    ASSERT_EQ(cluster_.leader(), 2);
    EXPECT_TRUE(host(2).engine->kept().config.counts(HostId{4})) << cluster_.story(2);
}

TEST_F(Removing, AHostThatLivesIsNotRemoved) {
    EXPECT_EQ(ask(removing(3)), ChangeVerdict::NotOver);
    cluster_.power_off(3);
    cluster_.run(kTimingFast.silent);
    EXPECT_EQ(ask(removing(3), milliseconds{100}), ChangeVerdict::NotOver) << "silent is not dead";
    cluster_.run(kTimingFast.dead * 2);
    EXPECT_EQ(ask(removing(3)), ChangeVerdict::Done) << cluster_.story(1);
    EXPECT_EQ(ask(removing(3)), ChangeVerdict::NothingToDo);
}

TEST_F(Removing, WhoSaidGoodbyeIsRemovedAtOnce) {
    cluster_.send(3, ShutdownAsked{true});
    cluster_.run(seconds{1});
    ASSERT_TRUE(host(3).shutdown_ready);
    cluster_.power_off(3);
    cluster_.run(milliseconds{500});
    EXPECT_EQ(ask(removing(3)), ChangeVerdict::Done) << cluster_.story(1);
}

TEST_F(Removing, AHostThatComesBackDoesNothing) {
    cluster_.power_off(3);
    cluster_.run(kTimingFast.dead * 2);
    ASSERT_EQ(ask(removing(3)), ChangeVerdict::Done);
    cluster_.power_on(3);
    cluster_.run(seconds{5});
    EXPECT_FALSE(person_may_start(3, 1)) << cluster_.story(3);
    EXPECT_TRUE(host(3).engine->barred());
    EXPECT_TRUE(member(1, 3)->removed) << cluster_.story(1);
    cluster_.power_off(1);
    cluster_.power_off(2);
    cluster_.run(seconds{400});  // longer than anybody unseen could hold a lease
    EXPECT_EQ(cluster_.leader(), 0) << cluster_.story(3);
}

TEST_F(Removing, ItMayBeAddedAgain) {
    cluster_.power_off(3);
    cluster_.run(kTimingFast.dead * 2);
    ASSERT_EQ(ask(removing(3)), ChangeVerdict::Done);
    cluster_.power_on(3);
    cluster_.run(seconds{3});
    EXPECT_EQ(ask(adding(3)), ChangeVerdict::Done);
    EXPECT_TRUE(host(2).engine->kept().config.counts(HostId{3})) << cluster_.story(2);
    EXPECT_TRUE(person_may_start(3, 1)) << cluster_.story(3);
}

// Why: a member that is out limits a blackout, as it might come back and judge; one that is removed cannot.
TEST_F(Removing, LimitsNoBlackout) {
    for (const int id : {1, 2, 3}) {
        const auto named = host(id).adjust;
        host(id).adjust = [named](EngineConfig& config) {
            named(config);
            config.blackout_limit = seconds{10};
        };
        cluster_.restart_agent(id);
    }
    cluster_.run(seconds{10});
    cluster_.power_off(3);
    cluster_.run(kTimingFast.dead * 2);
    ASSERT_EQ(ask(removing(3)), ChangeVerdict::Done);
    cluster_.run_vm(2, 1);
    cluster_.run(seconds{2});
    host(1).disks_hang = host(2).disks_hang = true;
    cluster_.run(seconds{60});
    EXPECT_EQ(cluster_.runs_on(1), 2) << cluster_.story(2);
}

TEST_F(Removing, ItsVmsAreSettledFirst) {
    for (const int id : {1, 2}) {
        cluster_.send(id, CapacityReport{{1, 1, 1}});  // nobody has room
    }
    cluster_.run_vm(3, 1);
    cluster_.run(seconds{2});
    cluster_.power_off(3);
    cluster_.run(kTimingFast.dead * 2);
    EXPECT_EQ(ask(removing(3)), ChangeVerdict::Unsettled) << cluster_.story(1);
    cluster_.send(2, CapacityReport{{1024, 8, 1}});
    cluster_.run(seconds{200});
    EXPECT_EQ(cluster_.runs_on(1), 2) << cluster_.story(1);
    EXPECT_EQ(ask(removing(3)), ChangeVerdict::Done);
}

}  // namespace
}  // namespace holdfast::testing
