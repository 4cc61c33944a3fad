// A datastore as its loop sees it, over a back-end that fails on demand: order, ownership, hung
// I/O, taint.
#include "storage/datastore.h"

#include <cerrno>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "storage/orders_format.h"
#include "storage/roster_format.h"
#include "storage/slot_format.h"
#include "tests/unit/storage/fault_backend.h"
#include "tests/unit/storage/format_samples.h"
#include "tests/unit/storage/temp_target.h"

namespace holdfast {
namespace {

using namespace test;
using Kind = DatastoreRequestKind;

class DatastoreTest : public testing::Test {
  protected:
    DatastoreTest() { assemble(IntentFile::in_memory()); }

    void assemble(IntentFile intents) {
        auto backend = std::make_unique<FaultBackend>(kSmallGeometry.total_bytes());
        if (backend_ != nullptr) backend->medium = backend_->medium;
        backend_ = backend.get();
        DatastoreOptions options;
        options.name = "hb1";
        options.cluster = sample_cluster();
        options.host = HostId{3};
        options.late_after = Duration{1};
        store_ = Datastore::assemble(
            options, memory_, std::move(backend), sample_superblock(), std::move(intents));
    }

    DatastoreRequest request(Kind kind) {
        DatastoreRequest request;
        request.kind = kind;
        request.request = RequestId{++last_request_};
        request.first = HostId{3};
        request.last = HostId{3};
        return request;
    }

    DatastoreRequest write_slot(std::uint64_t sequence) {
        SlotRecord record = sample_slot();
        record.sequence = Sequence{sequence};
        encode_slot(record, sample_cluster(), memory_.payload(Kind::WriteSlot));
        DatastoreRequest slot = request(Kind::WriteSlot);
        slot.number = sequence;
        slot.incarnation = record.incarnation;
        return slot;
    }

    DatastoreRequest scan(std::uint16_t first, std::uint16_t last) {
        DatastoreRequest scan = request(Kind::ScanSlots);
        scan.first = HostId{first};
        scan.last = HostId{last};
        return scan;
    }

    std::vector<DatastoreCompletion> run(std::initializer_list<DatastoreRequest> requests) {
        for (const auto& item : requests) store_->push(item);
        store_->submit();
        return reap();
    }

    std::vector<DatastoreCompletion> reap() {
        std::vector<DatastoreCompletion> all(32);
        all.resize(store_->reap(all));
        return all;
    }

