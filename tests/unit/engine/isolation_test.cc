// Isolated and partitioned (design section 7): what a host finds of itself, and what it does about it.
#include "engine/machine/isolation.h"

#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// A cluster of three that has formed, led by host 1; on host 3 a VM with this policy.
class IsolationTest : public ::testing::Test {
  protected:
    IsolationTest() : cluster_(3, 3, kTimingFast) {
        for (int id = 1; id <= 3; ++id) {
            cluster_.host(id).adjust = [this](EngineConfig& config) {
                config.asks_isolation_addresses = asks_;
                config.shutdown_limit = seconds{10};
            };
        }
    }

    void form(bool asks = false) {
        asks_ = asks;
        for (int id = 1; id <= 3; ++id) {
            cluster_.power_off(id);
            cluster_.power_on(id);
        }
        cluster_.run(seconds{8});
        ASSERT_EQ(cluster_.leader(), 1);
    }

    void run_vm(int id, std::uint8_t number, IsolationResponse response) {
        VmSpec spec = vm_spec(number);
        spec.isolation = response;
        cluster_.host(id).running[spec.vm] = spec;
        cluster_.send(id, VmSeen{spec, VmRunState::Running});
        cluster_.run(seconds{2});
    }

    void cut(int id, bool off = true) {
        cluster_.host(id).net_in = cluster_.host(id).net_out = !off;
    }

    // Lets time pass while the isolation addresses answer these hosts, or do not.
    void run_with_probes(Duration span, bool answered) {
        for (Duration passed{}; passed < span; passed += milliseconds{250}) {
            for (int id = 1; id <= 3; ++id) cluster_.send(id, ProbeReport{answered});
            cluster_.run(milliseconds{250});
        }
    }

    [[nodiscard]] SlotFlags says(int id) { return cluster_.disks()[0].slots[id].flags; }

    bool asks_ = false;
    MiniCluster cluster_;
};

// Why: a combination without a row would be a decision that nobody took.
TEST(IsolationTable, EveryCombinationHasExactlyOneRow) {
    for (unsigned bits = 0; bits < 16; ++bits) {
        const FindingFacts facts{
            (bits & 1U) != 0, (bits & 2U) != 0, (bits & 4U) != 0, (bits & 8U) != 0};
        int rows = 0;
        for (const FindingRow& row : kFindingTable) rows += matches(row, facts) ? 1 : 0;
        EXPECT_EQ(rows, 1) << bits;
        const Finding finding = judge_self(facts).finding;
        EXPECT_EQ(finding == Finding::Isolated, facts.cut_off);
        if (!facts.cut_off) {
            EXPECT_EQ(finding == Finding::Partitioned,
                      !facts.leads && !facts.hears_leader && facts.leader_moves);
        }
    }
}

TEST_F(IsolationTest, IsSaidInTheSlotWithinTwoIntervals) {
    form();
    cut(3);
    cluster_.run(kTimingFast.isolation_after - 2 * kTimingFast.interval);
    EXPECT_FALSE(says(3).isolated) << "not before its time";
    cluster_.run(4 * kTimingFast.interval);
    EXPECT_TRUE(says(3).isolated) << cluster_.story(3);
    EXPECT_FALSE(says(1).isolated);
    cut(3, false);
    cluster_.run(2 * kTimingFast.interval);
    EXPECT_FALSE(says(3).isolated);
}

TEST_F(IsolationTest, AnAddressThatAnswersMakesItAPartition) {
    form(true);
    cut(3);
    run_with_probes(seconds{5}, true);
    EXPECT_FALSE(says(3).isolated) << cluster_.story(3);
    EXPECT_TRUE(says(3).partitioned);
    run_with_probes(seconds{3}, false);
    EXPECT_TRUE(says(3).isolated);
}

TEST_F(IsolationTest, AddressesThatCannotBeAskedHaveNotBeenSilent) {
    form(true);
    cut(3);
    cluster_.run(seconds{6});
    EXPECT_FALSE(says(3).isolated) << "no round of asking was ever reported";
    EXPECT_TRUE(says(3).partitioned);
}

TEST_F(IsolationTest, AHostThatStoodStillReadsItsInboxFirst) {
    form();
    MiniHost& host = cluster_.host(2);
    // As a freeze does it: time passes for everybody else.
    auto frozen = std::move(host.engine);
    cluster_.run(seconds{1});
    host.engine = std::move(frozen);
    cluster_.run(milliseconds{1500});
    EXPECT_FALSE(cluster_.saw(2, TraceCode::FindingChanged)) << cluster_.story(2);
}

TEST_F(IsolationTest, ADeadLeaderIsNoPartition) {
    form();
    cluster_.power_off(1);
    cluster_.run(seconds{2});
    EXPECT_FALSE(cluster_.saw(2, TraceCode::FindingChanged)) << cluster_.story(2);
    EXPECT_FALSE(cluster_.saw(3, TraceCode::FindingChanged)) << cluster_.story(3);
}

