// The configuration record, who counts under it, and what a blackout and a cold start make of that.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

using std::chrono::minutes;

const ClusterConfig& held(MiniCluster& cluster, int id) {
    return cluster.host(id).engine->kept().config;
}

const ClusterMember& entry(MiniCluster& cluster, int of, int id) {
    return *held(cluster, of).find(HostId{static_cast<std::uint16_t>(id)});
}

void hang_all(MiniCluster& cluster, std::initializer_list<int> hosts, bool hang) {
    for (const int id : hosts) cluster.host(id).disks_hang = hang;
}

TEST(Record, EveryMemberHoldsWhatTheLeaderMadeAndIsCountedByIt) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    for (const int id : {1, 2, 3}) {
        EXPECT_EQ(held(cluster, id).number, held(cluster, 1).number) << id;
        EXPECT_EQ(held(cluster, id).number.epoch, Epoch{1});
        EXPECT_TRUE(cluster.host(id).engine->kept().in_force);
        EXPECT_FALSE(cluster.host(id).engine->barred());
        EXPECT_EQ(cluster.host(id).engine->own_slot().config, held(cluster, 1).number);
        EXPECT_EQ(entry(cluster, 1, id).counted, cluster.host(id).engine->own_slot().incarnation);
        for (const MiniDisk& disk : cluster.disks())
            EXPECT_EQ(disk.configs.at(id)->config, held(cluster, 1));
    }
}

// Why: an agent that restarts with a number that nobody kept would answer under an older one again.
TEST(Record, ANumberIsPublishedOnlyOnceItIsKept) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.host(1).swallow = [](const Action& action) {
        return std::holds_alternative<KeepMembership>(action);
    };
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    EXPECT_EQ(cluster.host(1).engine->own_slot().config, ConfigNumber{});
    EXPECT_EQ(held(cluster, 2).number, ConfigNumber{});
}

// Why: what is judged under a record that no majority shows, the next leader knows nothing of.
TEST(Record, NobodyIsJudgedBeforeTheRecordOfThisOfficeIsInForce) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.run_vm(3, 1);
    cluster.run(seconds{2});
    for (const int id : {1, 2}) {
        cluster.host(id).swallow = [](const Action& action) {
            return std::holds_alternative<WriteConfig>(action);
        };
    }
    cluster.power_off(1);
    cluster.power_off(3);
    cluster.run(seconds{30});
    ASSERT_EQ(cluster.leader(), 2);
    EXPECT_FALSE(cluster.saw(2, TraceCode::DeclaredDead)) << cluster.story(2);
    EXPECT_EQ(cluster.runs_on(1), 0);
}

TEST(Record, WhoDoesNotHoldTheHighestNumberDoesNotStand) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.host(2).swallow = [](const Action& action) {
        return std::holds_alternative<ReadConfig>(action);
    };
    cluster.power_off(3);
    cluster.power_on(3);
    cluster.run(seconds{10});
    ASSERT_LT(held(cluster, 2).number, held(cluster, 3).number);
    cluster.power_off(1);
    cluster.run(seconds{10});
    EXPECT_EQ(cluster.leader(), 3) << cluster.story(2);
}

// Why: one host that cannot read a new record would end everybody's vouching.
TEST(Record, AMemberThatIsBehindVouchesAndIsVouchedFor) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.run_vm(1, 1);
    cluster.run_vm(2, 2);
    cluster.run(seconds{2});
    cluster.host(2).swallow = [](const Action& action) {
        return std::holds_alternative<ReadConfig>(action);
    };
    cluster.power_off(3);
    cluster.power_on(3);
    cluster.run(seconds{10});
    ASSERT_LT(held(cluster, 2).number, held(cluster, 1).number);
    hang_all(cluster, {1, 2, 3}, true);
    cluster.run(minutes{10});
    for (const int id : {1, 2, 3})
        EXPECT_FALSE(cluster.saw(id, TraceCode::LeaseLapsed)) << cluster.story(id);
}

// Why: under the newer record somebody may count, and lead next, who has no evidence of this host.
TEST(Record, WhoIsBehindNeedsTheAnswersOfThoseWhomItsOwnRecordPutsOut) {
    for (const bool apart : {false, true}) {
        MiniCluster cluster(3, 3, kTimingFast);
        cluster.run(seconds{5});
        cluster.run_vm(2, 1);
        cluster.run(seconds{2});
        cluster.power_off(3);
        cluster.run(seconds{10});
        ASSERT_TRUE(entry(cluster, 2, 3).out);
        cluster.host(2).swallow = [apart](const Action& action) {
            const auto* beat = std::get_if<SendBeat>(&action);
            return std::holds_alternative<ReadConfig>(action) ||
                   (apart && beat != nullptr && beat->beat.to == HostId{3});
        };
        cluster.power_on(3);
        cluster.run(seconds{10});
        ASSERT_TRUE(entry(cluster, 2, 3).out);
        ASSERT_FALSE(entry(cluster, 1, 3).out);
        hang_all(cluster, {1, 2, 3}, true);
        cluster.run(seconds{30});
        EXPECT_EQ(cluster.saw(2, TraceCode::LeaseLapsed), apart) << cluster.story(2);
    }
}

