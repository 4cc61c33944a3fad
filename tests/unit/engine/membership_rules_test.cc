// Rules about whose voice counts, and under which record, that hardly any accident tells apart.
#include <gtest/gtest.h>

#include "engine/machine/membership.h"
#include "tests/unit/engine/forged_beat.h"

namespace holdfast::testing {
namespace {

bool is_scan(const Action& action) {
    return std::holds_alternative<ScanSlots>(action);
}

const KeptMembership& kept(MiniCluster& cluster, int id) {
    return cluster.host(id).engine->kept();
}

ConfigNumber number_of(MiniCluster& cluster, int id) {
    return kept(cluster, id).config.number;
}

// Three hosts that live on vouching, as no datastore answers; host 3 has just fallen silent.
struct Silenced {
    MiniCluster cluster{3, 3, kTimingFast};
    BeatNumber sent;  // the newest beat of host 2

    Silenced() {
        cluster.run(seconds{5});
        for (const int id : {1, 2, 3}) cluster.host(id).disks_hang = true;
        cluster.run(seconds{5});
        EXPECT_EQ(cluster.host(2).engine->phase(), HostPhase::Member) << cluster.story(2);
        cluster.host(3).net_out = false;
        cluster.run(milliseconds{600});
        cluster.host(2).swallow = [this](const Action& action) {
            if (const auto* send = std::get_if<SendBeat>(&action)) sent = send->beat.number;
            return false;
        };
        cluster.run(milliseconds{300});
    }

    // Whether host 2's lease grows by this answer of host 3.
    bool renews(const Beat& answer) {
        const Instant ends = cluster.host(2).engine->lease_ends();
        cluster.step(2, BeatReceived{answer, 0});
        cluster.run(milliseconds{300});
        return cluster.host(2).engine->lease_ends() > ends;
    }
};

TEST(MembershipRule, TheAnswerOfABarredHostVouchesForNobody) {
    Silenced silenced;
    Beat answer = forged_beat(silenced.cluster, 3, 2, silenced.sent);
    answer.flags.barred = true;
    EXPECT_FALSE(silenced.renews(answer)) << silenced.cluster.story(2);
    answer.number = answer.number.next();
    answer.flags.barred = false;
    EXPECT_TRUE(silenced.renews(answer)) << silenced.cluster.story(2);
}

// Host 2 reads no slot any more and knows of the leader's newest record by its beats; it publishes it in its own slot.
struct Publishing {
    MiniCluster cluster{3, 3, kTimingFast};
    int unbarred_count = 0;  // beats of host 2 that said the new number and vouched

    Publishing() {
        cluster.run(seconds{5});
        EXPECT_EQ(cluster.leader(), 1);
        cluster.host(2).swallow = [this](const Action& action) {
            const auto* send = std::get_if<SendBeat>(&action);
            if (send != nullptr && send->beat.config > before && !send->beat.flags.barred)
                ++unbarred_count;
            const auto* scan = std::get_if<ScanSlots>(&action);
            if (!hold || scan == nullptr) return false;
            cluster.send(
                2, SlotsRead{scan->datastore, scan->request, IoStatus::Failed, HostId{1}, {}});
            return true;
        };
        before = number_of(cluster, 2);
        cluster.power_off(3);
        cluster.power_on(3);  // its new incarnation is counted by a new record
        for (int i = 0; i < 3000 && published() == before; ++i) cluster.run(milliseconds{1});
        EXPECT_GT(published(), before) << cluster.story(2);
        cluster.run(milliseconds{300});
    }

    [[nodiscard]] ConfigNumber published() { return cluster.host(2).engine->own_slot().config; }

    ConfigNumber before;
    bool hold = true;
};

TEST(MembershipRule, ARecordIsNotInForceWithoutReadingBack) {
    Publishing publishing;
    EXPECT_FALSE(kept(publishing.cluster, 2).in_force) << publishing.cluster.story(2);
    publishing.hold = false;
    publishing.cluster.run(seconds{1});
    EXPECT_TRUE(kept(publishing.cluster, 2).in_force) << publishing.cluster.story(2);
}

TEST(MembershipRule, NobodyVouchesUnderARecordThatIsNotInForceYet) {
    Publishing publishing;
    EXPECT_EQ(publishing.unbarred_count, 0) << publishing.cluster.story(2);
    publishing.hold = false;
    publishing.cluster.run(seconds{1});
    EXPECT_GT(publishing.unbarred_count, 0);
}

// Why: who opened that epoch may not have seen this number, and then decides without whom it counts.
TEST(MembershipRule, ARecordIsNotAdoptedFromAReadThatShowsALaterEpoch) {
    Publishing publishing;
    MiniCluster& cluster = publishing.cluster;
    const ConfigNumber number = publishing.published();
    cluster.power_off(3);
    for (MiniDisk& disk : cluster.disks()) {
        SlotRecord& slot = disk.slots[3];
        slot.sequence = slot.sequence.next();
        slot.ballot = {number.epoch.next(), BallotNumber{1ULL << 40U}, {}, {}};
    }
    publishing.hold = false;
    for (int i = 0; i < 400; ++i) {
        cluster.run(milliseconds{1});
        EXPECT_FALSE(kept(cluster, 2).in_force && number_of(cluster, 2) == number);
        if (kept(cluster, 2).in_force) break;
    }
    EXPECT_TRUE(cluster.saw(1, TraceCode::OfficeEnded)) << "the later epoch was read";
}

// A record that host 1 is said to have made: what host 2 makes of it.
struct Handed {
    MiniCluster cluster{3, 3, kTimingFast};
    std::shared_ptr<ConfigCopy> copy = std::make_shared<ConfigCopy>();

