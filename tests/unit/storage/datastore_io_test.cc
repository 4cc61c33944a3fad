// A whole datastore on real storage, both back-ends: format, open, beat, scan, start again.
#include <array>
#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "storage/clock.h"
#include "storage/datastore.h"
#include "storage/format_datastore.h"
#include "storage/slot_format.h"
#include "tests/unit/storage/format_samples.h"
#include "tests/unit/storage/io_mode.h"

namespace holdfast {
namespace {

using namespace test;

class DatastoreIo : public IoModeTest {
  protected:
    void SetUp() override {
        IoModeTest::SetUp();
        if (IsSkipped()) return;
        FormatOptions format;
        format.path = path_;
        format.cluster = sample_cluster();
        format.datastore = uuid_from(0x80);
        format.name = "hb1";
        format.geometry = kSmallGeometry;
        format.allow_local_filesystem = true;
        const auto report = format_datastore(format);
        ASSERT_TRUE(report) << report.error().text;
        options_.name = "hb1";
        options_.path = path_;
        options_.cluster = sample_cluster();
        options_.host = HostId{3};
        options_.backend = GetParam().backend;
        options_.allow_local_filesystem = true;
        options_.intent_folder = folder_.path();
        options_.boot_id = uuid_from(0x20);
        options_.wakeup_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        wakeup_ = OwnedFd{options_.wakeup_fd};
    }

    std::unique_ptr<Datastore> open() {
        auto store = Datastore::open(options_, memory_);
        EXPECT_TRUE(store) << store.error().text;
        return store ? std::move(*store) : nullptr;
    }

    // One round: slot write and scan in one submission; true when both were done.
    static bool beat(Datastore& store, DatastoreMemory& memory, std::uint64_t sequence) {
        SlotRecord record = sample_slot();
        record.sequence = Sequence{sequence};
        encode_slot(record, sample_cluster(), memory.payload(DatastoreRequestKind::WriteSlot));
        DatastoreRequest slot;
        slot.kind = DatastoreRequestKind::WriteSlot;
        slot.number = sequence;
        slot.incarnation = record.incarnation;
        slot.with_next = true;
        store.push(slot);
        DatastoreRequest scan;
        scan.kind = DatastoreRequestKind::ScanSlots;
        scan.first = HostId{1};
        scan.last = HostId{4};
        store.push(scan);
        store.submit();
        std::size_t good = 0;
        const Instant deadline = boottime_now() + std::chrono::seconds{20};
        while (store.unanswered() > 0 && boottime_now() < deadline) {
            std::array<DatastoreCompletion, 4> done;
            const std::size_t count = store.reap(done);
            for (std::size_t i = 0; i < count; ++i) {
                if (done[i].status == IoStatus::Done) ++good;
                if (done[i].result != kNoResult) store.push(release_of(done[i]));
            }
            if (count == 0) store.wait(deadline - boottime_now());
        }
        return good == 2;
    }

    DatastoreOptions options_;
    OwnedFd wakeup_;
    DatastoreMemory memory_{4, 4};
};

TEST_P(DatastoreIo, MemoryForFewerHostsIsRefused) {
    DatastoreMemory small{3, 3};
    const auto store = Datastore::open(options_, small);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().system_errno, E2BIG) << store.error().text;
    EXPECT_FALSE(small.abandoned());
}

TEST_P(DatastoreIo, BeatsAndIsFoundAgain) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        EXPECT_FALSE(store->tainted());
        EXPECT_NE(store->backend_reason().find("because"), std::string::npos);
        for (std::uint64_t sequence = 1; sequence <= 20; ++sequence) {
            ASSERT_TRUE(beat(*store, memory_, sequence)) << sequence;
        }
        EXPECT_EQ(store->latency(DatastoreRequestKind::WriteSlot).count(), 20U);
        EXPECT_EQ(store->health().errors, 0U);
    }
    EXPECT_FALSE(memory_.abandoned());
    const auto again = open();
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->tainted());
    EXPECT_TRUE(beat(*again, memory_, 21));
}

TEST_P(DatastoreIo, AStartAfterAKillSeesThatTheWriteHadLanded) {
    {
        const auto store = open();
        ASSERT_TRUE(store);
        ASSERT_TRUE(beat(*store, memory_, 41));
    }
    const std::string intents = folder_.path() + "/intents-80818283-8485-8687-8889-8a8b8c8d8e8f";
    auto killed = IntentFile::open(intents, uuid_from(0x20));
    ASSERT_TRUE(killed);
    killed->set_backend_ends_with_process(false);
    killed->begin(IntentKind::Slot, sample_slot().incarnation, 41);
    const auto again = open();
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->tainted()) << "record 41 is in the slot";
}

// Each start reads what lies there, so no start overwrites the newest record.
TEST_P(DatastoreIo, EveryStartWritesBesideTheNewestRecord) {
    for (std::uint64_t sequence = 2; sequence <= 12; sequence += 2) {
        const auto store = open();
        ASSERT_TRUE(store);
        ASSERT_TRUE(beat(*store, memory_, sequence)) << sequence;
        if (sequence == 2) continue;
        const OwnedFd file{::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT)};
        alignas(kBlockBytes) std::array<std::byte, kSlotBytes> copies;
        ASSERT_EQ(::pread(file.get(),
                          copies.data(),
                          copies.size(),
                          static_cast<off_t>(kSmallGeometry.slot(HostId{3}))),
                  static_cast<ssize_t>(copies.size()));
        std::uint64_t sum = 0;
        for (const std::size_t at : {std::size_t{0}, std::size_t{kSlotCopyBytes}}) {
            const auto record = decode_slot(
                std::span<const std::byte>{copies}.subspan(at, kSlotCopyBytes), sample_context());
            ASSERT_TRUE(record);
            sum += record->sequence.value();
        }
        EXPECT_EQ(sum, 2 * sequence - 2) << "this one and the one before";
    }
}

TEST_P(DatastoreIo, AKilledAgentsWriteThatNeverLandedTaints) {
    const std::string intents = folder_.path() + "/intents-80818283-8485-8687-8889-8a8b8c8d8e8f";
    auto killed = IntentFile::open(intents, uuid_from(0x20));
    ASSERT_TRUE(killed);
    killed->begin(IntentKind::Slot, sample_slot().incarnation, 41);
    const auto store = open();
    ASSERT_TRUE(store);
    EXPECT_TRUE(store->tainted());
    EXPECT_FALSE(beat(*store, memory_, 42));
    EXPECT_TRUE(store->health().tainted);
}

TEST_P(DatastoreIo, RefusesAnotherClusterAHostTooManyAndAForeignDevice) {
    options_.cluster = uuid_from(1);
    auto store = Datastore::open(options_, memory_);
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().text.find("belongs to cluster a0a1a2a3-"), std::string::npos)
        << store.error().text;
    options_.cluster = sample_cluster();
    options_.host = HostId{5};
    store = Datastore::open(options_, memory_);
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().text.find("hosts 1..4, this is host 5"), std::string::npos)
        << store.error().text;
    options_.host = HostId{3};
    write_bytes(path_, 0, std::string(8192, '\0'));
    store = Datastore::open(options_, memory_);
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().text.find("no heartbeat datastore"), std::string::npos)
        << store.error().text;
    write_bytes(path_, 0, "XFSB");
    store = Datastore::open(options_, memory_);
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().text.find("an XFS file system"), std::string::npos)
        << store.error().text;
}

INSTANTIATE_TEST_SUITE_P(Io, DatastoreIo, testing::ValuesIn(kIoModes), io_mode_name);

}  // namespace
}  // namespace holdfast
