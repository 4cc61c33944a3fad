#include "agent/timing_text.h"

#include <gtest/gtest.h>

namespace holdfast {

TEST(TimingText, AProfileKeysOrBoth) {
    using std::chrono::milliseconds;
    EXPECT_EQ(*parse_timing("patient", kTimingFast), kTimingPatient);
    const auto longer = parse_timing("dead=9s", kTimingFast);
    ASSERT_TRUE(longer);
    EXPECT_EQ(longer->dead, milliseconds{9000});
    EXPECT_EQ(longer->lease, kTimingFast.lease);
    const auto both = parse_timing("standard,interval=250ms,dead=1min", kTimingFast);
    ASSERT_TRUE(both);
    EXPECT_EQ(both->lease, kTimingStandard.lease);
    EXPECT_EQ(both->interval, milliseconds{250});
    EXPECT_EQ(both->dead, milliseconds{60000});
}

TEST(TimingText, RefusalsSayWhatIsWrong) {
    const auto text = [](const char* typed) {
        const auto timing = parse_timing(typed, kTimingFast);
        return timing ? std::string("taken") : timing.error().text;
    };
    EXPECT_NE(text("quick").find("'quick' is neither a profile"), std::string::npos);
    EXPECT_NE(text("lease=soon").find("has no duration"), std::string::npos);
    EXPECT_NE(text("standard,dead=4s").find("dead must be at least"), std::string::npos);
}

}  // namespace holdfast
