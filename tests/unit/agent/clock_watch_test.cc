#include "agent/daemon/clock_watch.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ClockWatch, AClockThatIsSetIsSaidOnceInBothDirections) {
    ClockReading reading{hours{1000}, seconds{100}, seconds{100}};
    ClockWatch watch(reading);
    for (const Duration set : {Duration{hours{1}}, Duration{-hours{2}}}) {
        reading.boottime += seconds{1};
        reading.monotonic += seconds{1};
        reading.wall += seconds{1} + set;
        const auto jump = watch.look(reading);
        ASSERT_TRUE(jump.has_value());
        EXPECT_EQ(jump->wall, set);
        EXPECT_EQ(jump->suspended, Duration{});
        reading.boottime += seconds{1};
        reading.monotonic += seconds{1};
        reading.wall += seconds{1};
        EXPECT_FALSE(watch.look(reading).has_value());
    }
}

TEST(ClockWatch, SlewingAndLateLooksAreNoJump) {
    ClockReading reading{hours{1000}, seconds{100}, seconds{100}};
    ClockWatch watch(reading);
    reading.boottime += seconds{30};
    reading.monotonic += seconds{30};
    reading.wall += seconds{30} + milliseconds{15};
    EXPECT_FALSE(watch.look(reading).has_value());
}

TEST(ClockWatch, ASuspendIsToldFromASetClock) {
    ClockReading reading{hours{1000}, seconds{100}, seconds{100}};
    ClockWatch watch(reading);
    reading.boottime += seconds{60};
    reading.wall += seconds{60};
    reading.monotonic += seconds{2};
    const auto jump = watch.look(reading);
    ASSERT_TRUE(jump.has_value());
    EXPECT_EQ(jump->wall, Duration{});
    EXPECT_EQ(jump->suspended, seconds{58});
}

}  // namespace
}  // namespace holdfast