// Why: whoever leads the later epoch has read the configuration before this record was published, and knows nothing of it.
TEST(Record, NobodyAdoptsFromAReadThatShowsALaterEpoch) {
    for (const bool later : {false, true}) {
        MiniCluster cluster(3, 3, kTimingFast);
        cluster.run(seconds{5});
        cluster.power_off(3);
        cluster.run(seconds{1});
        cluster.host(1).swallow =
            [](const Action& action) {  // the leader itself sees nothing of it
                return std::holds_alternative<ScanSlots>(action);
            };
        for (MiniDisk& disk : cluster.disks()) {
            SlotRecord& slot = disk.slots.at(3);
            slot.sequence = slot.sequence.next();
            if (later) slot.ballot.epoch = Epoch{9};
        }
        const ConfigNumber before = held(cluster, 2).number;
        cluster.send(1, ConfigChangeAsked{1, MaintenanceChange{HostId{3}, true}});
        const ConfigNumber next{before.epoch, before.step + 1};
        bool published = false;
        bool adopted = false;
        for (int i = 0; i < 100; ++i) {
            cluster.run(milliseconds{10});
            const KeptMembership& kept = cluster.host(2).engine->kept();
            published = published || cluster.host(2).engine->own_slot().config == next;
            adopted = adopted || (kept.in_force && kept.config.number == next);
        }
        EXPECT_TRUE(published) << cluster.story(2);
        EXPECT_EQ(adopted, !later) << cluster.story(2);
    }
}

TEST(Record, WhoseFileDiffersIsTold) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.host(2).adjust = [](EngineConfig& config) {
        config.timing = kTimingStandard;
        config.members.push(HostId{4});
    };
    cluster.host(2).swallow = [](const Action& action) {  // there is no host 4
        const auto* beat = std::get_if<SendBeat>(&action);
        return beat != nullptr && beat->beat.to == HostId{4};
    };
    cluster.restart_agent(2);
    cluster.run(seconds{10});
    std::vector<std::int64_t> said;
    for (const Trace& trace : cluster.host(2).traces) {
        if (trace.code == TraceCode::ConfigDiffers) said.push_back(trace.a);
    }
    EXPECT_NE(std::find(said.begin(),
                        said.end(),
                        static_cast<std::int64_t>(ConfigDifference::MemberMissingThere)),
              said.end())
        << cluster.story(2);
    EXPECT_NE(
        std::find(said.begin(), said.end(), static_cast<std::int64_t>(ConfigDifference::Timing)),
        said.end());
    EXPECT_FALSE(cluster.saw(1, TraceCode::ConfigDiffers));
}

TEST(Members, OneThatIsSilentForLongIsPutOutAndCountedWhenItIsBack) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.host(2).adjust = [](EngineConfig& config) {
        config.watchdog_class = WatchdogClass::None;  // its silence proves nothing
    };
    cluster.restart_agent(2);
    cluster.run(seconds{5});
    cluster.run_vm(2, 1);
    cluster.run(seconds{2});
    cluster.power_off(2);
    cluster.run(3 * kTimingFast.dead);
    EXPECT_FALSE(entry(cluster, 1, 2).out);
    cluster.run(3 * kTimingFast.dead);
    EXPECT_TRUE(entry(cluster, 1, 2).out);
    EXPECT_FALSE(entry(cluster, 1, 2).certified_dead);
    EXPECT_FALSE(cluster.saw(1, TraceCode::DeclaredDead));
    cluster.power_on(2);
    cluster.run(seconds{5});
    EXPECT_FALSE(entry(cluster, 1, 2).out);
    EXPECT_EQ(entry(cluster, 1, 2).counted, cluster.host(2).engine->own_slot().incarnation);
    EXPECT_FALSE(cluster.host(2).engine->barred());
}

TEST(Members, ADeadOneIsOutAtOnce) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.power_off(3);
    cluster.run(kTimingFast.dead + seconds{2});
    EXPECT_TRUE(entry(cluster, 1, 3).out);
    EXPECT_TRUE(entry(cluster, 2, 3).certified_dead);
}

// Why: nobody but the counted ones may ever lead, so nobody else has to vouch.
TEST(Blackout, WithEverybodyCountedItMayLastAsLongAsItLikes) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.run_vm(2, 1);
    cluster.run(seconds{2});
    hang_all(cluster, {1, 2, 3}, true);
    cluster.run(minutes{10});
    for (const int id : {1, 2, 3})
        EXPECT_FALSE(cluster.saw(id, TraceCode::LeaseLapsed)) << cluster.story(id);
    EXPECT_EQ(cluster.runs_on(1), 2);
    EXPECT_EQ(cluster.leader(), 0);
}

