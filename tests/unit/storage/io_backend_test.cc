// One contract, two back-ends, files and loop devices: the same tests for all.
#include "storage/io_backend.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "storage/aligned_buffer.h"
#include "storage/clock.h"
#include "tests/unit/storage/io_mode.h"

namespace holdfast {
namespace {

using namespace test;

constexpr Duration kLong = std::chrono::seconds{20};

class IoBackendContract : public IoModeTest {
  protected:
    void SetUp() override {
        IoModeTest::SetUp();
        if (IsSkipped()) return;
        file_ = OwnedFd{::open(path_.c_str(), O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC)};
        ASSERT_GE(file_.get(), 0) << std::strerror(errno);
        wakeup_ = OwnedFd{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
        make_backend();
    }

    void make_backend() {
        const IoTarget target{file_.get(), wakeup_.get(), arena_.span()};
        auto made = GetParam().backend == BackendChoice::Uring ? make_uring_backend(target)
                                                               : make_aio_backend(target);
        if (!made) GTEST_SKIP() << "NOT TESTED: " << made.error().text;
        backend_ = std::move(*made);
    }

    std::byte* page(std::size_t index) { return arena_.span().data() + index * kBlockBytes; }

    IoOperation operation(IoKind kind,
                          std::uint64_t token,
                          std::size_t index,
                          std::uint64_t offset) {
        return {kind, token, page(index), kBlockBytes, offset};
    }

    // Waits for exactly `count` completions.
    std::vector<IoCompletion> collect(std::size_t count) {
        std::vector<IoCompletion> all;
        const Instant deadline = boottime_now() + kLong;
        while (all.size() < count && boottime_now() < deadline) {
            std::array<IoCompletion, 3> some{};
            const std::size_t got = backend_->reap(some);
            all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(got));
            if (got == 0) backend_->wait(deadline - boottime_now());
        }
        return all;
    }

    AlignedBuffer arena_{64 * kBlockBytes};
    OwnedFd file_;
    OwnedFd wakeup_;
    std::unique_ptr<IoBackend> backend_;
};

TEST_P(IoBackendContract, WhatIsWrittenIsReadBack) {
    std::memset(page(0), 0x5a, kBlockBytes);
    const auto write = operation(IoKind::Write, 7, 0, 8192);
    backend_->submit({&write, 1});
    EXPECT_EQ(backend_->in_flight(), 1U);
    auto done = collect(1);
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].token, 7U);
    EXPECT_EQ(done[0].result, static_cast<std::int32_t>(kBlockBytes));
    EXPECT_EQ(backend_->in_flight(), 0U);
    const auto read = operation(IoKind::Read, 8, 1, 8192);
    backend_->submit({&read, 1});
    done = collect(1);
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(std::memcmp(page(0), page(1), kBlockBytes), 0);
}

TEST_P(IoBackendContract, WriteAndReadGoOutInOneSubmission) {
    std::memset(page(0), 0x11, kBlockBytes);
    const std::array both{operation(IoKind::Write, 1, 0, 0), operation(IoKind::Read, 2, 1, 16384)};
    backend_->submit(both);
    const auto done = collect(2);
    ASSERT_EQ(done.size(), 2U);
    EXPECT_EQ(done[0].token + done[1].token, 3U);
    EXPECT_EQ(done[0].result, static_cast<std::int32_t>(kBlockBytes));
    EXPECT_EQ(done[1].result, static_cast<std::int32_t>(kBlockBytes));
}

TEST_P(IoBackendContract, AFullLoadIsAnsweredOnceEach) {
    std::vector<IoOperation> operations;
    for (std::size_t i = 0; i < kIoInFlightMax; ++i) {
        operations.push_back(
            operation(i % 2 == 0 ? IoKind::Read : IoKind::Write, 100 + i, i, i * kBlockBytes));
    }
    for (int round = 0; round < 10; ++round) {
        backend_->submit(operations);
        const auto done = collect(kIoInFlightMax);
        std::set<std::uint64_t> tokens;
        for (const auto& completion : done) {
            tokens.insert(completion.token);
            EXPECT_EQ(completion.result, static_cast<std::int32_t>(kBlockBytes));
        }
        EXPECT_EQ(tokens.size(), kIoInFlightMax);
        EXPECT_EQ(backend_->in_flight(), 0U);
    }
}

TEST_P(IoBackendContract, ReadBehindTheEndIsShortOrAnError) {
    const auto read = operation(IoKind::Read, 1, 0, kSmallGeometry.total_bytes() + 1024 * 1024);
    backend_->submit({&read, 1});
    const auto done = collect(1);
    ASSERT_EQ(done.size(), 1U);
    EXPECT_LT(done[0].result, static_cast<std::int32_t>(kBlockBytes));
}

TEST_P(IoBackendContract, AMisalignedOperationIsAnErrorNotACrash) {
    const IoOperation odd{IoKind::Read, 5, page(0) + 1, kBlockBytes, 3};
    backend_->submit({&odd, 1});
    const auto done = collect(1);
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].token, 5U);
    EXPECT_LT(done[0].result, static_cast<std::int32_t>(kBlockBytes));
}

