// The keeper with a device and a clock that the test drives.
#include "agent/keeper/keeper.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "agent/keeper/kernel_watchdog.h"
#include "agent/keeper/stand_in_watchdog.h"
#include "agent/seqpacket.h"

namespace holdfast {
namespace {

using namespace std::chrono_literals;

// A clock, a watchdog and a reset in one, so that their order can be seen.
struct FakeHost : WatchdogDevice, ResetDevice {
    Instant now{1000s};
    Duration
        freeze_in_feed{};  // how long the process stands still between the decision to feed and the feed
    bool takes_feeds = true;
    Instant fed_at{1000s};
    int feeds = 0;
    int resets = 0;
    int stops = 0;
    WatchdogClass kind = WatchdogClass::Hardware;
    std::vector<std::string> lines;

    bool feed() override {
        now += freeze_in_feed;
        if (!takes_feeds) return false;
        fed_at = now;
        ++feeds;
        return true;
    }

    bool stop() override {
        ++stops;
        return true;
    }

    [[nodiscard]] Duration timeout() const override { return 1s; }

    [[nodiscard]] WatchdogClass watchdog_class() const override { return kind; }

    [[nodiscard]] std::string description() const override { return "fake"; }

    void reset() override { ++resets; }

    static Instant read_clock(void* self) { return static_cast<FakeHost*>(self)->now; }

    static void take_line(void* self, std::string_view line) {
        static_cast<FakeHost*>(self)->lines.emplace_back(line);
    }

    Keeper::Surroundings surroundings() { return {read_clock, take_line, this}; }
};

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "holdfast-keeper-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }

    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    ~TemporaryFolder() { std::filesystem::remove_all(path_); }

    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

class KeeperTest : public ::testing::Test {
  protected:
    KeeperTest() : file_(std::move(*KeeperPageFile::create_or_open(folder_.file("keeper.page")))) {}

    // Polls as main() does until `span` has passed.
    void run_for(Keeper& keeper, Duration span) {
        const Instant end = host_.now + span;
        while (host_.now < end) host_.now += keeper.poll();
    }

    KeeperPage& page() { return file_.page(); }

    TemporaryFolder folder_;
    KeeperPageFile file_;
    FakeHost host_;
};

}  // namespace

TEST_F(KeeperTest, FeedsWithoutADeadlineForEver) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    run_for(keeper, 60s);
    EXPECT_GE(host_.feeds, 60 * 3) << "a quarter of the timeout, give or take a poll";
    EXPECT_LE(host_.now - host_.fed_at, 300ms);
    EXPECT_FALSE(keeper.is_armed());
    EXPECT_EQ(host_.resets, 0);
}

TEST_F(KeeperTest, FeedsUpToTheDeadlineAndNeverAfter) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    const Instant deadline = host_.now + 2s;
    arm_keeper(page(), 1, deadline);
    run_for(keeper, 2900ms);
    EXPECT_LT(host_.fed_at, deadline);
    EXPECT_GE(host_.fed_at, deadline - 300ms) << "it feeds as long as it may";
    EXPECT_EQ(host_.resets, 0) << "the device is still counting: the VMs may yet be proved gone";
}

TEST_F(KeeperTest, AsksForTheResetWhenTheDeviceDoesNothing) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    arm_keeper(page(), 1, host_.now + 2s);
    run_for(keeper, 3200ms);
    EXPECT_GT(host_.resets, 0);
    EXPECT_LT(host_.fed_at, Instant{1002s});
}

TEST_F(KeeperTest, ADeadlineThatMovesInTimeIsNoDeadline) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    arm_keeper(page(), 1, host_.now + 2s);
    for (int round = 0; round < 40; ++round) {
        run_for(keeper, 250ms);
        move_deadline(page(), host_.now + 2s);
    }
    EXPECT_LE(host_.now - host_.fed_at, 300ms);
    EXPECT_EQ(host_.resets, 0);
}

TEST_F(KeeperTest, FeedsAgainOnceTheVmsAreProvedGone) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    arm_keeper(page(), 1, host_.now + 1s);
    run_for(keeper, 1500ms);
    disarm_keeper(page());
    run_for(keeper, 5s);
    EXPECT_LE(host_.now - host_.fed_at, 300ms);
    EXPECT_EQ(host_.resets, 0);
    EXPECT_FALSE(keeper.is_armed());
}

