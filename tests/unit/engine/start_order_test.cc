// Order, room and pace (design section 9): what is started before what, and where.
#include <gtest/gtest.h>

#include "engine/base/name_hash.h"
#include "engine/machine/placement.h"
#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

std::uint32_t name_of(std::uint8_t number) {
    return name_hash("vm" + std::to_string(number));
}

class StartOrderTest : public ::testing::Test {
  protected:
    StartOrderTest() : cluster_(3, 3, kTimingFast) { cluster_.run(seconds{3}); }

    // A VM of this number that runs on host `id`.
    void run_vm(int id, std::uint8_t number, const std::function<void(VmSpec&)>& adjust = nullptr) {
        VmSpec spec = vm_spec(number);
        spec.relations.name = name_of(number);
        if (adjust) adjust(spec);
        cluster_.host(id).running[spec.vm] = spec;
        cluster_.send(id, VmSeen{spec, VmRunState::Running});
    }

    void lose(int id) {
        cluster_.run(seconds{3});
        cluster_.power_off(id);
    }

    // The numbers of the VMs in the order in which host 1 gave orders for them.
    [[nodiscard]] std::string ordered() {
        std::string text;
        for (const Trace& trace : cluster_.host(1).traces) {
            if (trace.code == TraceCode::OrderGiven) text += trace.vm_name.view().substr(2);
        }
        return text;
    }

    MiniCluster cluster_;
};

TEST_F(StartOrderTest, PriorityThenSize) {
    run_vm(3, 1, [](VmSpec& spec) { spec.priority = Priority::Low; });
    run_vm(3, 2);
    run_vm(3, 3, [](VmSpec& spec) { spec.memory_mib = 128; });
    run_vm(3, 4, [](VmSpec& spec) { spec.priority = Priority::Highest; });
    lose(3);
    cluster_.run(seconds{8});
    EXPECT_EQ(ordered(), "4321") << cluster_.story(1);
}

TEST_F(StartOrderTest, AStartWaitsUntilWhatItNamesRuns) {
    run_vm(3, 1, [](VmSpec& spec) {
        spec.priority = Priority::High;
        spec.relations.after[0] = name_of(2);
    });
    run_vm(3, 2, [](VmSpec& spec) { spec.priority = Priority::Low; });
    run_vm(3, 3);
    lose(3);
    cluster_.host(1).vm_side_hangs = cluster_.host(2).vm_side_hangs = true;
    cluster_.run(seconds{7});
    EXPECT_EQ(ordered(), "23") << "2 takes over the priority of 1: " << cluster_.story(1);
    EXPECT_TRUE(cluster_.saw(1, TraceCode::StartWaits));
    EXPECT_EQ(cluster_.runs_on(1), 0);
}

TEST_F(StartOrderTest, AndThenForItsDelay) {
    run_vm(3, 1, [](VmSpec& spec) {
        spec.relations.after[0] = name_of(2);
        spec.relations.after_delay_seconds = 5;
    });
    run_vm(3, 2);
    lose(3);
    cluster_.run(seconds{8});
    EXPECT_GT(cluster_.runs_on(2), 0);
    EXPECT_EQ(cluster_.runs_on(1), 0) << cluster_.story(1);
    cluster_.run(seconds{5});
    EXPECT_GT(cluster_.runs_on(1), 0) << cluster_.story(1);
}

TEST_F(StartOrderTest, AStartWaitsForAGuestAgent) {
    run_vm(3, 1, [](VmSpec& spec) {
        spec.relations.after[0] = name_of(2);
        spec.relations.after_agent = 1;
    });
    run_vm(3, 2, [](VmSpec& spec) { spec.agent = GuestAgent::Up; });
    lose(3);
    cluster_.run(seconds{30});
    const int host = cluster_.host(1).running.contains(vm_spec(2).vm) ? 1 : 2;
    ASSERT_TRUE(cluster_.host(host).running.contains(vm_spec(2).vm)) << cluster_.story(1);
    EXPECT_EQ(cluster_.runs_on(1), 0)
        << "that its agent was up on the dead host is nothing: " << cluster_.story(1);
    VmSpec heard = cluster_.host(host).running[vm_spec(2).vm];
    EXPECT_EQ(heard.agent, GuestAgent::Awaited);
    heard.agent = GuestAgent::Up;
    cluster_.send(host, VmSeen{heard, VmRunState::Running});
    cluster_.run(seconds{3});
    EXPECT_GT(cluster_.runs_on(1), 0) << cluster_.story(1);
}

