// Rules about what an isolated host stops, and when, that hardly any accident tells apart.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Three hosts, host 1 leads; host 3, which runs VM 1 with response `poweroff`, loses its network and is about to stop
// it, but its roster is written by no datastore: so it cannot say so.
struct AboutToStop {
    MiniCluster cluster{3, 3, kTimingFast};
    bool hold = true;

    AboutToStop() {
        cluster.run(seconds{5});
        EXPECT_EQ(cluster.leader(), 1);
        VmSpec spec = vm_spec(1);
        spec.isolation = IsolationResponse::PowerOff;
        host().running[spec.vm] = spec;
        cluster.send(3, VmSeen{spec, VmRunState::Running});
        cluster.run(seconds{2});
        host().swallow = [this](const Action& action) {
            return hold && std::holds_alternative<WriteRoster>(action);
        };
        cut(true);
        for (int i = 0; i < 8000 && !cluster.saw(3, TraceCode::VmStopping); ++i)
            cluster.run(milliseconds{1});
        EXPECT_TRUE(cluster.saw(3, TraceCode::VmStopping)) << cluster.story(3);
    }

    MiniHost& host() { return cluster.host(3); }

    void cut(bool off) { host().net_in = host().net_out = !off; }
};

// Why: an agent that restarts in the middle takes the end of a VM for its user's stop.
TEST(IsolationRule, TheRosterSaysItBeforeAnythingIsStopped) {
    AboutToStop about;
    about.cluster.run(seconds{1});
    EXPECT_TRUE(about.host().destroyed.empty()) << about.cluster.story(3);
    EXPECT_EQ(about.cluster.runs_on(1), 3);
}

TEST(IsolationRule, AResponseIsWithdrawnWhenTheNetworkIsBackInTime) {
    AboutToStop about;
    about.cut(false);
    about.cluster.run(seconds{1});
    about.hold = false;
    about.cluster.run(seconds{5});
    EXPECT_TRUE(about.host().destroyed.empty()) << about.cluster.story(3);
    EXPECT_EQ(about.cluster.runs_on(1), 3);
    const Roster& roster = about.host().engine->own_roster();
    ASSERT_EQ(roster.claims.size(), 1U);
    EXPECT_EQ(roster.claims[0].state, ClaimState::Running) << "it is nobody's to give away";
}

TEST(IsolationRule, AVmThatIsBeingGivenUpIsNotRevived) {
    AboutToStop about;
    bool started = false;
    about.host().swallow = [&started](const Action& action) {
        started = started || std::holds_alternative<StartVm>(action);
        return std::holds_alternative<WriteRoster>(action);
    };
    about.host().running.clear();
    about.cluster.send(3, VmStopped{vm_spec(1).vm, StopCause::Crashed});
    about.cluster.run(milliseconds{500});
    EXPECT_FALSE(started) << about.cluster.story(3);
}

}  // namespace
}  // namespace holdfast::testing