TEST_F(KeeperTest, AFeedThatComesLateResetsTheHostAtOnce) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    arm_keeper(page(), 1, host_.now + 500ms);
    host_.freeze_in_feed = 700ms;  // the freezer, a debugger or a stolen CPU
    run_for(keeper, 300ms);
    EXPECT_EQ(host_.feeds, 1);
    EXPECT_EQ(host_.resets, 1);
}

TEST_F(KeeperTest, AFeedIsNotLateWhenTheDeadlineMovedMeanwhile) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    arm_keeper(page(), 1, host_.now + 500ms);
    keeper.poll();
    host_.now += 260ms;
    host_.freeze_in_feed = 700ms;
    // The agent was not frozen.  Its store is seen by the look that follows the feed.
    move_deadline(page(), host_.now + 2s);
    keeper.poll();
    EXPECT_EQ(host_.feeds, 1);
    EXPECT_EQ(host_.resets, 0);
}

TEST_F(KeeperTest, AcknowledgesAnArmingOnceItsDeadlineIsInForce) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    keeper.poll();
    EXPECT_EQ(read_keeper_report(page(), host_.now).arming, 0U);
    arm_keeper(page(), 7, host_.now + 2s);
    EXPECT_EQ(read_keeper_report(page(), host_.now).arming, 0U);
    keeper.poll();
    const KeeperReport report = read_keeper_report(page(), host_.now);
    EXPECT_EQ(report.arming, 7U);
    EXPECT_EQ(report.watchdog, Duration{1s});
    EXPECT_EQ(report.watchdog_class, WatchdogClass::Hardware);
    EXPECT_TRUE(keeper.is_armed());
}

TEST_F(KeeperTest, AKeeperThatIsNotThereCountsForNothing) {
    {
        Keeper keeper(page(), host_, host_, host_.surroundings());
        arm_keeper(page(), 7, host_.now + 60s);
        keeper.poll();
    }
    EXPECT_EQ(read_keeper_report(page(), host_.now).arming, 7U);
    EXPECT_EQ(read_keeper_report(page(), host_.now + 2s).arming, 0U);
}

TEST_F(KeeperTest, ASuccessorEnforcesTheDeadlineThatItFinds) {
    arm_keeper(page(), 3, host_.now + 1s);
    Keeper keeper(page(), host_, host_, host_.surroundings());
    EXPECT_TRUE(keeper.is_armed());
    EXPECT_EQ(page().armed.load(), 3U);
    run_for(keeper, 1900ms);
    EXPECT_LT(host_.fed_at, Instant{1001s});
}

TEST_F(KeeperTest, ASuccessorThatComesTooLateResetsTheHost) {
    arm_keeper(page(), 3, host_.now - 1ms);
    Keeper keeper(page(), host_, host_, host_.surroundings());
    EXPECT_EQ(host_.resets, 1) << "opening the device was a feed after the deadline";
}

TEST_F(KeeperTest, WithADamagedPageTheLastDeadlineStands) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    const Instant deadline = host_.now + 1s;
    arm_keeper(page(), 1, deadline);
    keeper.poll();
    page().magic.store(0);
    move_deadline(page(), host_.now + 3600s);
    run_for(keeper, 1900ms);
    EXPECT_LT(host_.fed_at, deadline);
    EXPECT_EQ(page().armed.load(), 0U);
    ASSERT_FALSE(host_.lines.empty());
    EXPECT_NE(host_.lines[0].find("damaged"), std::string::npos);
}

TEST_F(KeeperTest, WithoutADeviceNothingIsEverReset) {
    host_.kind = WatchdogClass::None;
    Keeper keeper(page(), host_, host_, host_.surroundings());
    arm_keeper(page(), 1, host_.now + 1s);
    run_for(keeper, 10s);
    EXPECT_EQ(host_.resets, 0);
    EXPECT_EQ(read_keeper_report(page(), host_.now).watchdog_class, WatchdogClass::None);
}

TEST_F(KeeperTest, ADeviceThatTakesNoFeedIsSaidOnce) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    host_.takes_feeds = false;
    run_for(keeper, 10s);
    EXPECT_EQ(host_.lines.size(), 1U);
}

TEST_F(KeeperTest, StopsCleanly) {
    Keeper keeper(page(), host_, host_, host_.surroundings());
    keeper.poll();
    keeper.stop();
    EXPECT_EQ(host_.stops, 1);
    EXPECT_EQ(read_keeper_report(page(), host_.now).watchdog_class, WatchdogClass::None);
}

