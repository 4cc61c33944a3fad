// Rules about which VM is restarted where, and what becomes of an order that leads nowhere.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Three hosts, host 1 leads, host 2 runs VM 1 and dies.  Host 3 has more memory than host 1 unless a test says otherwise.
struct Restart {
    MiniCluster cluster{3, 3, kTimingFast};

    Restart() {
        cluster.run(seconds{3});
        EXPECT_EQ(cluster.leader(), 1);
        room(3, 4096);
    }

    void room(int id, std::uint32_t memory_mib, std::uint32_t datastores = 1) {
        Capacity capacity{};
        capacity.memory_mib = memory_mib;
        capacity.cpus = 8;
        capacity.datastores = datastores;
        cluster.send(id, CapacityReport{capacity});
    }

    void networks(int id, const std::vector<std::uint32_t>& hashes) {
        Capacity capacity{4096, 8, 1, {true, {}}};
        for (const std::uint32_t hash : hashes) capacity.networks.hashes.push(hash);
        cluster.send(id, CapacityReport{capacity});
    }

    void run_vm(const std::function<void(VmSpec&)>& adjust = nullptr) {
        VmSpec spec = vm_spec(1);
        if (adjust) adjust(spec);
        cluster.host(2).running[spec.vm] = spec;
        cluster.send(2, VmSeen{spec, VmRunState::Running});
        cluster.run(seconds{3});
    }

    void lose_host() {
        cluster.power_off(2);
        cluster.run(kTimingFast.dead + seconds{2});
    }

    // libvirt of host `id` says no to every start; each is counted.
    void starts_fail(int id) {
        cluster.host(id).swallow = [this, id](const Action& action) {
            const auto* start = std::get_if<StartVm>(&action);
            if (start == nullptr) return false;
            ++starts_count;
            cluster.send(id, VmStarted{start->spec.vm, start->claim, StartFailure::Libvirt});
            return true;
        };
    }

    int starts_count = 0;
};

TEST(PlanRule, ADisabledVmStaysDown) {
    Restart restart;
    restart.run_vm([](VmSpec& spec) { spec.priority = Priority::Disabled; });
    restart.lose_host();
    restart.cluster.run(seconds{10});
    EXPECT_TRUE(restart.cluster.saw(1, TraceCode::DeclaredDead));
    EXPECT_EQ(restart.cluster.runs_on(1), 0) << restart.cluster.story(1);
}

TEST(PlanRule, AVmGoesWhereItsDisksAre) {
    Restart restart;
    restart.room(1, 1024, 3);
    restart.run_vm([](VmSpec& spec) { spec.datastores = 2; });
    restart.lose_host();
    EXPECT_EQ(restart.cluster.runs_on(1), 1)
        << "although host 3 has more memory: " << restart.cluster.story(1);
}

TEST(PlanRule, AVmGoesWhereItsNetworksAre) {
    Restart restart;
    restart.networks(3, {5, 9});
    restart.run_vm([](VmSpec& spec) { spec.networks = {9, 7}; });
    restart.lose_host();
    EXPECT_EQ(restart.cluster.runs_on(1), 1)
        << "of host 1 no networks are known: " << restart.cluster.story(1);
}

TEST(PlanRule, AVmWhoseNetworksNobodyHasWaits) {
    Restart restart;
    restart.networks(1, {});
    restart.networks(3, {5, 9});
    restart.run_vm([](VmSpec& spec) { spec.networks = {9, 7}; });
    restart.lose_host();
    EXPECT_EQ(restart.cluster.runs_on(1), 0) << restart.cluster.story(1);
    EXPECT_NE(restart.cluster.story(1).find("2 without its networks"), std::string::npos)
        << restart.cluster.story(1);
    restart.networks(3, {5, 7, 9});
    restart.cluster.run(seconds{3});
    EXPECT_EQ(restart.cluster.runs_on(1), 3) << restart.cluster.story(1);
}

TEST(PlanRule, ATargetThatDiesLosesItsOrder) {
    Restart restart;
    restart.run_vm();
    restart.cluster.host(3).vm_side_hangs = true;
    restart.lose_host();
    ASSERT_TRUE(restart.cluster.saw(3, TraceCode::OrderTaken)) << restart.cluster.story(1);
    ASSERT_EQ(restart.cluster.runs_on(1), 0);
    restart.cluster.power_off(3);
    restart.cluster.run(kTimingFast.dead + seconds{5});
    EXPECT_EQ(restart.cluster.runs_on(1), 1) << restart.cluster.story(1);
}

TEST(PlanRule, AnOrderThatNobodyTakesUpGoesToAnother) {
    Restart restart;
    restart.run_vm();
    restart.cluster.host(3).swallow = [](const Action& action) {
        return std::holds_alternative<ReadOrders>(action);
    };
    restart.lose_host();
    ASSERT_TRUE(restart.cluster.saw(1, TraceCode::OrderGiven)) << restart.cluster.story(1);
    restart.room(1, 8192);
    restart.cluster.run(seconds{10});
    EXPECT_EQ(restart.cluster.runs_on(1), 1) << restart.cluster.story(1);
}

TEST(PlanRule, AfterAFailureAnotherHostIsTried) {
    Restart restart;
    restart.run_vm();
    restart.starts_fail(3);
    restart.lose_host();
    restart.cluster.run(seconds{5});
    EXPECT_EQ(restart.starts_count, 1);
    EXPECT_EQ(restart.cluster.runs_on(1), 1) << restart.cluster.story(1);
}

TEST(PlanRule, AfterAFailureEverywhereItWaits) {
    Restart restart;
    restart.run_vm();
    for (const int id : {1, 3}) restart.starts_fail(id);
    restart.lose_host();
    restart.cluster.run(seconds{90});
    EXPECT_EQ(restart.starts_count, 2) << "once on each: " << restart.cluster.story(1);
    restart.cluster.run(std::chrono::minutes{5});
    EXPECT_GE(restart.starts_count, 3);
}

// Host 3's agent has begun anew, hears nobody's answer and cannot read the record that counts it.
// Host 3 would be the better place; its agent has just started anew and was counted by nobody when host 2 is proved dead.
TEST(PlanRule, ABarredHostGetsNothing) {
    Restart restart;
    MiniCluster& cluster = restart.cluster;
    restart.run_vm();
    cluster.power_off(2);
    cluster.run(kTimingFast.dead - milliseconds{1500});
    cluster.host(3).swallow = [](const Action& action) {
        return std::holds_alternative<ReadConfig>(action);
    };
    cluster.host(3).net_in = false;
    cluster.restart_agent(3);
    restart.room(3, 4096);
    cluster.run(seconds{2});
    ASSERT_TRUE(cluster.saw(1, TraceCode::DeclaredDead)) << cluster.story(1);
    EXPECT_EQ(cluster.host(3).engine->phase(), HostPhase::Member) << cluster.story(3);
    EXPECT_TRUE(cluster.host(3).engine->barred()) << cluster.story(3);
    EXPECT_EQ(cluster.runs_on(1), 1) << cluster.story(1);
}

}  // namespace
}  // namespace holdfast::testing