    DatastoreMemory memory_{4, 4};
    FaultBackend* backend_ = nullptr;
    std::unique_ptr<Datastore> store_;
    std::uint64_t last_request_ = 0;
};

TEST_F(DatastoreTest, WriteAndScanGoOutInOneSubmission) {
    auto slot = write_slot(41);
    slot.with_next = true;
    store_->push(slot);
    store_->submit();
    EXPECT_EQ(backend_->submissions, 0U) << "held for its companion";
    const auto done = run({scan(1, 4)});
    EXPECT_EQ(backend_->submissions, 1U);
    EXPECT_EQ(backend_->last_batch.size(), 2U);
    ASSERT_EQ(done.size(), 2U);
    EXPECT_EQ(done[0].status, IoStatus::Done);
    ASSERT_EQ(done[1].slots.size(), 4U);
    EXPECT_EQ(done[1].slots[0].reading, SlotReading::Unwritten);
    EXPECT_EQ(done[1].slots[2].record, sample_slot());
}

TEST_F(DatastoreTest, CopiesAlternateByParity) {
    static_cast<void>(run({write_slot(41)}));
    static_cast<void>(run({write_slot(42)}));
    const BlockContext context{sample_cluster(), HostId{3}};
    const std::span<const std::byte> medium{backend_->medium};
    const auto at = [&](Copy copy) {
        return decode_slot(medium.subspan(kSmallGeometry.slot(HostId{3}, copy), kSlotCopyBytes),
                           context);
    };
    EXPECT_EQ(at(Copy::B)->sequence, Sequence{41});
    EXPECT_EQ(at(Copy::A)->sequence, Sequence{42});
}

TEST_F(DatastoreTest, RostersOrdersConfigurationsHeapAndRecorderComeBack) {
    auto roster = request(Kind::WriteRoster);
    roster.length_bytes = static_cast<std::uint32_t>(
        encode_roster(sample_roster(), sample_cluster(), memory_.payload(Kind::WriteRoster)));
    roster.number = 77;
    auto orders = request(Kind::WriteOrders);
    orders.length_bytes = static_cast<std::uint32_t>(
        encode_orders(sample_orders(), sample_cluster(), memory_.payload(Kind::WriteOrders)));
    orders.number = 12;
    auto config = request(Kind::WriteConfig);
    config.length_bytes = static_cast<std::uint32_t>(
        encode_config(*sample_config(), sample_cluster(), memory_.payload(Kind::WriteConfig)));
    config.number = 14;
    auto heap = request(Kind::WriteHeap);
    heap.offset_bytes = 4096;
    heap.length_bytes = 8192;
    memory_.payload(Kind::WriteHeap)[600] = std::byte{0x42};
    for (const auto& done : run({roster, orders, config, heap}))
        EXPECT_EQ(done.status, IoStatus::Done);

    auto done = run({request(Kind::ReadRoster), request(Kind::ReadOrders)});
    ASSERT_EQ(done.size(), 2U);
    ASSERT_EQ(done[0].reading, RegionReading::Valid);
    EXPECT_EQ(*done[0].roster, sample_roster());
    EXPECT_EQ(*done[1].orders, sample_orders());
    for (const auto& completion : done) store_->push(release_of(completion));
    auto part = request(Kind::ReadHeap);
    part.offset_bytes = 4096 + 512;
    part.length_bytes = 100;
    done = run({request(Kind::ReadConfig), part});
    ASSERT_EQ(done.size(), 2U);
    EXPECT_EQ(*done[0].config, *sample_config());
    ASSERT_EQ(done[1].bytes.size(), 100U);
    EXPECT_EQ(done[1].bytes[88], std::byte{0x42});
}

TEST_F(DatastoreTest, UnwrittenAndDamagedRegionsAreToldApart) {
    auto done = run({request(Kind::ReadRoster)});
    EXPECT_EQ(done[0].reading, RegionReading::Unwritten);
    EXPECT_EQ(done[0].result, kNoResult);
    backend_->medium[kSmallGeometry.roster(HostId{3}, Copy::A)] = std::byte{1};
    done = run({request(Kind::ReadRoster)});
    EXPECT_EQ(done[0].reading, RegionReading::Unusable);
    EXPECT_EQ(done[0].reject.code, RejectCode::BadMagic);
    EXPECT_EQ(store_->health().rejects.of(RejectCode::BadMagic), 1U);
}

TEST_F(DatastoreTest, ReadsWaitForAResultToBeReleased) {
    static_cast<void>(run({write_slot(41)}));
    auto done = run({scan(3, 3), scan(3, 3), scan(3, 3)});
    ASSERT_EQ(done.size(), 2U);
    EXPECT_EQ(store_->unanswered(), 1U);
    static_cast<void>(run({}));
    EXPECT_EQ(store_->unanswered(), 1U) << "results are still held";
    const SlotView* held = done[1].slots.data();
    done = run({release_of(done[0])});
    ASSERT_EQ(done.size(), 1U);
    EXPECT_NE(done[0].slots.data(), held);
    EXPECT_EQ(store_->unanswered(), 0U);
}

TEST_F(DatastoreTest, ErrorsAndShortTransfersAreFailures) {
    backend_->fault = [](const IoOperation&) { return std::optional<std::int32_t>{-EIO}; };
    auto done = run({write_slot(41), scan(1, 4), request(Kind::ReadRoster)});
    ASSERT_EQ(done.size(), 3U);
    for (const auto& completion : done) {
        EXPECT_EQ(completion.status, IoStatus::Failed);
        EXPECT_EQ(completion.system_errno, EIO);
        EXPECT_EQ(completion.result, kNoResult);
        EXPECT_TRUE(completion.slots.empty());
    }
    EXPECT_EQ(done[2].reading, RegionReading::Unusable);
    backend_->fault = [](const IoOperation&) { return std::optional<std::int32_t>{512}; };
    EXPECT_EQ(run({write_slot(42)})[0].status, IoStatus::Failed);
    EXPECT_EQ(store_->health().errors, 4U);
    backend_->fault = nullptr;
    EXPECT_EQ(run({write_slot(43), scan(1, 4)}).size(), 2U)
        << "a failed read leaves its result free";
}

TEST_F(DatastoreTest, RequestsThatFitNoGeometryNeverReachTheStorage) {
    auto outside = request(Kind::ReadRoster);
    outside.first = HostId{5};
    auto heap = request(Kind::WriteHeap);
    heap.offset_bytes = static_cast<std::uint32_t>(kHeapBytesMin);
    heap.length_bytes = 4096;
    auto odd = request(Kind::WriteRecorder);
    odd.length_bytes = 100;
    const auto done = run({outside, scan(1, 5), scan(2, 1), heap, odd});
    ASSERT_EQ(done.size(), 5U);
    for (const auto& completion : done) EXPECT_EQ(completion.system_errno, EINVAL);
    EXPECT_EQ(backend_->submitted, 0U);
}

TEST_F(DatastoreTest, AHungWriteIsNeverAnsweredAndLaterOperationsAre) {
    backend_->fault = [](const IoOperation& operation) -> std::optional<std::int32_t> {
        if (operation.kind == IoKind::Write) return FaultBackend::kHang;
        return std::nullopt;
    };
    auto done = run({write_slot(41), scan(1, 4)});
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].kind, Kind::ScanSlots);
    DatastoreHealth health = store_->health();
    EXPECT_EQ(health.in_flight, 1U);
    EXPECT_TRUE(health.late);
    EXPECT_EQ(health.oldest_kind, Kind::WriteSlot);
    backend_->release_one();
    done = reap();
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].status, IoStatus::Done) << "late, and still done";
    EXPECT_FALSE(store_->health().late);
}

