// A live migration that ends on the target while nobody there looks.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Why: its source has paused what it handed over, and was told that the migration came to nothing: nobody ran the VM again
// (seed 214).
void run_away_and_lose_it(bool list_is_slow) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{3});
    MiniHost& source = cluster.host(2);
    MiniHost& target = cluster.host(3);
    StartAsked asked{7, vm_spec(1)};
    asked.incoming = true;
    cluster.send(3, asked);
    cluster.run(seconds{1});
    ASSERT_FALSE(target.answers.empty());
    ASSERT_EQ(target.answers.back().verdict, StartVerdict::Allowed) << cluster.story(3);
    target.moving[vm_spec(1).vm] = vm_spec(1);
    cluster.send(3, VmSeen{vm_spec(1), VmRunState::Moving});
    source.running.clear();
    source.moving[vm_spec(1).vm] = vm_spec(1);
    cluster.send(2, VmSeen{vm_spec(1), VmRunState::Moving});
    cluster.run(milliseconds{100});
    // It runs on the target now; the agent there comes back when its lease is over.
    target.engine.reset();
    target.moving.clear();
    target.running[vm_spec(1).vm] = vm_spec(1);
    cluster.run(kTimingFast.lease + milliseconds{100});
    target.list_away = list_is_slow;
    cluster.restart_agent(3);
    cluster.run(milliseconds{200});
    if (list_is_slow) cluster.return_list(3);
    cluster.run(seconds{10});
    EXPECT_FALSE(target.destroyed.empty()) << cluster.story(3);
    EXPECT_NE(cluster.runs_on(1), 0) << cluster.story(2) << cluster.story(3);
    EXPECT_TRUE(source.moving.empty()) << "its memory is older than its disks";
}

TEST(Arrival, ThatRanWhileNoAgentSawItIsWantedWhenItIsLost) {
    for (const bool list_is_slow : {false, true}) run_away_and_lose_it(list_is_slow);
}

}  // namespace
}  // namespace holdfast::testing
