// A majority of the voting datastores is lost for ever, and a person says so (design section 6).
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

class LostList : public ::testing::Test {
  protected:
    LostList() : cluster_(3, 3, kTimingFast) {
        cluster_.run(seconds{8});
        EXPECT_EQ(cluster_.leader(), 1);
    }

    MiniHost& host(int id) { return cluster_.host(id); }

    // Datastores 2 and 3 are gone, for this host; what is asked of them is never answered.
    void lose(int id) {
        host(id).swallow = [](const Action& action) {
            return std::visit(
                [](const auto& what) {
                    if constexpr (requires { what.datastore; }) return what.datastore >= 1;
                    return false;
                },
                action);
        };
    }

    void ask(int id, const char* name = "2") {
        host(id).changes.clear();
        cluster_.send(id, ConfigChangeAsked{9, DatastoreChange{DatastoreName{name}, true, true}});
    }

    [[nodiscard]] ChangeVerdict answer(int id) {
        return host(id).changes.empty() ? ChangeVerdict::Busy : host(id).changes.back().verdict;
    }

    [[nodiscard]] bool allowed(int id) {
        for (const AnswerStart& one : host(id).answers) {
            if (one.verdict == StartVerdict::Allowed) return true;
        }
        return false;
    }

    // Hosts 1 and 3 lose them; host 2 goes on with them alone and hears nobody, leads, and starts a VM; then it loses them as well.
    void lose_after_host_2_has_led() {
        lose(1);
        lose(3);
        host(2).net_in = host(2).net_out = false;
        host(2).swallow = [](const Action& action) {
            return std::visit(
                [](const auto& what) {
                    if constexpr (requires { what.datastore; }) return what.datastore == 0;
                    return false;
                },
                action);
        };
        cluster_.run(seconds{5});
        ASSERT_EQ(cluster_.leader(), 2) << cluster_.story(2);
        cluster_.run_vm(2, 1);
        host(2).vm_side_hangs = true;
        cluster_.run(seconds{2});
        ASSERT_EQ(cluster_.leader(), 2);
        host(2).disks_hang = true;
    }

    MiniCluster cluster_;
};

TEST_F(LostList, APersonsWordLetsTheClusterGoOn) {
    cluster_.run_vm(2, 1);
    cluster_.run(seconds{2});
    for (int id = 1; id <= 3; ++id) lose(id);
    cluster_.run(seconds{10});
    EXPECT_EQ(cluster_.leader(), 0);
    ask(3);
    cluster_.run(seconds{10});
    EXPECT_EQ(answer(3), ChangeVerdict::Done) << cluster_.story(3);
    EXPECT_EQ(cluster_.leader(), 3);
    for (int id = 1; id <= 3; ++id) {
        EXPECT_EQ(host(id).engine->kept().config.voters.size(), 1U) << cluster_.story(id);
        EXPECT_TRUE(host(id).destroyed.empty());
    }
    EXPECT_EQ(cluster_.runs_on(1), 2);
    cluster_.power_off(2);
    cluster_.run(kTimingFast.dead + seconds{4});
    EXPECT_NE(cluster_.runs_on(1), 0) << cluster_.story(3);
}

TEST_F(LostList, IsRefusedWhileAMajorityAnswers) {
    ask(3);
    cluster_.run(seconds{1});
    EXPECT_EQ(answer(3), ChangeVerdict::MajorityLives);
    for (int id = 1; id <= 3; ++id) lose(id);
    cluster_.run(seconds{5});
    ask(3, "1");
    cluster_.run(seconds{1});
    EXPECT_EQ(answer(3), ChangeVerdict::MajorityLives) << "that one answers";
    ask(3, "elsewhere");
    cluster_.run(seconds{1});
    EXPECT_EQ(answer(3), ChangeVerdict::UnknownName);
}

TEST_F(LostList, WhoeverMayStillLeadHasItsTime) {
    lose_after_host_2_has_led();
    ask(1);
    const Instant until = cluster_.now() + leader_lease(kTimingFast);
    while (cluster_.now() < until) {
        cluster_.run(milliseconds{50});
        ASSERT_GE(cluster_.leader(), 0) << "two lead: " << cluster_.story(1);
    }
    cluster_.run(seconds{10});
    EXPECT_EQ(cluster_.leader(), 1) << cluster_.story(1);
    EXPECT_GT(host(1).engine->epoch(), Epoch{1000}) << "no epoch is decided twice";
}

TEST_F(LostList, NothingIsClaimedBeforeEverybodysClaimsAreKnown) {
    lose_after_host_2_has_led();
    const Instant said = cluster_.now();
    ask(1);
    while (!allowed(1) && cluster_.now() < said + seconds{60}) {
        cluster_.send(1, StartAsked{7, vm_spec(1)});
        cluster_.run(milliseconds{250});
    }
    EXPECT_TRUE(allowed(1)) << cluster_.story(1);
    EXPECT_GE(cluster_.now() - said, kTimingFast.dead)
        << "host 2 may have run it all that time: " << cluster_.story(1);
}

TEST_F(LostList, AHostThatBootsAgainTakesNoIncarnationThatMayBeLost) {
    for (int id = 1; id <= 3; ++id) lose(id);
    cluster_.run(seconds{4});
    ask(1);
    cluster_.power_off(3);
    cluster_.run(seconds{12});
    ASSERT_EQ(cluster_.leader(), 1) << cluster_.story(1);
    cluster_.power_on(3);
    lose(3);
    cluster_.run(seconds{10});
    EXPECT_EQ(host(3).engine->phase(), HostPhase::Member) << cluster_.story(3);
    EXPECT_GT(host(3).engine->own_slot().incarnation.boot(), 1000U);
    EXPECT_FALSE(host(3).engine->barred());
}

}  // namespace
}  // namespace holdfast::testing