TEST_F(StartOrderTest, AGuestWithoutAnAgentNeedOnlyRun) {
    run_vm(3, 1, [](VmSpec& spec) {
        spec.relations.after[0] = name_of(2);
        spec.relations.after_agent = 1;
    });
    run_vm(3, 2);
    lose(3);
    cluster_.run(seconds{9});
    EXPECT_GT(cluster_.runs_on(1), 0) << cluster_.story(1);
    EXPECT_TRUE(cluster_.saw(1, TraceCode::WaitGivenUp)) << "and that is said";
}

TEST_F(StartOrderTest, WhatRunsAlreadyIsNotWaitedFor) {
    run_vm(3, 1, [](VmSpec& spec) {
        spec.relations.after[0] = name_of(2);
        spec.relations.after_delay_seconds = 60;
    });
    run_vm(2, 2);
    lose(3);
    cluster_.run(seconds{8});
    EXPECT_GT(cluster_.runs_on(1), 0) << cluster_.story(1);
    EXPECT_FALSE(cluster_.saw(1, TraceCode::StartWaits));
}

TEST_F(StartOrderTest, WhatIsMissingIsSaidAndNotWaitedFor) {
    run_vm(3, 1, [](VmSpec& spec) { spec.relations.after[0] = name_of(99); });
    lose(3);
    cluster_.run(seconds{8});
    EXPECT_GT(cluster_.runs_on(1), 0) << cluster_.story(1);
    EXPECT_TRUE(cluster_.saw(1, TraceCode::WaitGivenUp));
}

TEST_F(StartOrderTest, ACircleIsSaidAndBroken) {
    run_vm(3, 1, [](VmSpec& spec) { spec.relations.after[0] = name_of(2); });
    run_vm(3, 2, [](VmSpec& spec) { spec.relations.after[0] = name_of(3); });
    run_vm(3, 3, [](VmSpec& spec) {
        spec.relations.after[0] = name_of(1);
        spec.memory_mib = 128;
    });
    lose(3);
    cluster_.run(seconds{9});
    EXPECT_EQ(ordered(), "321") << "the first in order begins, the others wait: "
                                << cluster_.story(1);
    EXPECT_TRUE(cluster_.saw(1, TraceCode::WaitGivenUp));
}

TEST_F(StartOrderTest, NothingIsWaitedForForEver) {
    run_vm(3, 1, [](VmSpec& spec) { spec.relations.after[0] = name_of(2); });
    run_vm(3, 2, [](VmSpec& spec) { spec.memory_mib = 4096; });  // nobody has that much
    lose(3);
    cluster_.run(std::chrono::minutes{9});
    EXPECT_EQ(cluster_.runs_on(1), 0);
    cluster_.run(std::chrono::minutes{2});
    EXPECT_GT(cluster_.runs_on(1), 0) << cluster_.story(1);
}

TEST_F(StartOrderTest, ApartIsAMust) {
    const auto apart = [](VmSpec& spec) { spec.relations.apart = 7; };
    run_vm(1, 1, apart);
    run_vm(3, 2, apart);
    run_vm(3, 3, apart);
    lose(3);
    cluster_.run(seconds{9});
    EXPECT_EQ(cluster_.runs_on(2) + cluster_.runs_on(3), 2)
        << "one on host 2, one waits: " << cluster_.story(1);
    EXPECT_TRUE(cluster_.saw(1, TraceCode::NoRoom));
}

TEST_F(StartOrderTest, TogetherIsAWish) {
    const auto together = [](VmSpec& spec) { spec.relations.together = 7; };
    run_vm(2, 1, together);
    run_vm(2, 4, [](VmSpec& spec) { spec.memory_mib = 500; });
    run_vm(3, 2, together);
    lose(3);
    cluster_.run(seconds{8});
    EXPECT_EQ(cluster_.runs_on(2), 2) << "although host 1 has more memory: " << cluster_.story(1);
}

TEST_F(StartOrderTest, NoHostIsFloodedWithStarts) {
    for (std::uint8_t number = 1; number <= 20; ++number)
        run_vm(3, number, [](VmSpec& spec) { spec.memory_mib = 8; });
    lose(3);
    cluster_.host(1).vm_side_hangs = cluster_.host(2).vm_side_hangs = true;
    cluster_.run(seconds{7});
    EXPECT_EQ(cluster_.disks()[0].orders[1].orders.size(), 2U * kStartsInFlightMax)
        << cluster_.story(1);
    EXPECT_FALSE(cluster_.saw(1, TraceCode::NoRoom)) << "busy is no lack of room";
}

}  // namespace
}  // namespace holdfast::testing
