// RegionWriter: when a region is written, and when nothing is left to be done about it.
#include "engine/machine/region_writer.h"

#include <memory>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

class RegionWriterTest : public ::testing::Test {
  protected:
    RegionWriterTest() { core_.actions = actions_.get(); }

    static EngineConfig config() {
        EngineConfig config;
        config.self = HostId{1};
        config.members.push(HostId{1});
        config.timing = kTimingStandard;
        config.voters_count = config.datastores_count = 1;
        return config;
    }

    // How many writes issue() asks for.
    std::size_t issued() {
        actions_->clear();
        writer_.issue<WriteOrders>(core_);
        return actions_->size();
    }

    std::unique_ptr<Actions> actions_ = std::make_unique<Actions>();
    Core core_{config(), Instant{std::chrono::seconds{1}}};
    RegionWriter writer_;
};

TEST_F(RegionWriterTest, WritesWhatWasComposedOnceAndThenRests) {
    writer_.touch();
    EXPECT_FALSE(writer_.at_rest(core_));
    writer_.composed();
    EXPECT_FALSE(writer_.at_rest(core_));
    ASSERT_EQ(issued(), 1U);
    EXPECT_TRUE(writer_.at_rest(core_)) << "the answer is an event";
    writer_.take(core_, 0, core_.last_request, true);
    EXPECT_TRUE(writer_.at_rest(core_));
    EXPECT_EQ(issued(), 0U);
}

// Why: a host that has never led has no orders, but knows versions of its past that it may not use again.  While it counted as
// one that had something to write, none of its beats took the short way through the engine.
TEST_F(RegionWriterTest, RestsWhenOnlyThePastHasVersions) {
    writer_.recall(Version{7});
    EXPECT_TRUE(writer_.at_rest(core_));
    EXPECT_EQ(issued(), 0U);
    writer_.touch();
    writer_.composed();
    EXPECT_EQ(writer_.version(), Version{8});
    EXPECT_EQ(issued(), 1U);
}

// Why: orders of a life that is over carry its incarnation; the next life must not write them.
TEST_F(RegionWriterTest, WhatWasComposedBeforeARecallIsNotWritten) {
    writer_.touch();
    writer_.composed();
    writer_.recall(Version{100});
    EXPECT_EQ(issued(), 0U);
    EXPECT_TRUE(writer_.at_rest(core_));
}

}  // namespace
}  // namespace holdfast
