// A datastore as its loop sees it, over a back-end that fails on demand: order, ownership, hung
// I/O, taint.
#include "storage/datastore.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/config_format.h"
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

    void assemble(IntentFile intents, std::optional<Copy> first_copy = Copy::A) {
        auto backend = std::make_unique<FaultBackend>(kSmallGeometry.total_bytes());
        if (backend_ != nullptr) backend->medium = backend_->medium;
        backend_ = backend.get();
        DatastoreOptions options;
        options.name = "hb1";
        options.cluster = sample_cluster();
        options.host = HostId{3};
        options.late_after = Duration{1};
        store_ = Datastore::assemble(options,
                                     memory_,
                                     std::move(backend),
                                     sample_superblock(),
                                     std::move(intents),
                                     first_copy);
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

    // A write of slot, roster, orders or configuration.
    DatastoreRequest write(Kind kind, std::uint64_t number) {
        if (kind == Kind::WriteSlot) return write_slot(number);
        DatastoreRequest write = request(kind);
        const std::span<std::byte> payload = memory_.payload(kind);
        std::size_t bytes = 0;
        const auto encode = [&](auto& record, const auto& encoder) {
            record.version = Version{number};
            write.incarnation = record.incarnation;
            bytes = encoder(record, sample_cluster(), payload);
        };
        if (kind == Kind::WriteRoster) {
            Roster roster = sample_roster();
            encode(roster, encode_roster);
        } else if (kind == Kind::WriteOrders) {
            Orders orders = sample_orders();
            encode(orders, encode_orders);
        } else {
            const auto config = sample_config();
            encode(*config, encode_config);
        }
        write.length_bytes = static_cast<std::uint32_t>(bytes);
        write.number = number;
        return write;
    }

    DatastoreRequest own_read(Kind write_kind) {
        if (write_kind == Kind::WriteSlot) return scan(1, 4);
        if (write_kind == Kind::WriteRoster) return request(Kind::ReadRoster);
        if (write_kind == Kind::WriteOrders) return request(Kind::ReadOrders);
        return request(Kind::ReadConfig);
    }

    // The number that every reader takes now; 0 when there is no valid copy.
    std::uint64_t newest(Kind write_kind) {
        for (const DatastoreCompletion& read : run({own_read(write_kind)})) {
            if (read.status != IoStatus::Done) continue;
            std::uint64_t number = 0;
            if (read.kind == Kind::ScanSlots && read.slots[2].reading == SlotReading::Valid)
                number = read.slots[2].record.sequence.value();
            if (read.roster != nullptr) number = read.roster->version.value();
            if (read.orders != nullptr) number = read.orders->version.value();
            if (read.config != nullptr) number = read.config->version.value();
            if (read.result != kNoResult) store_->push(release_of(read));
            return number;
        }
        return 0;
    }

    // Stops a write after 256 bytes, inside the first sector.
    std::optional<std::int32_t> tear(const IoOperation& operation) {
        if (operation.kind != IoKind::Write) return std::nullopt;
        std::copy_n(operation.memory, 256, &backend_->medium[operation.offset_bytes]);
        return -EIO;
    }

    IoStatus write_torn(Kind kind, std::uint64_t number) {
        backend_->fault = [this](const IoOperation& operation) { return tear(operation); };
        const auto done = run({write(kind, number)});
        backend_->fault = nullptr;
        return done.at(0).status;
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

// Of two copies, whatever is torn and whatever numbers are skipped, the newest completed one stays.
class TwoCopies : public DatastoreTest, public testing::WithParamInterface<Kind> {
  protected:
    void write_done(std::uint64_t number) {
        const auto done = run({write(GetParam(), number)});
        ASSERT_EQ(done.size(), 1U);
        ASSERT_EQ(done[0].status, IoStatus::Done) << done[0].system_errno;
    }

    // A successor in place of this datastore: knows nothing but what it reads.
    void start_again() {
        assemble(IntentFile::in_memory(), std::nullopt);
        ASSERT_EQ(run({write(GetParam(), 9000)}).at(0).system_errno, EAGAIN);
        static_cast<void>(newest(GetParam()));
    }
};

TEST_P(TwoCopies, TornWritesInARowCostNothingElse) {
    for (const std::uint64_t step : {1U, 2U, 3U}) {
        std::uint64_t number = 100 * step;
        write_done(number += step);
        write_done(number += step);
        const std::uint64_t last = number;
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(write_torn(GetParam(), number += step), IoStatus::Failed);
            EXPECT_EQ(newest(GetParam()), last) << "step " << step;
        }
        write_done(number += step);
        EXPECT_EQ(newest(GetParam()), number);
    }
}

TEST_P(TwoCopies, SkippedNumbersDoNotPileUpOnOneCopy) {
    for (const std::uint64_t step : {4U, 6U}) {
        for (std::uint64_t number = 1000 * step; number < 1000 * step + 5 * step; number += step) {
            write_done(number);
            EXPECT_EQ(write_torn(GetParam(), number + 2), IoStatus::Failed);
            EXPECT_EQ(newest(GetParam()), number);
        }
    }
}

TEST_P(TwoCopies, TornRightAfterASuccessOfTheSameParity) {
    write_done(10);
    write_done(12);
    EXPECT_EQ(write_torn(GetParam(), 14), IoStatus::Failed);
    EXPECT_EQ(newest(GetParam()), 12U);
}

TEST_P(TwoCopies, ASuccessorWritesBesideTheNewest) {
    std::uint64_t number = 10;
    for (int round = 0; round < 4; ++round) {
        write_done(number += 2);
        start_again();
        EXPECT_EQ(write_torn(GetParam(), number + 2), IoStatus::Failed);
        EXPECT_EQ(newest(GetParam()), number) << "torn by the successor";
        start_again();
        EXPECT_EQ(write_torn(GetParam(), number + 3), IoStatus::Failed);
        EXPECT_EQ(newest(GetParam()), number) << "torn by the successor of one that tore";
    }
}

TEST_P(TwoCopies, WithoutAValidCopyASuccessorBeginsWithA) {
    start_again();
    EXPECT_EQ(write_torn(GetParam(), 7), IoStatus::Failed);
    start_again();
    write_done(8);
    EXPECT_EQ(newest(GetParam()), 8U);
    EXPECT_EQ(write_torn(GetParam(), 10), IoStatus::Failed);
    EXPECT_EQ(newest(GetParam()), 8U);
}

TEST_P(TwoCopies, NothingIsWrittenWhileTheCopiesCannotBeRead) {
    write_done(10);
    assemble(IntentFile::in_memory(), std::nullopt);
    backend_->fault = [](const IoOperation&) { return std::optional<std::int32_t>{-EIO}; };
    EXPECT_EQ(run({write(GetParam(), 11)}).at(0).system_errno, EAGAIN);
    EXPECT_EQ(newest(GetParam()), 0U) << "it cannot be read";
    EXPECT_EQ(run({write(GetParam(), 12)}).at(0).system_errno, EAGAIN);
    backend_->fault = nullptr;
    auto elsewhere = own_read(GetParam());
    elsewhere.first = HostId{4};
    elsewhere.last = HostId{4};
    for (const auto& done : run({elsewhere})) {
        if (done.result != kNoResult) store_->push(release_of(done));
    }
    EXPECT_EQ(run({write(GetParam(), 13)}).at(0).system_errno, EAGAIN) << "another host's region";
    EXPECT_EQ(newest(GetParam()), 10U);
    EXPECT_EQ(write_torn(GetParam(), 14), IoStatus::Failed);
    EXPECT_EQ(newest(GetParam()), 10U);
    write_done(15);
    EXPECT_EQ(store_->unanswered(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds,
    TwoCopies,
    testing::Values(Kind::WriteSlot, Kind::WriteRoster, Kind::WriteOrders, Kind::WriteConfig),
    [](const auto& instance) { return std::string(to_string(instance.param)); });

// What cannot be read at the start is looked at by the datastore itself, one kind after the other.
TEST_F(DatastoreTest, LooksForItsOwnCopiesByItself) {
    assemble(IntentFile::in_memory(), std::nullopt);
    EXPECT_TRUE(run({}).empty()) << "its own read is reported to nobody";
    EXPECT_EQ(run({write_slot(1)})[0].status, IoStatus::Done);
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

TEST_F(TaintedDatastore, ALateWriteOverTheNewestRecordIsNotTakenForIt) {
    start_after_kill(IntentKind::Slot, sample_slot().incarnation, 40);
    static_cast<void>(run({write_slot(41)}));  // to A
    static_cast<void>(run({write_slot(42)}));  // to B: taken for the newest
    SlotRecord late = sample_slot();
    late.sequence = Sequence{40};
    const std::uint64_t place = kSmallGeometry.slot(HostId{3}, Copy::B);
    encode_slot(late, sample_cluster(), std::span{backend_->medium}.subspan(place, kSlotCopyBytes));
    // The scan runs beside a write, so it ends the taint and does not say where the newest record is.
    backend_->fault = [](const IoOperation& operation) -> std::optional<std::int32_t> {
        if (operation.kind == IoKind::Write) return FaultBackend::kHang;
        return std::nullopt;
    };
    auto done = run({scan(3, 3), write_slot(43)});
    ASSERT_EQ(done.size(), 1U);
    store_->push(release_of(done[0]));
    EXPECT_FALSE(store_->tainted());
    backend_->fault = nullptr;
    backend_->release_one();
    EXPECT_EQ(reap()[0].status, IoStatus::Done);
    EXPECT_EQ(run({write_slot(44)})[0].system_errno, EAGAIN);
    done = run({scan(3, 3)});
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].slots[0].record.sequence, Sequence{43});
    store_->push(release_of(done[0]));
    backend_->fault = [this](const IoOperation& operation) { return tear(operation); };
    EXPECT_EQ(run({write_slot(45)})[0].status, IoStatus::Failed);
    backend_->fault = nullptr;
    EXPECT_EQ(newest(Kind::WriteSlot), 43U);
}

TEST_F(TaintedDatastore, AHeldWriteWhoseCopyIsForgottenIsRefused) {
    start_after_kill(IntentKind::Slot, sample_slot().incarnation, 40);
    SlotRecord late = sample_slot();
    late.sequence = Sequence{40};
    const std::uint64_t place = kSmallGeometry.slot(HostId{3}, Copy::B);
    encode_slot(late, sample_cluster(), std::span{backend_->medium}.subspan(place, kSlotCopyBytes));
    store_->push(scan(3, 3));
    store_->submit();
    auto slot = write_slot(41);
    slot.with_next = true;
    store_->push(slot);
    auto done = reap();
    const auto seen = std::find_if(done.begin(), done.end(), [](const auto& completion) {
        return completion.kind == Kind::ScanSlots;
    });
    ASSERT_NE(seen, done.end());
    store_->push(release_of(*seen));
    EXPECT_FALSE(store_->tainted());
    done = run({scan(1, 2)});
    ASSERT_EQ(done.size(), 2U);
    EXPECT_EQ(done[0].kind, Kind::WriteSlot);
    EXPECT_EQ(done[0].system_errno, EAGAIN);
    EXPECT_EQ(store_->unanswered(), 0U);
}

TEST_F(TaintedDatastore, ARosterWriteThatALateOneMayReplaceIsNotDone) {
    start_after_kill(IntentKind::Roster, sample_roster().incarnation, 77);
    auto done = run({write(Kind::WriteRoster, 80), write(Kind::WriteOrders, 80)});
    ASSERT_EQ(done.size(), 2U);
    EXPECT_EQ(done[0].status, IoStatus::Failed);
    EXPECT_TRUE(done[0].tainted);
    EXPECT_EQ(done[1].status, IoStatus::Done) << "no orders of a predecessor are on their way";
    const std::uint64_t place = kSmallGeometry.roster(HostId{3}, Copy::A);
    static_cast<void>(encode_roster(sample_roster(),
                                    sample_cluster(),
                                    std::span{backend_->medium}.subspan(place, kRosterCopyBytes)));
    done = run({request(Kind::ReadRoster)});
    ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].roster->version, Version{77}) << "it did replace 80";
    store_->push(release_of(done[0]));
    EXPECT_EQ(run({write(Kind::WriteRoster, 80)})[0].status, IoStatus::Done);
    EXPECT_EQ(newest(Kind::WriteRoster), 80U);
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
