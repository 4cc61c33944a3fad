// Rules inside one epoch that hardly any accident tells apart: promises, phases, and whose value wins.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Three hosts, of which host 1 has led and has just lost its power: host 2 stands next, for epoch 2.
struct Vacant {
    MiniCluster cluster{3, 3, kTimingFast};
    Instant since;

    Vacant() {
        cluster.run(seconds{5});
        EXPECT_EQ(cluster.leader(), 1);
        since = cluster.now();
        cluster.power_off(1);
    }

    [[nodiscard]] bool stands(int id) {
        for (const Trace& trace : cluster.host(id).traces) {
            if (trace.code == TraceCode::CandidateStands && trace.at > since) return true;
        }
        return false;
    }

    void run_until_stands(int id) {
        for (int i = 0; i < 6000 && !stands(id); ++i) cluster.run(milliseconds{1});
        ASSERT_TRUE(stands(id)) << cluster.story(id);
    }

    // Host 2 has its value accepted by a majority, and reads nothing any more, so that it does not know.
    void accept_unknown() {
        cluster.host(2).swallow = [this](const Action& action) {
            return std::holds_alternative<ScanSlots>(action) && accepts(2);
        };
        const auto on_majority = [this] {
            int count = 0;
            for (MiniDisk& disk : cluster.disks())
                count += !disk.slots[2].ballot.bal.is_none() ? 1 : 0;
            return count >= 2;
        };
        for (int i = 0; i < 6000 && !on_majority(); ++i) cluster.run(milliseconds{1});
        ASSERT_TRUE(on_majority()) << cluster.story(2);
    }

    [[nodiscard]] bool accepts(int id) {
        const Ballot& ballot = cluster.host(id).engine->own_slot().ballot;
        return ballot.epoch == Epoch{2} && !ballot.bal.is_none();
    }

    // Who won epoch 2, as host `id` learned it.
    [[nodiscard]] HostKey winner(int id) {
        for (const Trace& trace : cluster.host(id).traces) {
            if (trace.code == TraceCode::EpochDecided && trace.epoch == Epoch{2}) return trace.who;
        }
        return {};
    }
};

// Why: whoever accepted it may have been told that it won.
TEST(BallotRule, AValueThatAMajorityAcceptedStaysTheEpochsWinner) {
    Vacant vacant;
    vacant.accept_unknown();
    const HostKey accepted{HostId{2}, vacant.cluster.host(2).engine->own_slot().incarnation};
    vacant.cluster.power_off(2);
    vacant.cluster.run(seconds{10});
    EXPECT_EQ(vacant.winner(3), accepted) << vacant.cluster.story(3);
    EXPECT_EQ(vacant.cluster.leader(), 3) << "of a later epoch: " << vacant.cluster.story(3);
    EXPECT_GT(vacant.cluster.host(3).engine->epoch(), Epoch{2});
}

// The others wait until the winner has shown nothing newer, and it goes on writing: it has to say that it does not lead.
TEST(BallotRule, AWinnerWithoutAnUnbrokenLeaseResigns) {
    Vacant vacant;
    vacant.accept_unknown();
    for (int i = 0; i < 6000 && vacant.winner(3).host.is_none(); ++i)
        vacant.cluster.run(milliseconds{1});
    ASSERT_EQ(vacant.winner(3).host, HostId{2}) << vacant.cluster.story(3);
    vacant.cluster.run(seconds{1});
    vacant.cluster.host(2).swallow = nullptr;
    vacant.cluster.run(seconds{10});
    EXPECT_GT(vacant.cluster.leader(), 1) << vacant.cluster.story(2) << vacant.cluster.story(3);
}

TEST(BallotRule, APhaseOnAMinorityDoesNotCount) {
    Vacant vacant;
    vacant.cluster.power_off(3);
    vacant.run_until_stands(2);
    vacant.cluster.host(2).swallow = [](const Action& action) {
        const auto* scan = std::get_if<ScanSlots>(&action);
        return scan != nullptr && scan->datastore != 0;
    };
    vacant.cluster.run(milliseconds{900});
    EXPECT_EQ(vacant.cluster.leader(), 0) << vacant.cluster.story(2);
}

// Why: in a slot that could not be read may stand a greater ballot.
TEST(BallotRule, APhaseWithUnreadableSlotsDoesNotCount) {
    Vacant vacant;
    vacant.cluster.power_off(3);
    vacant.cluster.host(2).swallow = [&vacant](const Action& action) {
        const auto* scan = std::get_if<ScanSlots>(&action);
        if (scan == nullptr || scan->datastore == 0) return false;
        static std::array<SlotView, 3> views;  // the slot of host 3 is damaged
        auto& slots = vacant.cluster.disks()[scan->datastore].slots;
        for (int i = 1; i <= 3; ++i)
            views[static_cast<std::size_t>(i - 1)] = {SlotReading::Valid, slots[i]};
        views[2].reading = SlotReading::Unusable;
        vacant.cluster.send(
            2, SlotsRead{scan->datastore, scan->request, IoStatus::Done, HostId{1}, views});
        return true;
    };
    vacant.run_until_stands(2);
    vacant.cluster.run(seconds{3});
    EXPECT_EQ(vacant.cluster.leader(), 0) << vacant.cluster.story(2);
}

TEST(BallotRule, AScanValidatesNoWriteThatIsUnderWay) {
    Vacant vacant;
    vacant.cluster.power_off(3);
    vacant.cluster.host(2).swallow = [&vacant](const Action& action) {
        return std::holds_alternative<WriteSlot>(action) && vacant.accepts(2);
    };
    vacant.run_until_stands(2);
    vacant.cluster.run(milliseconds{900});
    EXPECT_EQ(vacant.cluster.leader(), 0) << "what it accepted is on no datastore";
}

// Why: a host that forgot its promise could accept two values for one epoch.
TEST(BallotRule, APromiseSurvivesTheAgent) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    const Ballot before = cluster.host(1).engine->own_slot().ballot;
    ASSERT_FALSE(before.bal.is_none());
    int written = 0;
    cluster.host(1).swallow = [&](const Action& action) {
        if (!std::holds_alternative<WriteSlot>(action)) return false;
        const Ballot& ballot = cluster.host(1).engine->own_slot().ballot;
        EXPECT_GE(std::pair(ballot.epoch, ballot.mbal), std::pair(before.epoch, before.mbal));
        ++written;
        return false;
    };
    cluster.restart_agent(1);
    cluster.run(seconds{1});
    EXPECT_GT(written, 0);
}

TEST(BallotRule, WhoReachesMoreDatastoresStandsFirst) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    cluster.host(2).swallow = [](const Action& action) {
        const auto* write = std::get_if<WriteSlot>(&action);
        const auto* scan = std::get_if<ScanSlots>(&action);
        return (write != nullptr && write->datastore == 2) ||
               (scan != nullptr && scan->datastore == 2);
    };
    cluster.run(seconds{3});
    const Instant off = cluster.now();
    cluster.power_off(1);
    cluster.run(seconds{5});
    EXPECT_EQ(cluster.leader(), 3) << cluster.story(2);
    for (const Trace& trace : cluster.host(2).traces)
        EXPECT_FALSE(trace.code == TraceCode::CandidateStands && trace.at > off)
            << cluster.story(2);
}

}  // namespace
}  // namespace holdfast::testing
