// The incarnation file is what keeps two lives of one agent apart.
#include "agent/daemon/host_identity.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "agent/daemon/run_lock.h"
#include "agent/text.h"

namespace holdfast {
namespace {

class RunFolder : public testing::Test {
  protected:
    RunFolder() {
        char pattern[] = "/tmp/holdfast-run-XXXXXX";
        folder_ = mkdtemp(pattern);
    }

    ~RunFolder() override {
        for (const char* name : {"/incarnation", "/incarnation.new", "/agent.lock"}) {
            unlink((folder_ + name).c_str());
        }
        rmdir(folder_.c_str());
    }

    [[nodiscard]] std::string path() const { return folder_ + "/incarnation"; }

    std::string folder_;
    BootId boot_ = *parse_uuid("11111111-1111-1111-1111-111111111111");
};

TEST_F(RunFolder, FirstStartOfABootHasBootPartZero) {
    const auto first = next_incarnation(path(), boot_);
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, (Incarnation{0, 1}));
}

TEST_F(RunFolder, EachStartWithinABootRaisesTheRestartPartBeforeItIsUsed) {
    ASSERT_TRUE(write_incarnation(path(), {boot_, Incarnation{4, 7}}));
    const auto next = next_incarnation(path(), boot_);
    ASSERT_TRUE(next);
    EXPECT_EQ(*next, (Incarnation{4, 8}));
    // A start that dies at once still used its number.
    EXPECT_EQ(read_incarnation(path())->incarnation, (Incarnation{4, 8}));
    EXPECT_EQ(*next_incarnation(path(), boot_), (Incarnation{4, 9}));
}

TEST_F(RunFolder, AnotherBootBeginsAnew) {
    ASSERT_TRUE(write_incarnation(path(), {boot_, Incarnation{4, 7}}));
    const BootId other = *parse_uuid("22222222-2222-2222-2222-222222222222");
    EXPECT_EQ(*next_incarnation(path(), other), (Incarnation{0, 1}));
}

TEST_F(RunFolder, DamageIsAnErrorAndNeverAGuess) {
    for (const char* content : {"",
                                "x",
                                "holdfast-incarnation 1 ",
                                "holdfast-incarnation 1 11111111-1111-1111-1111-111111111111 4",
                                "holdfast-incarnation 1 zz 4.7\n"}) {
        std::ofstream(path()) << content;
        const auto read = next_incarnation(path(), boot_);
        ASSERT_FALSE(read) << content;
        EXPECT_NE(read.error().text.find("HF-5002"), std::string::npos);
    }
}

TEST_F(RunFolder, OnlyOneHoldsTheRunLock) {
    const std::string lock_path = folder_ + "/agent.lock";
    {
        auto first = RunLock::take(lock_path, Duration{});
        ASSERT_TRUE(first);
        auto second = RunLock::take(lock_path, std::chrono::milliseconds{50});
        ASSERT_FALSE(second);
        EXPECT_NE(second.error().text.find("process " + std::to_string(getpid())),
                  std::string::npos);
    }
    EXPECT_TRUE(RunLock::take(lock_path, Duration{}));
}

}  // namespace

TEST(HostIdentity, UuidDependsOnMachineAndCluster) {
    const Uuid cluster = *parse_uuid("11111111-1111-1111-1111-111111111111");
    const Uuid other = *parse_uuid("22222222-2222-2222-2222-222222222222");
    EXPECT_EQ(derive_host_uuid("machine", cluster), derive_host_uuid("machine", cluster));
    EXPECT_NE(derive_host_uuid("machine", cluster), derive_host_uuid("machine", other));
    EXPECT_NE(derive_host_uuid("machine", cluster), derive_host_uuid("other", cluster));
}

}  // namespace holdfast