TEST(Blackout, WithAMemberOutItEndsAtItsLimit) {
    for (const bool longer : {false, true}) {
        MiniCluster cluster(3, 3, kTimingFast);
        for (const int id : {1, 2, 3}) {
            cluster.host(id).adjust = [](EngineConfig& config) {
                config.blackout_limit = seconds{20};
            };
            cluster.restart_agent(id);
        }
        cluster.run(seconds{5});
        cluster.run_vm(2, 1);
        cluster.run(seconds{2});
        cluster.power_off(3);
        cluster.run(seconds{10});
        ASSERT_TRUE(entry(cluster, 2, 3).out);
        hang_all(cluster, {1, 2}, true);
        cluster.run(longer ? seconds{23} : seconds{19});
        EXPECT_EQ(cluster.saw(2, TraceCode::LeaseLapsed), longer) << cluster.story(2);
    }
}

// Why: without it, a predecessor's time in the blackout would be forgotten, again and again.
TEST(Blackout, ARestartOfTheAgentDoesNotMakeItsLimitLonger) {
    MiniCluster cluster(3, 3, kTimingFast);
    for (const int id : {1, 2, 3}) {
        cluster.host(id).adjust = [](EngineConfig& config) { config.blackout_limit = seconds{20}; };
        cluster.restart_agent(id);
    }
    cluster.run(seconds{5});
    cluster.run_vm(1, 2);
    cluster.run_vm(2, 1);
    cluster.run(seconds{2});
    cluster.power_off(3);
    cluster.run(seconds{10});
    hang_all(cluster, {1, 2}, true);
    cluster.run(seconds{10});
    cluster.restart_agent(2);
    cluster.run(seconds{8});
    EXPECT_EQ(cluster.runs_on(1), 2) << cluster.story(2);
    cluster.run(seconds{6});
    EXPECT_TRUE(cluster.saw(2, TraceCode::LeaseLapsed)) << cluster.story(2);
}

TEST(Blackout, AnAgentThatRestartsInItGoesOnVouching) {
    for (const bool with_vm : {true, false}) {
        MiniCluster cluster(3, 3, kTimingFast);
        cluster.run(seconds{5});
        cluster.run_vm(2, 1);
        if (with_vm) cluster.run_vm(3, 2);
        cluster.run(seconds{2});
        hang_all(cluster, {1, 2, 3}, true);
        cluster.run(seconds{10});
        cluster.restart_agent(3);
        EXPECT_EQ(cluster.host(3).engine->barred(), !with_vm) << "without a lease to continue";
        cluster.run(seconds{30});
        EXPECT_FALSE(cluster.host(3).engine->barred()) << "everybody has answered it";
        EXPECT_EQ(cluster.runs_on(1), 2) << cluster.story(2);
        for (const int id : {1, 2, 3})
            EXPECT_FALSE(cluster.saw(id, TraceCode::LeaseLapsed)) << cluster.story(id);
    }
}

// Why: an agent of a new boot knows no record and has no evidence of anybody.
TEST(Blackout, AHostThatBootsInItVouchesForNobody) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.run_vm(2, 1);
    cluster.run(seconds{2});
    hang_all(cluster, {1, 2, 3}, true);
    cluster.run(seconds{5});
    cluster.power_off(3);
    cluster.power_on(3);
    cluster.run(seconds{5});
    EXPECT_TRUE(cluster.host(3).engine->barred());
    EXPECT_TRUE(cluster.saw(2, TraceCode::LeaseLapsed)) << cluster.story(2);
}

TEST(ColdStart, OfEverybodyIsQuick) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.run_vm(2, 1);
    cluster.run(seconds{2});
    for (const int id : {1, 2, 3}) cluster.power_off(id);
    cluster.run(seconds{60});
    for (const int id : {1, 2, 3}) cluster.power_on(id);
    cluster.run(seconds{10});
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
}

// Why: the third may be alive, vouched for by somebody whom this host does not see.
TEST(ColdStart, OfAPartWaitsUntilNobodyElseCanHoldALease) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.run_vm(3, 1);
    cluster.run(seconds{2});
    for (const int id : {1, 2, 3}) cluster.power_off(id);
    cluster.run(seconds{60});
    for (const int id : {1, 2}) cluster.power_on(id);
    cluster.run(minutes{5});
    EXPECT_EQ(cluster.leader(), 0);
    EXPECT_TRUE(cluster.host(1).engine->barred());
    cluster.run(seconds{30});
    EXPECT_NE(cluster.leader(), 0) << cluster.story(1);
    EXPECT_GT(cluster.runs_on(1), 0) << cluster.story(1);
}

// Why: the process remembers all that it has seen; only an agent's start begins without evidence.
TEST(ColdStart, ALapseKeepsTheVoice) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    cluster.power_off(3);
    for (const int id : {1, 2}) {
        cluster.host(id).io_time = seconds{4};
        cluster.host(id).net_out = false;
    }
    cluster.run(seconds{3});
    ASSERT_TRUE(cluster.saw(1, TraceCode::LeaseLapsed));
    for (const int id : {1, 2}) {
        cluster.host(id).io_time = milliseconds{1};
        cluster.host(id).net_out = true;
    }
    cluster.run(seconds{10});
    EXPECT_NE(cluster.leader(), 0) << cluster.story(1) << cluster.story(2);
}

}  // namespace
}  // namespace holdfast::testing
