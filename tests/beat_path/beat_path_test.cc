// No allocation, no lock and no blocking call from the arrival of a beat to the moving of the keeper's deadline (design
// sections 2 and 11), counted over 100,000 turns of the loops and 100,000 steps of the engine.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "agent/daemon/engine_loop.h"
#include "bench/support/allocation_count.h"
#include "bench/support/cluster_records.h"
#include "bench/support/lone_engine.h"
#include "bench/support/slot_area.h"
#include "storage/datastore.h"
#include "storage/format_datastore.h"
#include "tests/beat_path/syscall_watch.h"
#include "tests/unit/storage/temp_target.h"

namespace holdfast::test {
namespace {

using bench::allocations_of_this_thread;

constexpr std::uint16_t kHosts = 3;
constexpr Duration kTurn = std::chrono::milliseconds{5};

Instant fake_now{std::chrono::seconds{1000}};

Instant fake_clock() {
    return fake_now;
}

// The engine loop and one datastore, turned by hand; between them the shipped rings, executor and I/O.
class Loops {
  public:
    explicit Loops(const bench::SlotArea& area) : memory_(kHosts, kHosts) {
        DatastoreOptions options;
        options.cluster = area.superblock.cluster;
        options.host = HostId{1};
        auto backend = make_uring_backend({area.file.get(), -1, memory_.arena()});
        name_ = "io_uring";
        if (!backend) {
            backend = make_aio_backend({area.file.get(), -1, memory_.arena()});
            name_ = "libaio";
        }
        HF_CHECK(backend.has_value());
        store_ = Datastore::assemble(
            options, memory_, std::move(backend.value()), area.superblock, IntentFile::in_memory());
        port_.memory = &memory_;
        EngineConfig engine;
        engine.self = HostId{1};
        engine.host_uuid = bench::uuid_of(1, 1);
        engine.boot_id = bench::uuid_of(2, 1);
        engine.timing = kTimingFast;
        for (std::uint16_t id = 1; id <= kHosts; ++id) engine.members.push(HostId{id});
        engine.voters_count = engine.datastores_count = 1;
        engine.watchdog_class = WatchdogClass::None;
        engine.incarnation = Incarnation{0, 1};
        loop_ = std::make_unique<EngineLoop>(engine,
                                             EngineLoop::Surroundings{area.superblock.cluster,
                                                                      {{&port_, &store_wakeup_}},
                                                                      {vm_commands_,
                                                                       vm_reports_,
                                                                       control_commands_,
                                                                       control_reports_,
                                                                       beats_out_,
                                                                       beats_in_,
                                                                       probes_in_},
                                                                      page_,
                                                                      directory_.get(),
                                                                      kept_.get(),
                                                                      "none",
                                                                      wakeup_,
                                                                      control_wakeup_,
                                                                      &fake_clock});
    }

    // One round of the engine loop and of what surrounds it.
    void turn() {
        fake_now += kTurn;
        loop_->run_once();
        serve_datastore();
        ControlCommand command;
        while (control_commands_.ring.try_pop(command)) {
            if (const auto* persist = std::get_if<PersistIncarnation>(&command))
                static_cast<void>(
                    control_reports_.push(IncarnationPersisted{persist->incarnation}));
        }
        Beat beat;
        while (beats_out_.ring.try_pop(beat)) {
            ++beats_count_;
            Beat answer = bench::beat_of(beat.to, HostId{1}, BeatNumber{beats_count_}, kTimingFast);
            answer.epoch = beat.epoch;
            answer.winner = beat.winner;
            answer.answered_incarnation = beat.incarnation;
            answer.answered_number = beat.number;
            static_cast<void>(beats_in_.push(BeatReceived{answer, 0}));
        }
        VmCommand ignored;
        while (vm_commands_.ring.try_pop(ignored)) continue;
        LogRecord& line = *line_;
        while (loop_->sink().take(line)) continue;
    }

    [[nodiscard]] std::uint64_t beats_count() const { return beats_count_; }

    [[nodiscard]] const std::string& backend() const { return name_; }

    [[nodiscard]] bool leads() {
        static_cast<void>(loop_->snapshot().try_load(*snapshot_));
        return snapshot_->leading;
    }

  private:
    // DatastoreLoop::serve(), by hand.
    void serve_datastore() {
        PortRequest asked;
        while (port_.requests.try_pop(asked)) store_->push(asked.request);
        store_->submit();
        while (store_->health().in_flight > 0) {
            store_->wait(std::chrono::milliseconds{100});
            const std::size_t count = store_->reap(completions_);
            for (std::size_t i = 0; i < count; ++i)
                HF_CHECK(port_.completions.try_push(completions_[i]));
            port_.asker.signal();
        }
    }