TEST(KeeperPage, IsSharedAndOutlivesItsMakers) {
    const TemporaryFolder folder;
    const std::string path = folder.file("keeper.page");
    EXPECT_EQ(KeeperPageFile::open(path).error().system_errno, ENOENT);
    {
        auto keepers = KeeperPageFile::create_or_open(path);
        ASSERT_TRUE(keepers);
        auto agents = KeeperPageFile::open(path);
        ASSERT_TRUE(agents);
        arm_keeper(agents->page(), 5, Instant{77ns});
        EXPECT_EQ(keepers->page().arming.load(), 5U);
        EXPECT_EQ(keepers->page().deadline_ns.load(), 77);
    }
    auto successor = KeeperPageFile::create_or_open(path);
    ASSERT_TRUE(successor);
    EXPECT_EQ(successor->page().arming.load(), 5U);
}

TEST(KeeperPage, ForeignContentIsRefusedWithAReason) {
    const TemporaryFolder folder;
    const std::string path = folder.file("keeper.page");
    std::ofstream(path) << std::string(10, 'x');
    EXPECT_NE(KeeperPageFile::create_or_open(path).error().text.find("size is 10 bytes"),
              std::string::npos);
    std::ofstream(path) << std::string(sizeof(KeeperPage), 'x');
    EXPECT_NE(KeeperPageFile::create_or_open(path).error().text.find("magic is wrong"),
              std::string::npos);
    std::filesystem::remove(path);
    KeeperPageFile::create_or_open(path)->page().version.store(9);
    EXPECT_NE(KeeperPageFile::open(path).error().text.find("version is 9"), std::string::npos);
}

TEST(KeeperPage, OfAnotherBootIsMadeAnew) {
    const TemporaryFolder folder;
    const std::string path = folder.file("keeper.page");
    {
        auto before = KeeperPageFile::create_or_open(path);
        arm_keeper(before->page(), 5, Instant{77ns});
        before->page().boot_id.bytes[0] ^= 1U;
    }
    EXPECT_EQ(KeeperPageFile::open(path).error().system_errno, ENOENT);
    auto after = KeeperPageFile::create_or_open(path);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->page().arming.load(), 0U);
    EXPECT_EQ(after->page().deadline_ns.load(), kNoDeadline);
}

TEST(KernelWatchdog, SoftIsToldFromHardware) {
    EXPECT_EQ(classify_watchdog("iTCO_wdt", false), WatchdogClass::Hardware);
    EXPECT_EQ(classify_watchdog("Software Watchdog", false), WatchdogClass::Soft);
    EXPECT_EQ(classify_watchdog("Software Watchdog", true), WatchdogClass::None)
        << "soft_noboot only prints";
}

TEST(StandInWatchdog, SpeaksTheProtocol) {
    const TemporaryFolder folder;
    const std::string path = folder.file("watchdog.sock");
    auto listener = SeqpacketListener::listen(path, 256);
    ASSERT_TRUE(listener);
    std::vector<std::string> heard;
    std::thread server([&] {
        std::optional<Seqpacket> client;
        while (!client) client = listener->accept();
        while (heard.size() < 4) {
            std::span<const std::uint8_t> packet;
            if (client->receive(&packet) != ReceiveStatus::Received) continue;
            heard.emplace_back(packet.begin(), packet.end());
            const std::string answer = "timeout 1500 class soft";
            const std::vector<std::uint8_t> bytes(answer.begin(), answer.end());
            if (heard.size() == 1 && client->send(bytes) != SendStatus::Sent) return;
        }
    });
    {
        auto guard = open_guard("stand-in:" + path, 1s);
        ASSERT_TRUE(guard) << guard.error().text;
        EXPECT_EQ(guard->watchdog->timeout(), Duration{1500ms});
        EXPECT_EQ(guard->watchdog->watchdog_class(), WatchdogClass::Soft);
        EXPECT_TRUE(guard->watchdog->feed());
        guard->reset->reset();
        EXPECT_TRUE(guard->watchdog->stop());
    }
    server.join();
    EXPECT_EQ(heard, (std::vector<std::string>{"open 1000", "feed", "reset", "stop"}));
}

TEST(StandInWatchdog, AbsenceIsAClearError) {
    const TemporaryFolder folder;
    const auto guard = open_guard("stand-in:" + folder.file("nobody.sock"), 1s);
    ASSERT_FALSE(guard);
    EXPECT_NE(guard.error().text.find("nobody.sock"), std::string::npos);
}

}  // namespace holdfast