TEST_F(IsolationTest, LeaveIsTheDefault) {
    form();
    run_vm(3, 1, IsolationResponse::Cluster);
    cut(3);
    cluster_.run(seconds{10});
    EXPECT_EQ(cluster_.runs_on(1), 3) << cluster_.story(3);
    EXPECT_TRUE(cluster_.host(3).destroyed.empty());
}

TEST_F(IsolationTest, PowerOffRestartsElsewhereWithoutATimeout) {
    form();
    run_vm(3, 1, IsolationResponse::PowerOff);
    run_vm(3, 2, IsolationResponse::Leave);
    cut(3);
    // The finding, two intervals for others' findings, one for a slot written after them, and a restart without any waiting.
    cluster_.run(kTimingFast.isolation_after + 6 * kTimingFast.interval);
    EXPECT_GT(cluster_.runs_on(1), 0) << cluster_.story(3) << cluster_.story(1);
    EXPECT_NE(cluster_.runs_on(1), 3);
    EXPECT_EQ(cluster_.runs_on(2), 3) << "told to stay";
    cluster_.run(seconds{10});
    EXPECT_NE(cluster_.runs_on(1), 3);
    EXPECT_EQ(cluster_.runs_on(2), 3);
}

TEST_F(IsolationTest, ShutdownAsksTheGuestFirst) {
    form();
    cluster_.host(3).guests_are_deaf = true;
    run_vm(3, 1, IsolationResponse::Shutdown);
    cut(3);
    cluster_.run(seconds{8});
    ASSERT_EQ(cluster_.host(3).shut_down.size(), 1U) << cluster_.story(3);
    EXPECT_EQ(cluster_.host(3).shut_down[0].limit, seconds{10});
    EXPECT_TRUE(cluster_.host(3).destroyed.empty());
    EXPECT_EQ(cluster_.runs_on(1), 3) << "no second copy while the guest takes its time";
    cluster_.run(seconds{6});
    EXPECT_GT(cluster_.runs_on(1), 0);
    EXPECT_NE(cluster_.runs_on(1), 3) << cluster_.story(1);
}

TEST_F(IsolationTest, TheEndOfTheLeaseOvertakesAShutdown) {
    form();
    cluster_.host(3).guests_are_deaf = true;
    run_vm(3, 1, IsolationResponse::Shutdown);
    cut(3);
    cluster_.run(seconds{5});
    ASSERT_EQ(cluster_.host(3).shut_down.size(), 1U) << cluster_.story(3);
    cluster_.host(3).disks_hang = true;
    cluster_.run(seconds{3});
    EXPECT_EQ(cluster_.host(3).destroyed.size(), 1U) << cluster_.story(3);
    EXPECT_FALSE(cluster_.host(3).reset_asked);
}

TEST_F(IsolationTest, NothingIsStoppedWhenNobodyCouldRestartIt) {
    form();
    run_vm(2, 1, IsolationResponse::PowerOff);
    run_vm(3, 2, IsolationResponse::Shutdown);
    for (int id = 1; id <= 3; ++id) cut(id);
    cluster_.run(seconds{15});
    EXPECT_EQ(cluster_.runs_on(1), 2) << cluster_.story(2);
    EXPECT_EQ(cluster_.runs_on(2), 3) << cluster_.story(3);
    EXPECT_TRUE(cluster_.saw(2, TraceCode::IsolationHeldBack));
    EXPECT_EQ(cluster_.leader(), 1) << "nobody is better off: the leader stays";
    // When the network comes back, some notice it a moment before others.
    for (int id = 1; id <= 3; ++id) {
        cut(id, false);
        cluster_.run(milliseconds{120});
    }
    cluster_.run(seconds{5});
    EXPECT_EQ(cluster_.runs_on(1), 2) << cluster_.story(2);
    EXPECT_EQ(cluster_.runs_on(2), 3) << cluster_.story(3);
    EXPECT_EQ(cluster_.leader(), 1);
}

// Why: an agent that starts in a dead network says nothing of isolation yet, because it has had no time to find out.
TEST_F(IsolationTest, AnAgentThatHasJustStartedIsNoRefuge) {
    form();
    run_vm(3, 1, IsolationResponse::PowerOff);
    for (int id = 1; id <= 3; ++id) cut(id);
    cluster_.run(kTimingFast.isolation_after + kTimingFast.interval);
    cluster_.restart_agent(1);
    cluster_.run(seconds{8});
    EXPECT_EQ(cluster_.runs_on(1), 3) << cluster_.story(3) << cluster_.story(1);
}

