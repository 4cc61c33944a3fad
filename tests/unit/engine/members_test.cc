// Hosts whose files name different members: who is missing in a file is not read there, so what it claims would not be seen.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

bool is_beat_to(const Action& action, std::uint16_t host) {
    const auto* beat = std::get_if<SendBeat>(&action);
    return beat != nullptr && beat->beat.to == HostId{host};
}

void name_members(MiniCluster& cluster, int id, std::vector<std::uint16_t> hosts) {
    cluster.host(id).adjust = [hosts = std::move(hosts)](EngineConfig& config) {
        config.members.clear();
        for (const std::uint16_t host : hosts) config.members.push(HostId{host});
    };
    cluster.restart_agent(id);
}

void person_starts(MiniCluster& cluster, int id) {
    cluster.send(id, StartAsked{7, vm_spec(1)});
}

bool allowed(MiniCluster& cluster, int id) {
    for (const AnswerStart& answer : cluster.host(id).answers) {
        if (answer.verdict == StartVerdict::Allowed) return true;
    }
    return false;
}

// Host 3 was installed with a file that names it; the others have not heard of it.
TEST(Members, AHostThatTheClusterDoesNotListStartsNothing) {
    MiniCluster cluster(3, 3, kTimingFast);
    for (const int id : {1, 2}) name_members(cluster, id, {1, 2});
    cluster.power_off(3);
    cluster.run(seconds{5});
    cluster.power_on(3);
    cluster.host(3).swallow = [](const Action& action) {
        return is_beat_to(action, 1) || is_beat_to(action, 2);  // they would not take them
    };
    cluster.run(seconds{5});
    person_starts(cluster, 3);
    cluster.run(seconds{10});
    EXPECT_FALSE(allowed(cluster, 3)) << cluster.story(3);
    EXPECT_FALSE(cluster.saw(3, TraceCode::OfficeTaken)) << cluster.story(3);
}

// The file of host 3 has lost host 2, which the cluster counts: the record names it.
TEST(Members, AHostWhoseFileLacksAMemberLearnsOfItFromTheRecord) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.run_vm(2, 1);
    name_members(cluster, 3, {1, 3});
    cluster.run(seconds{5});
    person_starts(cluster, 3);
    cluster.run(seconds{10});
    EXPECT_FALSE(allowed(cluster, 3)) << "it runs on host 2: " << cluster.story(3);
    cluster.power_off(1);
    cluster.power_off(2);
    cluster.run(seconds{20});
    EXPECT_EQ(cluster.leader(), 3) << cluster.story(3);
    EXPECT_EQ(cluster.runs_on(1), 3);
}

// Its agent has no memory for the slots of so high an id.
TEST(Members, AHostWithoutRoomForAMemberNeitherLeadsNorStartsAnything) {
    MiniCluster cluster(4, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.host(3).adjust = [](EngineConfig& config) {
        config.members.clear();
        for (std::uint16_t h = 1; h <= 3; ++h) config.members.push(HostId{h});
        config.host_id_max = HostId{3};
    };
    cluster.restart_agent(3);
    cluster.run(seconds{5});
    person_starts(cluster, 3);
    cluster.run(seconds{10});
    EXPECT_FALSE(allowed(cluster, 3)) << cluster.story(3);
    for (const int id : {1, 2}) cluster.power_off(id);
    cluster.run(seconds{20});
    EXPECT_EQ(cluster.leader(), 4) << cluster.story(3);
}

// Host 1, whose file lacks host 3, claims a VM and reads the slots of those that it knows; then it reads the first record.
TEST(Members, AScanFromBeforeAMemberWasKnownDoesNotCount) {
    MiniCluster cluster(3, 3, kTimingFast);
    std::vector<ReadConfig> held;
    cluster.host(1).swallow = [&held](const Action& action) {
        const auto* read = std::get_if<ReadConfig>(&action);
        if (read != nullptr) held.push_back(*read);
        return read != nullptr;
    };
    name_members(cluster, 1, {1, 2});
    cluster.run(seconds{2});
    person_starts(cluster, 3);
    cluster.run(milliseconds{500});
    ASSERT_TRUE(allowed(cluster, 3)) << cluster.story(3);
    person_starts(cluster, 1);
    cluster.run(milliseconds{500});
    ASSERT_FALSE(held.empty());
    for (const ReadConfig& read : held) {
        const auto copy = cluster.disks()[read.datastore].configs[read.host.value()];
        cluster.step(
            1,
            ConfigRead{read.datastore, read.request, read.host, RegionReading::Valid, copy.get()});
    }
    cluster.run(seconds{8});
    EXPECT_FALSE(allowed(cluster, 1)) << cluster.story(1);
}

// Before there is a record nobody knows whether the files agree.
TEST(Members, NothingIsStartedBeforeTheFirstRecord) {
    MiniCluster cluster(2, 3, kTimingFast);
    bool recorded = false;
    bool early = false;
    for (const int id : {1, 2}) {
        cluster.host(id).swallow = [&, id](const Action& action) {
            recorded = recorded || std::holds_alternative<WriteConfig>(action);
            const auto* answer = std::get_if<AnswerStart>(&action);
            early = early || (answer != nullptr && answer->verdict == StartVerdict::Allowed &&
                              cluster.host(id).engine->kept().config.number.epoch.is_none());
            return false;
        };
    }
    for (int i = 0; i < 40; ++i) {
        person_starts(cluster, 2);
        cluster.run(milliseconds{50});
    }
    cluster.run(seconds{5});
    EXPECT_TRUE(recorded);
    EXPECT_FALSE(early) << cluster.story(2);
    EXPECT_TRUE(allowed(cluster, 2)) << "and then it is: " << cluster.story(2);
}

}  // namespace
}  // namespace holdfast::testing
