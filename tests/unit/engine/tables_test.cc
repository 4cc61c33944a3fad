#include <algorithm>

#include <gtest/gtest.h>

#include "engine/machine/host_phase.h"
#include "engine/machine/peer_verdict.h"
#include "engine/machine/placement.h"
#include "engine/machine/timing.h"

namespace holdfast {
namespace {

PeerFacts facts_from_bits(unsigned bits) {
    return {
        (bits & 1U) != 0, (bits & 2U) != 0, (bits & 4U) != 0, (bits & 8U) != 0, (bits & 16U) != 0};
}

// Why: a gap or an overlap would abort a production agent inside judge_peer().
// How: there are only 32 inputs, so all of them are tried.
TEST(PeerVerdict, EveryInputMatchesExactlyOneRow) {
    for (unsigned bits = 0; bits < 32; ++bits) {
        const auto matched_count =
            std::count_if(kPeerTable.begin(), kPeerTable.end(), [bits](const PeerRow& row) {
                return matches(row, facts_from_bits(bits));
            });
        EXPECT_EQ(matched_count, 1) << "facts bits = " << bits;
    }
}

TEST(PeerVerdict, ABlindHostJudgesNobody) {
    PeerFacts facts;
    EXPECT_EQ(judge_peer(facts).verdict, PeerVerdict::Unknown);
    facts.own_storage_ok = true;
    EXPECT_EQ(judge_peer(facts).verdict, PeerVerdict::Silent);
}

TEST(HostPhase, EveryInputMatchesExactlyOneRow) {
    for (int phase = 1; phase <= 6; ++phase) {
        for (int input = 1; input <= 6; ++input) {
            const auto count = std::count_if(
                kPhaseTable.begin(), kPhaseTable.end(), [phase, input](const PhaseRow& row) {
                    return row.from == static_cast<HostPhase>(phase) &&
                           row.input == static_cast<PhaseInput>(input);
                });
            EXPECT_EQ(count, 1) << phase << ' ' << input;
        }
    }
}

TEST(HostPhase, ALapsedHostBecomesMemberOnlyAsANewIncarnation) {
    for (int input = 1; input <= 6; ++input) {
        const HostPhase next = next_phase(HostPhase::Lapsed, static_cast<PhaseInput>(input));
        EXPECT_TRUE(next == HostPhase::Lapsed || next == HostPhase::Reading) << input;
    }
}

// Why: is_safe() is the one check of profiles, configuration, peers and proposals.
// How: one nanosecond below the inequality is refused, the inequality itself is not.
TEST(Timing, TheInequalityIsSharp) {
    for (const Timing& profile : {kTimingFast, kTimingStandard, kTimingPatient}) {
        Timing timing = profile;
        timing.dead = dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing);
        EXPECT_TRUE(is_safe(timing));
        timing.dead -= Duration{1};
        EXPECT_FALSE(is_safe(timing));
    }
}

TEST(Timing, DriftRoundsAgainstTheObserver) {
    EXPECT_GE(with_drift(std::chrono::seconds{99}).count() * 99,
              std::chrono::nanoseconds{std::chrono::seconds{99}}.count() * 101);
    EXPECT_GT(with_drift(Duration{}), Duration{});
}

class Placement : public ::testing::Test {
  protected:
    static VmSpec small_spec() {
        VmSpec spec;
        spec.memory_mib = 100;
        spec.cpus = 1;
        spec.datastores = 1;
        return spec;
    }

    // The host that `spec` is placed on; none when nowhere.
    HostId placed(const Leanings& leanings = {}) {
        why_ = {};
        const Room* room = place(rooms_, spec_, leanings, why_);
        return room == nullptr ? HostId{} : room->host;
    }

    std::array<Room, 3> rooms_{
        {{HostId{1}, 500, 1, 0, 4}, {HostId{2}, 900, 2, 0, 4}, {HostId{3}, 700, 3, 0, 4}}};
    VmSpec spec_ = small_spec();
    Hindrances why_;
};

TEST_F(Placement, TakesTheHostWithMostFreeMemoryThatReachesTheDisks) {
    EXPECT_EQ(placed(), HostId{3});
    const std::array<HostId, 1> tried{HostId{3}};
    EXPECT_EQ(placed({tried}), HostId{1});
    spec_.memory_mib = 600;
    EXPECT_EQ(placed({tried}), HostId{3}) << "a host that was tried is better than none";
    spec_.memory_mib = 800;
    EXPECT_EQ(placed(), HostId{});
    EXPECT_EQ(why_.memory, 2);
    EXPECT_EQ(why_.datastores, 1);
}

TEST_F(Placement, KeepsApartWhateverItCosts) {
    HostSet apart;
    apart.insert(HostId{3});
    EXPECT_EQ(placed({{}, &apart}), HostId{1});
    apart.insert(HostId{1});
    EXPECT_EQ(placed({{}, &apart}), HostId{}) << "a must";
    EXPECT_EQ(why_.apart, 2);
}

TEST_F(Placement, BringsTogetherWhereThereIsRoom) {
    HostSet together;
    together.insert(HostId{1});
    EXPECT_EQ(placed({{}, nullptr, &together}), HostId{1}) << "although host 3 has more memory";
    spec_.memory_mib = 600;
    EXPECT_EQ(placed({{}, nullptr, &together}), HostId{3}) << "a wish, no must";
}

TEST_F(Placement, AVmNeedsItsCpusAndAHostIsNotFloodedWithStarts) {
    spec_.cpus = 8;
    EXPECT_EQ(placed(), HostId{});
    EXPECT_EQ(why_.cpus, 2);
    spec_.cpus = 4;
    rooms_[2].starts_in_flight = kStartsInFlightMax;
    EXPECT_EQ(placed(), HostId{1});
    rooms_[0].starts_in_flight = kStartsInFlightMax;
    EXPECT_EQ(placed(), HostId{});
    EXPECT_EQ(why_.busy, 2) << "which passes, and is not said";
}

}  // namespace
}  // namespace holdfast
