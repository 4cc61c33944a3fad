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

// The file of host 3 has lost host 2, which the cluster counts.
TEST(Members, AHostWhoseFileLacksAMemberNeitherLeadsNorStartsAnything) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    name_members(cluster, 3, {1, 3});
    cluster.run(seconds{5});
    person_starts(cluster, 3);
    cluster.run(seconds{10});
    EXPECT_FALSE(allowed(cluster, 3)) << cluster.story(3);
    cluster.power_off(1);
    cluster.run(seconds{20});
    EXPECT_EQ(cluster.leader(), 2) << cluster.story(3);
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
