// A datastore that hangs while it is opened keeps its memory, and the loop goes on with another.
#include "agent/daemon/datastore_loop.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "agent/daemon/clock.h"
#include "storage/format_datastore.h"
#include "tests/unit/agent/eventually.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;

class DatastoreLoopTest : public testing::Test {
  protected:
    DatastoreLoopTest() {
        char pattern[] = "/var/tmp/holdfast-loop-XXXXXX";
        folder_ = mkdtemp(pattern);
        options_.name = "hb1";
        options_.path = folder_ + "/hb1";
        options_.cluster.bytes.fill(1);
        options_.host = HostId{1};
        options_.allow_local_filesystem = true;
    }

    ~DatastoreLoopTest() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] Result<FormatReport> format() const {
        FormatOptions options;
        options.path = options_.path;
        options.cluster = options_.cluster;
        options.datastore.bytes.fill(2);
        options.geometry = Geometry(2, kHeapBytesMin);
        options.allow_local_filesystem = true;
        return format_datastore(options);
    }

    [[nodiscard]] static std::optional<DatastoreCompletion> ask(DatastoreLoop& loop,
                                                                const DatastoreMemory* memory) {
        PortRequest asked{{}, memory};
        asked.request.kind = DatastoreRequestKind::WriteRecorder;
        asked.request.length_bytes = 4096;
        EXPECT_TRUE(loop.log_port().requests.try_push(asked));
        loop.wakeup().signal();
        DatastoreCompletion completion;
        if (!eventually([&] { return loop.log_port().completions.try_pop(completion); }))
            return std::nullopt;
        return completion;
    }

    std::string folder_;
    DatastoreOptions options_;
    Wakeup wakeup_;
};

// Why: the attempt after one that timed out was made with the memory that the kernel may still write into, and ended the agent.
TEST_F(DatastoreLoopTest, HungOpenIsTriedAgainWithMemoryOfItsOwn) {
    if (const auto made = format(); !made) GTEST_SKIP() << made.error().text;
    std::atomic<const DatastoreMemory*> lost{nullptr};
    std::atomic<int> attempts{0};
    const auto open = [&](const DatastoreOptions& options,
                          DatastoreMemory& memory) -> Result<std::unique_ptr<Datastore>> {
        if (attempts++ > 0) return Datastore::open(options, memory);
        memory.abandon();
        lost.store(&memory);
        return Unexpected{Error{ETIMEDOUT, "it hangs"}};
    };
    DatastoreLoop loop(
        options_, 2, {wakeup_, wakeup_, wakeup_, wakeup_}, {open, milliseconds{100}});
    EXPECT_EQ(loop.log_port().memory.load(), nullptr);
    loop.start();
    const auto refused = ask(loop, nullptr);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, IoStatus::Failed);
    ASSERT_TRUE(eventually([&] { return loop.facts().open; })) << loop.facts().problem.data();
    EXPECT_EQ(attempts.load(), 2);

    const DatastoreMemory* memory = loop.log_port().memory.load();
    ASSERT_NE(memory, nullptr);
    EXPECT_NE(memory, lost.load());
    EXPECT_EQ(memory, loop.engine_port().memory.load());
    const auto foreign = ask(loop, lost.load());
    ASSERT_TRUE(foreign);
    EXPECT_EQ(foreign->status, IoStatus::Failed);
    const auto done = ask(loop, memory);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->status, IoStatus::Done);
    loop.stop();
}

TEST_F(DatastoreLoopTest, DatastoreForManyHostsGetsMemoryForThem) {
    std::atomic<std::uint32_t> first{0};
    std::atomic<std::uint32_t> then{0};
    const auto open = [&](const DatastoreOptions&,
                          DatastoreMemory& memory) -> Result<std::unique_ptr<Datastore>> {
        if (memory.hosts_max() < kHostsMax) {
            first.store(memory.hosts_max());
            return Unexpected{Error{E2BIG, "formatted for more"}};
        }
        then.store(memory.hosts_max());
        return Unexpected{Error{EIO, "that is all"}};
    };
    DatastoreLoop loop(
        options_, 2, {wakeup_, wakeup_, wakeup_, wakeup_}, {open, std::chrono::minutes{1}});
    loop.start();
    ASSERT_TRUE(eventually([&] { return then.load() != 0; }));
    EXPECT_EQ(first.load(), 64U);
    EXPECT_EQ(then.load(), kHostsMax);
    loop.stop();
}

}  // namespace
}  // namespace holdfast
