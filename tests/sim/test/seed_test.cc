// Whole runs: the same seed gives the same run, and a cluster without faults is left in peace.
#include <gtest/gtest.h>

#include "tests/sim/fault/plan.h"
#include "tests/sim/run/seed_run.h"
#include "tests/sim/run/wholeness.h"
#include "tests/sim/world/world.h"

namespace holdfast::sim {
namespace {

TEST(Seed, GivesTheSameRunTwice) {
    for (const std::uint64_t seed : {3U, 4U, 5U}) {
        const SeedResult first = run_seed(seed, nullptr);
        const SeedResult second = run_seed(seed, nullptr);
        EXPECT_EQ(first.fingerprint, second.fingerprint) << "seed " << seed;
        EXPECT_EQ(first.tally.counts, second.tally.counts) << "seed " << seed;
    }
}

// engine/machine/quiet_beat.cc: the short way through a step does what the long way does.
TEST(Seed, QuietBeatsChangeNothing) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        RunWays ways;
        ways.twins = true;
        const SeedResult result = run_seed(seed, nullptr, ways);
        ASSERT_FALSE(result.violation) << "seed " << seed << ": " << result.violation->text;
    }
}

// engine/machine/star.cc: whom a host beats to and what it reads is a matter of cost, never of a promise.
TEST(Seed, StarsOfBeatsKeepEveryPromise) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        RunWays ways;
        ways.star = true;
        const SeedResult result = run_seed(seed, nullptr, ways);
        ASSERT_FALSE(result.violation) << "seed " << seed << ": " << result.violation->text;
    }
}

TEST(Seed, DecidesTheKindsOfFault) {
    EXPECT_EQ(describe(plan_of(7)), describe(plan_of(7)));
    EXPECT_NE(describe(plan_of(7)), describe(plan_of(8)));
}

// A kind of trouble that is begun and does something else is found by what it leaves behind, not by its own count.
TEST(Seed, EveryKindOfTroubleLeavesItsMark) {
    Tally all;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) all.add(run_seed(seed, nullptr).tally);
    for (std::size_t kind = 0; kind < kFaultKindsCount; ++kind)
        EXPECT_GT(all.faults[kind], 0U) << name_of(static_cast<FaultKind>(kind));
    for (std::size_t count = 0; count < kCountsCount; ++count) {
        const auto what = static_cast<Count>(count);
        const bool rare = what == Count::HostResetsAsked || what == Count::VmStartsLate;
        EXPECT_TRUE(rare || all.of(what) > 0) << name_of(what);
    }
}

TEST(Seed, WithoutFaultsNothingHappens) {
    for (std::uint64_t seed = 100; seed < 110; ++seed) {
        Plan plan = plan_of(seed);
        plan.cluster.joiners_boot = false;  // nobody asks for them
        World world(plan.cluster, nullptr);
        world.start();
        world.run_until(kWorldStart + seconds{90});
        ASSERT_FALSE(world.violation()) << "seed " << seed << ": " << world.violation()->text;
        const auto missing = missing_for_wholeness(world);
        EXPECT_FALSE(missing) << "seed " << seed << ": " << *missing;
        EXPECT_EQ(world.resets_count(), 0U) << "seed " << seed;
        EXPECT_EQ(world.kills_count(), 0U) << "seed " << seed;
    }
}

}  // namespace
}  // namespace holdfast::sim
