// One leader at a time: who may stand, when, and what counts as a phase.
#include <gtest/gtest.h>

#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

Instant first(MiniCluster& cluster, int id, TraceCode code, Instant since) {
    for (const Trace& trace : cluster.host(id).traces) {
        if (trace.code == code && trace.at >= since) return trace.at;
    }
    return kNever;
}

TEST(Leader, ACandidateWaitsForTheLeaseOfASilentWinner) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    const Instant off = cluster.now();
    cluster.power_off(1);
    cluster.run(seconds{5});
    const Instant earliest = off + takeover_after(kTimingFast, kTimingFast.lease) -
                             kTimingFast.interval - milliseconds{5};
    for (const int id : {2, 3})
        EXPECT_GE(first(cluster, id, TraceCode::CandidateStands, off), earliest) << id;
    EXPECT_GT(cluster.leader(), 1);
}

TEST(Leader, AWinnerThatResignsLetsOthersStandAtOnce) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    cluster.send(1, ShutdownAsked{false});
    cluster.run(milliseconds{1200});
    EXPECT_GT(cluster.leader(), 1) << cluster.story(2) << cluster.story(3);
}

TEST(Leader, AnOfficeThatEndedByTheClockIsOverForItsEpoch) {
    MiniCluster cluster(2, 1, kTimingFast);
    cluster.run(seconds{5});
    ASSERT_EQ(cluster.leader(), 1);
    const Epoch epoch = cluster.host(1).engine->epoch();
    for (const int id : {1, 2}) cluster.host(id).io_time = milliseconds{1600};
    cluster.run(milliseconds{1550});
    EXPECT_EQ(cluster.leader(), 0);
    for (const int id : {1, 2}) cluster.host(id).io_time = milliseconds{1};
    for (int i = 0; i < 3000 && cluster.leader() == 0; ++i) cluster.run(milliseconds{1});
    EXPECT_NE(cluster.leader(), 0);
    EXPECT_GT(cluster.host(2).engine->epoch(), epoch) << cluster.story(1) << cluster.story(2);
}

TEST(Leader, APhaseWithUnreadableSlotsDoesNotCount) {
    MiniCluster cluster(3, 3, kTimingFast);
    for (const int id : {1, 2}) {
        cluster.host(id).swallow = [&cluster, id](const Action& action) {
            const auto* scan = std::get_if<ScanSlots>(&action);
            if (scan == nullptr || scan->datastore == 0) return false;
            const ScanSlots asked = *scan;
            cluster.send(
                id, SlotsRead{asked.datastore, asked.request, IoStatus::Failed, HostId{1}, {}});
            return true;
        };
    }
    cluster.host(3).swallow = [&cluster](const Action& action) {
        const auto* scan = std::get_if<ScanSlots>(&action);
        if (scan == nullptr || scan->datastore == 0) return false;
        static std::array<SlotView, 3> views;  // host 3 reads itself and host 1; host 2 is damaged
        const auto& slots = cluster.disks()[scan->datastore].slots;
        for (int i = 1; i <= 3; ++i) {
            const auto found = slots.find(i);
            SlotView& view = views[static_cast<std::size_t>(i - 1)];
            view.reading = found == slots.end() ? SlotReading::Unwritten : SlotReading::Valid;
            if (found != slots.end()) view.record = found->second;
        }
        views[1].reading = SlotReading::Unusable;
        cluster.send(3,
                     SlotsRead{scan->datastore, scan->request, IoStatus::Done, HostId{1}, views});
        return true;
    };
    cluster.run(seconds{10});
    EXPECT_EQ(cluster.leader(), 0) << cluster.story(3);
}

// Each sees nobody but itself until both stand; from then on each phase is decided by what the other one's block says.
TEST(Leader, OfTwoCandidatesOneWins) {
    MiniCluster cluster(2, 3, kTimingFast);
    std::array<std::array<SlotView, 2>, 3> views;
    const auto stand = [&cluster] {
        return cluster.saw(1, TraceCode::CandidateStands) &&
               cluster.saw(2, TraceCode::CandidateStands);
    };
    for (const int id : {1, 2}) {
        cluster.host(id).net_out = false;
        cluster.host(id).adjust = [](EngineConfig& config) { config.blackout_limit = seconds{1}; };
        cluster.restart_agent(id);
        cluster.host(id).swallow = [&cluster, &views, &stand, id](const Action& action) {
            const auto* scan = std::get_if<ScanSlots>(&action);
            if (scan == nullptr || stand()) return false;
            auto& seen = views[scan->datastore];
            for (SlotView& view : seen) view.reading = SlotReading::Unwritten;
            const auto& slots = cluster.disks()[scan->datastore].slots;
            if (const auto own = slots.find(id); own != slots.end())
                seen[static_cast<std::size_t>(id - 1)] = {SlotReading::Valid, own->second};
            cluster.send(
                id, SlotsRead{scan->datastore, scan->request, IoStatus::Done, HostId{1}, seen});
            return true;
        };
    }
    for (int i = 0; i < 20000; ++i) {
        cluster.run(milliseconds{1});
        ASSERT_NE(cluster.leader(), -1) << cluster.story(1) << cluster.story(2);
    }
    ASSERT_TRUE(stand());
    EXPECT_TRUE(cluster.saw(1, TraceCode::BallotLost) || cluster.saw(2, TraceCode::BallotLost));
    std::map<Epoch, HostKey> winners;
    for (const int id : {1, 2}) {
        for (const Trace& trace : cluster.host(id).traces) {
            if (trace.code != TraceCode::EpochDecided) continue;
            const auto known = winners.emplace(trace.epoch, trace.who).first;
            EXPECT_EQ(known->second, trace.who) << cluster.story(1) << cluster.story(2);
        }
    }
    EXPECT_FALSE(winners.empty());
}

}  // namespace
}  // namespace holdfast::testing