TEST_F(DatastoreTest, MemoryOfAHungOperationIsAbandonedNotReused) {
    backend_->fault = [](const IoOperation&) {
        return std::optional<std::int32_t>{FaultBackend::kHang};
    };
    static_cast<void>(run({write_slot(41)}));
    EXPECT_FALSE(memory_.abandoned());
    store_.reset();
    EXPECT_TRUE(memory_.abandoned());
}

// Every operation fails once, one after the other; the datastore answers each and goes on.
TEST_F(DatastoreTest, TheNthOperationFailsForEveryN) {
    for (std::size_t n = 0; n < 4; ++n) {
        std::size_t index = 0;
        backend_->fault = [&](const IoOperation&) -> std::optional<std::int32_t> {
            if (index++ == n) return -EIO;
            return std::nullopt;
        };
        auto done = run({write_slot(100 + n),
                         scan(1, 4),
                         request(Kind::ReadRoster),
                         request(Kind::ReadOrders)});
        ASSERT_EQ(done.size(), 4U);
        for (std::size_t i = 0; i < 4; ++i) {
            EXPECT_EQ(done[i].status, i == n ? IoStatus::Failed : IoStatus::Done) << "n = " << n;
            if (done[i].result != kNoResult) store_->push(release_of(done[i]));
        }
    }
    EXPECT_EQ(store_->latency(Kind::WriteSlot).count(), 3U);
}

class TaintedDatastore : public DatastoreTest {
  protected:
    void start_after_kill(IntentKind kind, Incarnation incarnation, std::uint64_t number) {
        auto before = IntentFile::open(folder_.path("intents"), uuid_from(0x20));
        ASSERT_TRUE(before);
        before->begin(kind, incarnation, number);
        auto after = IntentFile::open(folder_.path("intents"), uuid_from(0x20));
        ASSERT_TRUE(after);
        assemble(std::move(*after));
    }

    TempFolder folder_;
};

TEST_F(TaintedDatastore, GivesNoLeaseUntilTheLateWriteIsSeen) {
    start_after_kill(IntentKind::Slot, sample_slot().incarnation, 40);
    EXPECT_TRUE(store_->tainted());
    auto done = run({write_slot(41)});
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].status, IoStatus::Failed);
    EXPECT_TRUE(done[0].tainted);
    EXPECT_TRUE(store_->tainted());
    // The predecessor's write lands now.
    SlotRecord late = sample_slot();
    late.sequence = Sequence{40};
    const std::uint64_t place = kSmallGeometry.slot(HostId{3}, Copy::A);
    encode_slot(late, sample_cluster(), std::span{backend_->medium}.subspan(place, kSlotCopyBytes));
    done = run({scan(1, 4)});
    EXPECT_FALSE(store_->tainted());
    EXPECT_EQ(run({write_slot(43)})[0].status, IoStatus::Done);
}

TEST_F(TaintedDatastore, LooksForALateRosterByItself) {
    start_after_kill(IntentKind::Roster, sample_roster().incarnation, 77);
    const std::uint64_t place = kSmallGeometry.roster(HostId{3}, Copy::B);
    static_cast<void>(encode_roster(sample_roster(),
                                    sample_cluster(),
                                    std::span{backend_->medium}.subspan(place, kRosterCopyBytes)));
    EXPECT_TRUE(store_->tainted());
    EXPECT_TRUE(run({}).empty()) << "its own read is reported to nobody";
    EXPECT_FALSE(store_->tainted());
    EXPECT_EQ(store_->unanswered(), 0U);
}

}  // namespace
}  // namespace holdfast
