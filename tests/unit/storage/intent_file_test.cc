// A write outlives its process: what a predecessor left open taints the datastore until the record
// was seen.
#include "storage/intent_file.h"

#include <gtest/gtest.h>

#include "tests/unit/storage/format_samples.h"
#include "tests/unit/storage/temp_target.h"

namespace holdfast {
namespace {

using namespace test;

class IntentFileTest : public testing::Test {
  protected:
    IntentFile start(const BootId& boot = uuid_from(0x20)) {
        auto file = IntentFile::open(folder_.path("intents"), boot);
        EXPECT_TRUE(file) << file.error().text;
        return std::move(*file);
    }

    TempFolder folder_;
    const Incarnation first_{1, 1};
};

TEST_F(IntentFileTest, AFreshOneAndACleanEndTaintNothing) {
    {
        IntentFile file = start();
        EXPECT_FALSE(file.tainted());
        file.begin(IntentKind::Slot, first_, 10);
        EXPECT_FALSE(file.tainted()) << "own writes do not taint";
        file.end(IntentKind::Slot);
    }
    EXPECT_FALSE(start().tainted());
}

TEST_F(IntentFileTest, AnOpenIntentTaintsUntilExactlyThatRecordIsSeen) {
    start().begin(IntentKind::Slot, first_, 10);
    IntentFile file = start();
    EXPECT_TRUE(file.tainted());
    EXPECT_EQ(file.inherited(IntentKind::Slot).number, 10U);
    file.seen(IntentKind::Slot, first_, 9);
    file.seen(IntentKind::Slot, Incarnation{1, 2}, 10);
    file.seen(IntentKind::Roster, first_, 10);
    EXPECT_FALSE(file.seen(IntentKind::Slot, first_, 12));
    EXPECT_TRUE(file.tainted());
    EXPECT_TRUE(file.tainted(IntentKind::Slot));
    EXPECT_FALSE(file.tainted(IntentKind::Roster));
    EXPECT_TRUE(file.seen(IntentKind::Slot, first_, 10));
    EXPECT_FALSE(file.tainted());
    EXPECT_FALSE(file.seen(IntentKind::Slot, first_, 10)) << "only once";
}

TEST_F(IntentFileTest, TaintSurvivesFurtherRestartsAndAllOpenOnesCount) {
    start().begin(IntentKind::Slot, first_, 10);
    start().begin(IntentKind::Slot, Incarnation{1, 2}, 11);
    start().begin(IntentKind::Orders, Incarnation{1, 3}, 5);
    IntentFile file = start();
    file.seen(IntentKind::Slot, Incarnation{1, 2}, 11);
    EXPECT_TRUE(file.tainted());
    file.seen(IntentKind::Slot, first_, 10);
    EXPECT_TRUE(file.tainted());
    file.seen(IntentKind::Orders, Incarnation{1, 3}, 5);
    EXPECT_FALSE(file.tainted());
}

TEST_F(IntentFileTest, ANewBootEndsEveryTaint) {
    start().begin(IntentKind::Slot, first_, 10);
    EXPECT_FALSE(start(uuid_from(0x99)).tainted());
}

TEST_F(IntentFileTest, WithLibaioADeadProcessHasNoWritesLeft) {
    {
        IntentFile file = start();
        file.set_backend_ends_with_process(true);
        file.begin(IntentKind::Slot, first_, 10);
    }
    EXPECT_FALSE(start().tainted());
}

TEST_F(IntentFileTest, MoreThanCanBeKeptTaintsUntilTheBootEnds) {
    for (std::uint32_t i = 1; i <= 9; ++i) start().begin(IntentKind::Slot, Incarnation{1, i}, i);
    IntentFile file = start();
    for (std::uint32_t i = 1; i <= 9; ++i) file.seen(IntentKind::Slot, Incarnation{1, i}, i);
    EXPECT_TRUE(file.tainted());
    EXPECT_FALSE(start(uuid_from(0x99)).tainted());
}

TEST_F(IntentFileTest, ADamagedFileIsStartedAfresh) {
    write_zero_file(folder_.path("intents"), 100);
    write_bytes(folder_.path("intents"), 0, "garbage");
    EXPECT_FALSE(start().tainted());
}

TEST(IntentFile, AMissingFolderIsAnError) {
    const auto file = IntentFile::open("/nonexistent/intents", {});
    ASSERT_FALSE(file);
    EXPECT_NE(file.error().text.find("[paths] run"), std::string::npos);
}

}  // namespace
}  // namespace holdfast