    Handed() {
        cluster.run(seconds{5});
        copy->writer = HostId{1};
        copy->config = kept(cluster, 2).config;
        ++copy->config.number.step;
    }

    void hand() {
        cluster.step(2, ConfigRead{0, RequestId{}, HostId{1}, RegionReading::Valid, copy.get()});
    }
};

TEST(MembershipRule, AnOlderOrUnsafeRecordIsNotTaken) {
    Handed handed;
    const ConfigNumber number = number_of(handed.cluster, 2);
    handed.copy->config.number = ConfigNumber{number.epoch, number.step - 1};
    handed.hand();
    EXPECT_EQ(number_of(handed.cluster, 2), number);
    handed.copy->config.number = ConfigNumber{number.epoch, number.step + 1};
    handed.copy->config.timing.dead = handed.copy->config.timing.lease;
    handed.hand();
    EXPECT_EQ(number_of(handed.cluster, 2), number);
    handed.copy->config.timing = kTimingFast;
    handed.hand();
    EXPECT_EQ(number_of(handed.cluster, 2).step, number.step + 1);
}

TEST(MembershipRule, WhoIsOutLosesItsVoice) {
    for (const bool out : {false, true}) {
        Handed handed;
        for (ClusterMember& member : handed.copy->config.members)
            member.out = out && member.host == HostId{2};
        handed.hand();
        EXPECT_EQ(handed.cluster.host(2).engine->barred(), out);
    }
}

// Why: the next agent would begin the limit anew.
TEST(MembershipRule, LimitedVouchingCountsOnlyOnceItsBeginningIsKept) {
    for (const bool keeps : {false, true}) {
        MiniCluster cluster(3, 3, kTimingFast);
        cluster.run(seconds{5});
        cluster.power_off(3);
        cluster.run(seconds{10});
        ASSERT_TRUE(kept(cluster, 2).config.anybody_out()) << cluster.story(2);
        cluster.host(2).swallow = [keeps](const Action& action) {
            return !keeps && std::holds_alternative<KeepMembership>(action);
        };
        for (const int id : {1, 2}) cluster.host(id).disks_hang = true;
        cluster.run(seconds{10});
        EXPECT_EQ(cluster.saw(2, TraceCode::LeaseLapsed), !keeps) << cluster.story(2);
    }
}

// Why: an agent that begins without a lease knows of nobody's, whatever its predecessor knew.
TEST(MembershipRule, ARecordEndsTheBarOfTheIncarnationThatItCounts) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    for (const int id : {1, 2, 3}) cluster.host(id).disks_hang = true;
    cluster.run(seconds{3});
    cluster.host(3).net_in = false;  // nobody's answer reaches it
    cluster.restart_agent(3);
    cluster.run(seconds{3});
    EXPECT_TRUE(cluster.host(3).engine->barred()) << cluster.story(3);
}

TEST(MembershipRule, ABarredHostsLeaseNeedsAScan) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    bool taken = false;
    cluster.host(3).swallow = [&taken](const Action& action) {
        const auto* line = std::get_if<TraceLine>(&action);
        taken = taken || (line != nullptr && line->trace.code == TraceCode::IncarnationTaken);
        return taken && is_scan(action);
    };
    cluster.host(3).net_in = false;
    cluster.restart_agent(3);
    cluster.run(seconds{3});
    ASSERT_TRUE(taken) << cluster.story(3);
    EXPECT_EQ(cluster.host(3).engine->lease_ends(), kNotYet) << cluster.story(3);
}

// ---- who has a vote

// Datastore 0 votes, datastore 1 is a spare.
TEST(MembershipRule, ASpareHasNoVote) {
    for (const DatastoreIndex hung : {DatastoreIndex{0}, DatastoreIndex{1}}) {
        MiniCluster cluster(1, 3, kTimingFast);
        cluster.host(1).adjust = [](EngineConfig& config) {
            config.voters_count = 1;
            config.datastores_count = 2;
        };
        cluster.power_off(1);
        cluster.power_on(1);
        cluster.run(seconds{3});
        ASSERT_EQ(cluster.leader(), 1) << cluster.story(1);
        cluster.host(1).swallow = [hung](const Action& action) {
            const auto* write = std::get_if<WriteSlot>(&action);
            return write != nullptr && write->datastore == hung;
        };
        cluster.run(seconds{5});
        EXPECT_EQ(cluster.saw(1, TraceCode::LeaseLapsed), hung == 0) << cluster.story(1);
        EXPECT_EQ(cluster.leader(), hung == 0 ? 0 : 1);
    }
}

TEST(MembershipRule, AVoterThatThisHostDoesNotHaveCountsAmongThem) {
    MiniCluster cluster(1, 3, kTimingFast);
    EngineConfig file = cluster.host(1).config;
    for (const char* name : {"1", "2", "3"}) file.datastores.push(DatastoreName{name});
    ClusterConfig record = kept(cluster, 1).config;
    record.voters[2] = DatastoreName{"elsewhere"};
    const VoterSet voters = voters_of(record.voters, file);
    EXPECT_EQ(voters.size, 3);
    EXPECT_FALSE(voters.holds(1U)) << "one of three";
    EXPECT_TRUE(voters.holds(3U)) << "two of three";
}

}  // namespace
}  // namespace holdfast::testing