    DatastoreMemory memory_;
    std::string name_;
    std::unique_ptr<Datastore> store_;
    Wakeup wakeup_;
    Wakeup store_wakeup_;
    Wakeup control_wakeup_;
    std::unique_ptr<ConfigRecord> directory_ = std::make_unique<ConfigRecord>();
    std::unique_ptr<Seqlock<KeptMembership>> kept_ = std::make_unique<Seqlock<KeptMembership>>();
    Wakeup other_wakeup_;
    DatastorePort port_{wakeup_};
    Channel<VmCommand> vm_commands_{64, other_wakeup_};
    Channel<VmReport> vm_reports_{64, wakeup_};
    Channel<ControlCommand> control_commands_{64, other_wakeup_};
    Channel<ControlReport> control_reports_{64, wakeup_};
    Channel<Beat> beats_out_{64, other_wakeup_};
    Channel<BeatReceived> beats_in_{64, wakeup_};
    Channel<ProbeReport> probes_in_{4, wakeup_};
    KeeperPage page_{};
    std::unique_ptr<EngineLoop> loop_;
    std::array<DatastoreCompletion, 8> completions_;
    std::unique_ptr<LogRecord> line_ = std::make_unique<LogRecord>();
    std::unique_ptr<Snapshot> snapshot_ = std::make_unique<Snapshot>();
    std::uint64_t beats_count_ = 0;
};

struct Found {
    std::string skipped;
    std::string backend;
    bool led = false;
    std::uint64_t beats = 0;
    std::int64_t allocations = 0;
    std::uint64_t trapped = 0;
    std::string trapped_calls;
};

void turn_loops(const bench::SlotArea& area, Found& found) {
    Loops loops(area);
    found.backend = loops.backend();
    for (int i = 0; i < 2000; ++i) loops.turn();  // becomes leader; first uses of everything
    // What the loops may do: eventfds, and I/O that is submitted and reaped.
    found.skipped = watch_syscalls({SYS_read,
                                    SYS_write,
                                    SYS_io_uring_enter,
                                    SYS_io_submit,
                                    SYS_io_getevents,
                                    SYS_io_pgetevents,
                                    SYS_rt_sigreturn,
                                    SYS_exit,
                                    SYS_exit_group});
    if (!found.skipped.empty()) return;
    const std::int64_t allocated = allocations_of_this_thread();
    const std::uint64_t beats = loops.beats_count();
    for (int i = 0; i < 100'000; ++i) loops.turn();
    found.allocations = allocations_of_this_thread() - allocated;
    found.trapped = trapped_count();
    found.trapped_calls = trapped_text();
    found.beats = loops.beats_count() - beats;
    found.led = loops.leads();
}

TEST(BeatPath, LoopsNeitherAllocateNorLockNorBlock) {
    const TempFolder folder;
    if (!folder.unusable_reason().empty()) GTEST_SKIP() << folder.unusable_reason();
    FormatOptions format;
    format.path = folder.path("hb");
    format.cluster = bench::uuid_of(9, 1);
    format.datastore = bench::uuid_of(9, 2);
    format.geometry = Geometry{kHosts, kHeapBytesMin};
    format.allow_local_filesystem = true;
    const auto made = format_datastore(format);
    ASSERT_TRUE(made) << made.error().text;
    bench::SlotArea area;
    area.superblock = made->superblock;
    area.file = OwnedFd{::open(format.path.c_str(), O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC)};
    ASSERT_GE(area.file.get(), 0);
    Found found;
    // The thread ends by itself: what is trapped after the count, when it is torn down, is nobody's business.
    std::thread([&] { turn_loops(area, found); }).join();
    if (!found.skipped.empty()) GTEST_SKIP() << found.skipped;
    EXPECT_TRUE(found.led) << "the loops did not get as far as a healthy agent";
    EXPECT_GT(found.beats, 3000U);
    EXPECT_EQ(found.allocations, 0) << "over 100,000 turns on " << found.backend;
    EXPECT_EQ(found.trapped, 0U) << found.trapped_calls;
}

TEST(BeatPath, EngineStepsAllocateNothing) {
    for (const bool leads : {true, false}) {
        bench::LoneEngine::Config config;
        config.hosts = 64;
        config.leads = leads;
        bench::LoneEngine lone(config);
        lone.count_by(&allocations_of_this_thread);
        lone.run(40);
        ASSERT_TRUE(lone.settled());
        lone.reset_samples();
        lone.run(1500);
        EXPECT_GE(lone.all_steps().size(), 100'000U);
        EXPECT_EQ(lone.counted(), 0);
    }
}

// The counting itself: what these tests say means nothing unless an allocation and a lock are seen.
TEST(BeatPath, TheWatchSeesAllocationsAndLocks) {
    const std::int64_t allocated = allocations_of_this_thread();
    delete new std::string(100, 'x');
    EXPECT_GT(allocations_of_this_thread(), allocated);

    std::uint64_t trapped = 0;
    std::string skipped;
    std::thread([&] {
        skipped = watch_syscalls({SYS_rt_sigreturn, SYS_exit, SYS_exit_group, SYS_write});
        if (!skipped.empty()) return;
        const std::uint64_t before = trapped_count();
        const timespec soon{1, 0};
        unsigned word = 0;
        // FUTEX_WAIT_PRIVATE, as a mutex does when it must wait.
        syscall(SYS_futex, &word, 128, 0, &soon, nullptr, 0);
        nanosleep(&soon, nullptr);
        trapped = trapped_count() - before;
    }).join();
    if (!skipped.empty()) GTEST_SKIP() << skipped;
    EXPECT_GE(trapped, 2U);
}

}  // namespace
}  // namespace holdfast::test