TEST_P(IoBackendContract, WaitEndsWithItsTimeout) {
    const Instant before = boottime_now();
    backend_->wait(std::chrono::milliseconds{20});
    EXPECT_GE(boottime_now() - before, std::chrono::milliseconds{15});
    backend_->wait(Duration::zero());
    backend_->wait(Duration{-1});
}

TEST_P(IoBackendContract, WaitEndsWithAWakeUpAndConsumesIt) {
    for (int round = 0; round < 3; ++round) {
        ::eventfd_write(wakeup_.get(), 1);
        const Instant before = boottime_now();
        backend_->wait(kLong);
        EXPECT_LT(boottime_now() - before, kLong / 2);
        eventfd_t count = 0;
        EXPECT_NE(::eventfd_read(wakeup_.get(), &count), 0) << "wait() must have consumed it";
    }
}

TEST_P(IoBackendContract, AWakeUpThatReapMeetsIsNotLost) {
    std::array<IoCompletion, 4> none{};
    backend_->wait(Duration::zero());  // the wake-up is watched from now on
    const auto read = operation(IoKind::Read, 1, 0, 0);
    backend_->submit({&read, 1});
    ::eventfd_write(wakeup_.get(), 1);
    EXPECT_EQ(collect(1).size(), 1U);
    static_cast<void>(backend_->reap(none));
    ::eventfd_write(wakeup_.get(), 1);
    static_cast<void>(backend_->reap(none));
    const Instant before = boottime_now();
    backend_->wait(kLong);
    EXPECT_LT(boottime_now() - before, kLong / 2);
}

TEST_P(IoBackendContract, WakeUpFromAnotherThread) {
    std::thread other([this] { ::eventfd_write(wakeup_.get(), 1); });
    const Instant before = boottime_now();
    backend_->wait(kLong);
    EXPECT_LT(boottime_now() - before, kLong / 2);
    other.join();
}

TEST_P(IoBackendContract, NamesItself) {
    EXPECT_STREQ(backend_->name(),
                 GetParam().backend == BackendChoice::Uring ? "io_uring" : "libaio");
    EXPECT_STRNE(backend_->features(), "");
}

INSTANTIATE_TEST_SUITE_P(Io, IoBackendContract, testing::ValuesIn(kIoModes), io_mode_name);

class BackendSelect : public testing::Test {
  protected:
    void SetUp() override {
        const std::string reason = folder_.unusable_reason();
        if (!reason.empty()) GTEST_SKIP() << "NOT TESTED: " << reason;
        write_zero_file(folder_.path("target"), 65536);
        file_ = OwnedFd{
            ::open(folder_.path("target").c_str(), O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC)};
    }

    IoTarget target(int fd) { return {fd, -1, arena_.span()}; }

    TempFolder folder_;
    AlignedBuffer arena_{16 * kBlockBytes};
    OwnedFd file_;
};

TEST_F(BackendSelect, AutoTakesOneAndSaysWhy) {
    const auto selected = select_backend(BackendChoice::Auto, target(file_.get()), kLong);
    ASSERT_TRUE(selected) << selected.error().text;
    EXPECT_NE(selected->reason.find("because"), std::string::npos) << selected->reason;
    EXPECT_NE(selected->reason.find(selected->backend->name()), std::string::npos)
        << selected->reason;
}

TEST_F(BackendSelect, LibaioWhenAskedFor) {
    const auto selected = select_backend(BackendChoice::Aio, target(file_.get()), kLong);
    ASSERT_TRUE(selected) << selected.error().text;
    EXPECT_STREQ(selected->backend->name(), "libaio");
    EXPECT_EQ(selected->reason, "using libaio (one context, eventfd) because it was asked for");
}

TEST_F(BackendSelect, NothingIsTrustedWithoutARealRead) {
    const OwnedFd unreadable{
        ::open(folder_.path("target").c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC)};
    const auto selected = select_backend(BackendChoice::Auto, target(unreadable.get()), kLong);
    ASSERT_FALSE(selected);
    EXPECT_NE(selected.error().text.find("EBADF"), std::string::npos) << selected.error().text;
}

TEST(BackendChoice, NamesAndEnvironment) {
    EXPECT_EQ(*parse_backend_choice("auto"), BackendChoice::Auto);
    EXPECT_EQ(*parse_backend_choice("io_uring"), BackendChoice::Uring);
    EXPECT_EQ(*parse_backend_choice("libaio"), BackendChoice::Aio);
    EXPECT_FALSE(parse_backend_choice("posix"));
    ::setenv("HOLDFAST_IO", "libaio", 1);
    EXPECT_EQ(*effective_backend_choice(BackendChoice::Auto), BackendChoice::Aio);
    ::setenv("HOLDFAST_IO", "nonsense", 1);
    EXPECT_FALSE(effective_backend_choice(BackendChoice::Auto));
    ::unsetenv("HOLDFAST_IO");
    EXPECT_EQ(*effective_backend_choice(BackendChoice::Uring), BackendChoice::Uring);
}

}  // namespace
}  // namespace holdfast