TEST_F(IsolationTest, ALeaderResignsWhileSomebodyElseIsNotIsolated) {
    form();
    run_vm(1, 1, IsolationResponse::PowerOff);
    cut(1);
    cluster_.run(kTimingFast.isolation_after + 8 * kTimingFast.interval);
    EXPECT_GT(cluster_.leader(), 1) << cluster_.story(1) << cluster_.story(2);
    EXPECT_TRUE(cluster_.saw(1, TraceCode::Resigned));
    cluster_.run(seconds{3});
    EXPECT_GT(cluster_.runs_on(1), 1) << cluster_.story(2);
    cluster_.run(seconds{20});
    EXPECT_GT(cluster_.leader(), 1) << "an isolated host does not stand while others could";
}

TEST_F(IsolationTest, AVmThatCrashesOnAnIsolatedHostIsNotRevivedThere) {
    form();
    run_vm(3, 1, IsolationResponse::PowerOff);
    run_vm(3, 2, IsolationResponse::Leave);
    cut(3);
    cluster_.host(3).vm_side_hangs = true;  // its power-off does not end
    cluster_.run(seconds{5});
    cluster_.host(3).vm_side_hangs = false;
    cluster_.host(3).running.erase(vm_spec(2).vm);
    cluster_.send(3, VmStopped{vm_spec(2).vm, StopCause::Crashed});
    cluster_.run(seconds{2});
    EXPECT_EQ(cluster_.runs_on(2), 3) << "told to stay: it is revived here";
}

// Why: else the next agent takes the guest's shutdown for its user's, and the VM stays off.
TEST_F(IsolationTest, AnAgentThatRestartsGoesOnWithWhatItsRosterSays) {
    form();
    cluster_.host(3).guests_are_deaf = true;
    run_vm(3, 1, IsolationResponse::Shutdown);
    cut(3);
    cluster_.run(seconds{5});
    ASSERT_EQ(cluster_.host(3).shut_down.size(), 1U);
    cluster_.restart_agent(3);
    cluster_.run(seconds{3});
    EXPECT_EQ(cluster_.host(3).destroyed.size(), 1U) << cluster_.story(3);
    EXPECT_GT(cluster_.runs_on(1), 0) << cluster_.story(1);
    EXPECT_NE(cluster_.runs_on(1), 3);
}

// Why: until libvirt's list is there nothing is known of what the predecessor has asked its guests (seed 2990).
TEST_F(IsolationTest, AnAgentThatRestartsGoesOnAlsoWhereItIsConnectedBeforeLibvirtAnswers) {
    form();
    run_vm(3, 1, IsolationResponse::Shutdown);
    cluster_.host(3).guests_are_deaf = true;
    cut(3);
    cluster_.run(seconds{5});
    ASSERT_FALSE(cluster_.host(3).shut_down.empty()) << cluster_.story(3);
    cut(3, false);
    cluster_.host(3).list_away = true;
    cluster_.restart_agent(3);
    cluster_.run(seconds{2});
    ASSERT_EQ(cluster_.host(3).engine->phase(), HostPhase::Member);
    cluster_.return_list(3);
    cluster_.run(seconds{3});
    EXPECT_NE(cluster_.runs_on(1), 0) << cluster_.story(3);
    EXPECT_NE(cluster_.runs_on(1), 3) << cluster_.story(3);
}

// Why: what its own blindness made news of was written before the finding (seed 5205).
TEST_F(IsolationTest, ASlotSeenForTheFirstTimeAfterBlindnessIsNoSignOfLife) {
    form();
    run_vm(3, 1, IsolationResponse::PowerOff);
    // The lease goes on: its writes land.  It reads nothing.
    cluster_.host(3).swallow = [this](const Action& action) {
        const auto* scan = std::get_if<ScanSlots>(&action);
        if (scan == nullptr) return false;
        cluster_.send(3,
                      SlotsRead{scan->datastore, scan->request, IoStatus::Failed, scan->first, {}});
        return true;
    };
    cluster_.run(milliseconds{500});
    cluster_.power_off(1);
    cluster_.power_off(2);
    cluster_.run(seconds{5});
    ASSERT_TRUE(says(3).isolated) << cluster_.story(3);
    cluster_.host(3).swallow = nullptr;
    cluster_.run(seconds{3});
    EXPECT_TRUE(cluster_.host(3).destroyed.empty()) << cluster_.story(3);
}

TEST_F(IsolationTest, APersonsStartIsRefusedWhereItWouldBeStoppedAtOnce) {
    form();
    cut(3);
    cluster_.run(seconds{5});
    VmSpec spec = vm_spec(4);
    spec.isolation = IsolationResponse::PowerOff;
    cluster_.step(3, StartAsked{77, spec});
    ASSERT_EQ(cluster_.host(3).answers.size(), 1U);
    EXPECT_EQ(cluster_.host(3).answers[0].verdict, StartVerdict::Isolated);
}

}  // namespace
}  // namespace holdfast::testing
