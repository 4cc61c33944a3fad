// What the engine and people learn of the keeper, whichever of the two processes was first.
#include "agent/daemon/keeper_watch.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/daemon/engine_setup.h"
#include "agent/daemon/wakeup.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class KeeperWatchTest : public testing::Test {
  protected:
    KeeperWatchTest() { page_.deadline_ns.store(kNoDeadline); }

    // What a keeper does to the page.
    void keeper_polls(WatchdogClass watchdog_class, std::uint64_t armed) {
        page_.watchdog_ms.store(2000);
        page_.watchdog_class.store(static_cast<std::uint32_t>(watchdog_class));
        page_.armed.store(armed);
        page_.polled_ns.store(now_.time_since_epoch().count());
    }

    std::vector<std::string> texts() {
        std::vector<std::string> list;
        LogRecord record;
        while (sink_.take(record)) list.emplace_back(record.text.data(), record.text_length);
        return list;
    }

    Instant now_{seconds{1000}};
    KeeperPage page_{};
    Wakeup wakeup_;
    LogSink sink_{16, wakeup_};
};

Config config_with(const std::string& device) {
    Config config;
    config.self = HostId{1};
    config.members.push_back({HostId{1}, "h1", {"127.0.0.1"}, {}});
    config.voters_count = 1;
    config.watchdog_device = device;
    return config;
}

// Why: only then is a look at the page worth a wake-up of its own.
TEST_F(KeeperWatchTest, IsAwaitedUntilItIsThereAndHasAcknowledged) {
    KeeperWatch watch(page_, "/dev/watchdog", sink_, now_);
    static_cast<void>(watch.look(now_));
    EXPECT_TRUE(watch.awaited()) << "no keeper yet";
    keeper_polls(WatchdogClass::Hardware, 0);
    static_cast<void>(watch.look(now_));
    EXPECT_FALSE(watch.awaited());
    arm_keeper(page_, 3, now_ + seconds{4});
    EXPECT_TRUE(watch.awaited()) << "not acknowledged";
    keeper_polls(WatchdogClass::Hardware, 3);
    EXPECT_FALSE(watch.awaited());
    now_ += seconds{2};
    static_cast<void>(watch.look(now_));
    EXPECT_TRUE(watch.awaited()) << "it looks no more";
}

// Why: a page that no keeper has looked at yet says None, and VMs were claimed for good without an armed keeper.
TEST_F(KeeperWatchTest, EngineExpectsWhatIsConfiguredWhateverThePageSays) {
    const auto class_for = [this](const char* device) {
        return make_engine_config(config_with(device), {}, Incarnation{0, 1}, page_, now_)
            ->watchdog_class;
    };
    EXPECT_EQ(class_for("/dev/watchdog"), WatchdogClass::Hardware);
    EXPECT_EQ(class_for("stand-in:/none"), WatchdogClass::Hardware);
    EXPECT_EQ(class_for("none"), WatchdogClass::None);
    keeper_polls(WatchdogClass::Soft, 0);
    EXPECT_EQ(class_for("/dev/watchdog"), WatchdogClass::Hardware);
}

TEST_F(KeeperWatchTest, OnlyAnArmingOfAKeeperThatLivesIsInherited) {
    keeper_polls(WatchdogClass::Hardware, 7);
    page_.deadline_ns.store((now_ + seconds{2}).time_since_epoch().count());
    const auto made_at = [this](Instant at) {
        return make_engine_config(config_with("/dev/watchdog"), {}, Incarnation{0, 2}, page_, at);
    };
    EXPECT_EQ(made_at(now_)->arming_inherited, 7U);
    EXPECT_EQ(made_at(now_)->lease_inherited_until, now_ + seconds{2});
    EXPECT_EQ(made_at(now_ + seconds{2})->arming_inherited, 0U);
    EXPECT_EQ(made_at(now_ + seconds{2})->lease_inherited_until, kNotYet);
}

TEST_F(KeeperWatchTest, EngineLearnsOfEveryChangeAndOfNothingElse) {
    KeeperWatch watch(page_, "/dev/watchdog", sink_, now_);
    const auto first = watch.look(now_);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->watchdog_class, WatchdogClass::None);
    EXPECT_EQ(first->arming, 0U);
    EXPECT_FALSE(watch.look(now_));

    // The keeper starts later than the agent, acknowledges, dies and is started anew.
    keeper_polls(WatchdogClass::Hardware, 0);
    const auto started = watch.look(now_);
    ASSERT_TRUE(started);
    EXPECT_EQ(started->watchdog_class, WatchdogClass::Hardware);
    EXPECT_EQ(started->watchdog, seconds{2});
    keeper_polls(WatchdogClass::Hardware, 3);
    EXPECT_EQ(watch.look(now_)->arming, 3U);
    now_ += milliseconds{1500};
    const auto silent = watch.look(now_);
    ASSERT_TRUE(silent);
    EXPECT_EQ(silent->arming, 0U);
    keeper_polls(WatchdogClass::Soft, 3);
    const auto again = watch.look(now_);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->arming, 3U);
    EXPECT_EQ(again->watchdog_class, WatchdogClass::Soft);
    page_.watchdog_ms.store(9000);
    EXPECT_EQ(watch.look(now_)->watchdog, seconds{9});
}

TEST_F(KeeperWatchTest, KeeperThatStaysAwayIsSaidOnceAndItsReturnToo) {
    KeeperWatch watch(page_, "/dev/watchdog", sink_, now_);
    static_cast<void>(watch.look(now_ + milliseconds{4900}));
    EXPECT_TRUE(texts().empty());
    static_cast<void>(watch.look(now_ + seconds{5}));
    static_cast<void>(watch.look(now_ + seconds{9}));
    std::vector<std::string> said = texts();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_NE(said[0].find("does not run"), std::string::npos);
    EXPECT_NE(said[0].find("No VM is claimed or protected"), std::string::npos);
    EXPECT_NE(said[0].find("Start holdfast-keeper.service"), std::string::npos);

    now_ += seconds{10};
    keeper_polls(WatchdogClass::Hardware, 0);
    static_cast<void>(watch.look(now_));
    said = texts();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_NE(said[0].find("class hardware"), std::string::npos);
}

TEST_F(KeeperWatchTest, KeeperWithoutADeviceIsSaid) {
    KeeperWatch watch(page_, "/dev/watchdog", sink_, now_);
    for (int i = 0; i < 6; ++i) {
        keeper_polls(WatchdogClass::None, 0);
        static_cast<void>(watch.look(now_));
        now_ += seconds{1};
    }
    const std::vector<std::string> said = texts();
    ASSERT_EQ(said.size(), 1U);
    EXPECT_NE(said[0].find("holds no watchdog"), std::string::npos);
}

TEST_F(KeeperWatchTest, NothingIsSaidWhereNoWatchdogIsConfigured) {
    KeeperWatch watch(page_, "none", sink_, now_);
    EXPECT_TRUE(watch.look(now_));
    static_cast<void>(watch.look(now_ + seconds{60}));
    EXPECT_TRUE(texts().empty());
}

}  // namespace
}  // namespace holdfast
