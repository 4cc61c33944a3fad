// The host lease: what renews it, from when, and that it is never renewed once it is over.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Why: a write that takes longer than the lease never gave one, so there is none to lose and no VM to destroy.
TEST(Lease, OneThatIsOverBeforeItBeginsHurtsNoVm) {
    MiniCluster cluster(1, 1, kTimingFast);
    cluster.host(1).io_time = seconds{3};
    cluster.run_vm(1, 1);
    cluster.run(seconds{30});
    EXPECT_EQ(cluster.runs_on(1), 1) << cluster.story(1);
    EXPECT_FALSE(cluster.saw(1, TraceCode::LeaseLapsed)) << cluster.story(1);
    EXPECT_EQ(cluster.host(1).engine->lease_ends(), kNotYet);
    EXPECT_EQ(cluster.host(1).deadline, kNever);
}

TEST(Lease, CountsFromTheIssueOfTheWriteAndNotFromItsCompletion) {
    MiniCluster cluster(1, 1, kTimingFast);
    cluster.run(seconds{3});
    cluster.host(1).io_time = milliseconds{900};
    Instant issued = kNotYet;
    cluster.host(1).swallow = [&](const Action& action) {
        if (std::holds_alternative<WriteSlot>(action) && issued == kNotYet) issued = cluster.now();
        return false;
    };
    cluster.run(milliseconds{300});
    cluster.host(1).disks_hang = true;
    cluster.run(milliseconds{1200});
    ASSERT_NE(issued, kNotYet);
    EXPECT_EQ(cluster.host(1).engine->lease_ends(), issued + kTimingFast.lease);
}

TEST(Lease, AnsweredBeatsCountFromTheirSending) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.host(2).disks_hang = true;
    cluster.run(seconds{3});
    Instant sent = kNotYet;
    cluster.host(2).swallow = [&](const Action& action) {
        if (!std::holds_alternative<SendBeat>(action)) return false;
        if (sent == kNotYet) sent = cluster.now();
        return sent != cluster.now();  // this beat is the last one
    };
    cluster.run(milliseconds{1500});
    EXPECT_EQ(cluster.host(2).engine->lease_ends(), sent + kTimingFast.lease);
}

TEST(Lease, LateAnswersAndLateWritesDoNotBringItBack) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    cluster.run_vm(2, 1);
    cluster.run(seconds{3});
    MiniHost& host = cluster.host(2);
    const Incarnation before = host.engine->own_slot().incarnation;
    host.io_time = milliseconds{2100};  // what is issued now answers just after the lease
    host.net_in = false;
    cluster.run(milliseconds{2300});
    EXPECT_TRUE(cluster.saw(2, TraceCode::LeaseLapsed)) << cluster.story(2);
    EXPECT_EQ(host.destroyed.size(), 1U);
    host.net_in = true;
    host.io_time = milliseconds{1};
    cluster.run(seconds{5});
    EXPECT_EQ(host.engine->phase(), HostPhase::Member);
    EXPECT_GT(host.engine->own_slot().incarnation, before);
}

TEST(Lease, OnlyTheLeaderOfTheHighestEpochRenewsItWithOneAnswer) {
    for (const bool leads : {true, false}) {
        MiniCluster cluster(3, 3, kTimingFast);
        cluster.run(seconds{3});
        ASSERT_EQ(cluster.leader(), 1);
        cluster.host(2).disks_hang = true;
        cluster.host(leads ? 3 : 1).net_out = false;  // vouching ends, one member still answers
        cluster.run(seconds{4});
        EXPECT_EQ(cluster.saw(2, TraceCode::LeaseLapsed), !leads) << cluster.story(2);
    }
}

TEST(Lease, AnswersToAnotherIncarnationCountForNothing) {
    MiniCluster cluster(2, 1, kTimingFast);
    cluster.run(seconds{3});
    ASSERT_EQ(cluster.leader(), 1);
    MiniHost& host = cluster.host(2);
    host.disks_hang = true;
    host.net_in = false;
    cluster.run(milliseconds{1000});
    const Instant ends = host.engine->lease_ends();
    Beat beat;
    host.swallow = [&beat](const Action& action) {
        if (const auto* send = std::get_if<SendBeat>(&action)) beat = send->beat;
        return false;
    };
    cluster.run(milliseconds{300});
    Beat answer;
    answer.from = HostId{1};
    answer.to = HostId{2};
    answer.host_uuid = uuid_of(1, 1);
    answer.boot_id = cluster.host(1).config.boot_id;
    answer.incarnation = cluster.host(1).engine->own_slot().incarnation;
    answer.number = BeatNumber{1000};
    answer.epoch = host.engine->epoch();
    answer.winner = {HostId{1}, answer.incarnation};
    answer.leading = true;
    answer.answered_number = beat.number;
    answer.answered_incarnation = {beat.incarnation.boot(), beat.incarnation.restart() + 1};
    cluster.step(2, BeatReceived{answer, 0});
    EXPECT_EQ(host.engine->lease_ends(), ends);
    answer.number = BeatNumber{1001};
    answer.answered_incarnation = beat.incarnation;
    cluster.step(2, BeatReceived{answer, 0});
    EXPECT_GT(host.engine->lease_ends(), ends);
}

TEST(Lease, AMemberAloneLivesByStorageOnly) {
    for (const std::size_t members : {1U, 2U}) {
        MiniCluster cluster(members, 1, kTimingFast);
        cluster.run(seconds{3});
        if (members == 2) cluster.power_off(2);
        cluster.host(1).disks_hang = true;
        cluster.run(seconds{3});
        EXPECT_TRUE(cluster.saw(1, TraceCode::LeaseLapsed)) << members << cluster.story(1);
    }
}

// Why: whoever returns from a pause has a lapsed lease first, whatever waits in its queues.
TEST(Lease, ALeaseThatEndedIsOverBeforeTheEventOfTheSameStepIsLookedAt) {
    MiniCluster cluster(1, 1, kTimingFast);
    cluster.run(seconds{3});
    RequestId write;
    cluster.host(1).swallow = [&write](const Action& action) {
        const auto* slot = std::get_if<WriteSlot>(&action);
        if (slot != nullptr) write = slot->request;
        return slot != nullptr || std::holds_alternative<SendBeat>(action);
    };
    cluster.run(milliseconds{400});
    const Instant ends = cluster.host(1).engine->lease_ends();
    Actions* actions = new Actions;
    cluster.host(1).engine->step({ends, SlotWritten{0, write, IoStatus::Done}}, *actions);
    delete actions;
    EXPECT_NE(cluster.host(1).engine->phase(), HostPhase::Member);
    EXPECT_EQ(cluster.host(1).engine->lease_ends(), kNotYet);
}

}  // namespace
}  // namespace holdfast::testing
