// A slot copy: its bytes are fixed, nothing damaged or foreign passes, and what passes is what was
// written.
#include "storage/slot_format.h"

#include <vector>

#include <gtest/gtest.h>

#include "storage/record_frame.h"
#include "tests/unit/storage/format_samples.h"

namespace holdfast {
namespace {

using namespace test;

std::vector<std::byte> encoded(const SlotRecord& record) {
    std::vector<std::byte> block(kSlotCopyBytes, std::byte{0xee});
    encode_slot(record, sample_cluster(), block);
    return block;
}

RejectCode reject_of(std::span<const std::byte> block, const BlockContext& context) {
    const auto decoded = decode_slot(block, context);
    return decoded ? RejectCode::Unwritten : decoded.error().code;
}

// A record whose first sector was changed on purpose and sealed again.
template <typename T>
RejectCode reject_with(std::size_t offset, T value) {
    auto block = encoded(sample_slot());
    store(std::span{block}.subspan(offset), value);
    seal_sector(block);
    return reject_of(block, sample_context());
}

TEST(SlotFormat, EncodesTheGoldenBytes) {
    EXPECT_EQ(first_difference(encoded(sample_slot()), golden(kGoldenSlot, kSlotCopyBytes)), "");
}

TEST(SlotFormat, DecodesTheGoldenBytes) {
    const auto decoded = decode_slot(golden(kGoldenSlot, kSlotCopyBytes), sample_context());
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, sample_slot());
}

TEST(SlotFormat, EverySingleBitFlipOfTheFirstSectorIsRejected) {
    auto block = encoded(sample_slot());
    for (std::size_t bit = 0; bit < kSectorBytes * 8; ++bit) {
        flip_bit(block, bit);
        EXPECT_FALSE(decode_slot(block, sample_context())) << "bit " << bit;
        flip_bit(block, bit);
    }
}

TEST(SlotFormat, EveryBitFlipBehindTheFirstSectorCostsAtMostWhomItHears) {
    SlotRecord deaf = sample_slot();
    deaf.heard.clear();
    auto block = encoded(sample_slot());
    for (std::size_t bit = kSectorBytes * 8; bit < 652 * 8; ++bit) {
        flip_bit(block, bit);
        const auto decoded = decode_slot(block, sample_context());
        ASSERT_TRUE(decoded) << "bit " << bit;
        EXPECT_EQ(*decoded, deaf) << "bit " << bit;
        flip_bit(block, bit);
    }
}

TEST(SlotFormat, TornBetweenSectorsKeepsTheRecordAndDropsOldHearing) {
    SlotRecord older = sample_slot();
    older.sequence = Sequence{39};
    auto torn = encoded(older);
    const auto newer = encoded(sample_slot());
    std::copy_n(newer.begin(), kSectorBytes, torn.begin());
    const auto decoded = decode_slot(torn, sample_context());
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->sequence, Sequence{41});
    EXPECT_TRUE(decoded->heard.empty());
}

TEST(SlotFormat, RandomRecordsComeBackAsTheyWere) {
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
        Prng prng(seed);
        const HostId host{static_cast<std::uint16_t>(1 + prng.below(kHostsMax))};
        const SlotRecord record = random_slot(prng, host);
        const auto decoded = decode_slot(encoded(record), {sample_cluster(), host});
        ASSERT_TRUE(decoded) << "seed " << seed;
        EXPECT_EQ(*decoded, record) << "seed " << seed;
    }
}

TEST(SlotFormat, EachRejectionHasItsOwnCode) {
    const auto good = encoded(sample_slot());
    EXPECT_EQ(reject_of(std::span{good}.first(4095), sample_context()), RejectCode::Truncated);
    EXPECT_EQ(reject_of({}, sample_context()), RejectCode::Truncated);
    EXPECT_EQ(reject_of(good, {uuid_from(1), HostId{3}}), RejectCode::ForeignCluster);
    EXPECT_EQ(reject_of(good, {sample_cluster(), HostId{4}}), RejectCode::WrongPosition);
    EXPECT_EQ(reject_with<std::uint32_t>(0, 0x12345678), RejectCode::BadMagic);
    EXPECT_EQ(reject_with<std::uint16_t>(4, 2), RejectCode::NewerVersion);
    EXPECT_EQ(reject_with<std::uint16_t>(4, 0), RejectCode::OlderVersion);
    EXPECT_EQ(reject_of(std::vector<std::byte>(kSlotCopyBytes), sample_context()),
              RejectCode::Unwritten);
    auto torn = good;
    torn[300] ^= std::byte{1};
    EXPECT_EQ(reject_of(torn, sample_context()), RejectCode::BadChecksum);
}

TEST(SlotFormat, ValuesOutOfRangeAreRejectedEvenWithARightChecksum) {
    EXPECT_EQ(reject_with<std::uint64_t>(56, 0), RejectCode::OutOfRange) << "incarnation";
    EXPECT_EQ(reject_with<std::uint64_t>(64, 0), RejectCode::OutOfRange) << "sequence";
    EXPECT_EQ(reject_with<std::uint64_t>(72, ~0ULL), RejectCode::OutOfRange) << "lease";
    EXPECT_EQ(reject_with<std::uint16_t>(192, 1025), RejectCode::OutOfRange) << "ballot value";
    EXPECT_EQ(reject_with<std::uint16_t>(194, 1025), RejectCode::OutOfRange) << "winner";
    EXPECT_EQ(reject_with<std::uint8_t>(196, 0), RejectCode::OutOfRange) << "watchdog class";
    EXPECT_EQ(reject_with<std::uint8_t>(196, 4), RejectCode::OutOfRange) << "watchdog class";
    EXPECT_EQ(reject_with<std::uint8_t>(197, 17), RejectCode::OutOfRange) << "marks count";
    EXPECT_EQ(reject_with<std::uint16_t>(208, 0), RejectCode::OutOfRange) << "mark host";
    EXPECT_EQ(reject_with<std::uint8_t>(210, 3), RejectCode::OutOfRange) << "mark kind";
}

TEST(SlotFormat, RandomGarbageNeverPasses) {
    Prng prng(7);
    std::vector<std::byte> block(kSlotCopyBytes);
    for (int round = 0; round < 200; ++round) {
        for (auto& byte : block) byte = static_cast<std::byte>(prng.below(256));
        EXPECT_FALSE(decode_slot(block, sample_context()));
    }
}

class SlotCopies : public testing::Test {
  protected:
    void write(Copy copy, Incarnation incarnation, std::uint64_t sequence) {
        SlotRecord record = sample_slot();
        record.incarnation = incarnation;
        record.sequence = Sequence{sequence};
        encode_slot(record, sample_cluster(), half(copy));
    }

    std::span<std::byte> half(Copy copy) {
        return std::span{bytes_}.subspan(copy == Copy::A ? 0 : kSlotCopyBytes, kSlotCopyBytes);
    }

    SlotView view() {
        SlotView view;
        decode_slot_copies(bytes_, sample_context(), view, rejects_);
        return view;
    }

    std::vector<std::byte> bytes_ = std::vector<std::byte>(kSlotBytes);
    RejectCounters rejects_;
};

TEST_F(SlotCopies, BothZeroIsUnwritten) {
    EXPECT_EQ(view().reading, SlotReading::Unwritten);
    EXPECT_EQ(rejects_.faults(), 0U);
}

TEST_F(SlotCopies, HigherSequenceWins) {
    write(Copy::A, Incarnation{1, 1}, 10);
    write(Copy::B, Incarnation{1, 1}, 11);
    EXPECT_EQ(view().record.sequence, Sequence{11});
    write(Copy::A, Incarnation{1, 1}, 12);
    EXPECT_EQ(view().record.sequence, Sequence{12});
}

TEST_F(SlotCopies, HigherIncarnationWinsOverHigherSequence) {
    write(Copy::A, Incarnation{1, 2}, 10);
    write(Copy::B, Incarnation{1, 1}, 5000);
    EXPECT_EQ(view().record.incarnation, (Incarnation{1, 2}));
    write(Copy::B, Incarnation{2, 1}, 1);
    EXPECT_EQ(view().record.incarnation, (Incarnation{2, 1}));
}

TEST_F(SlotCopies, ATornCopyCostsOneBeatOnly) {
    write(Copy::A, Incarnation{1, 1}, 12);
    write(Copy::B, Incarnation{1, 1}, 11);
    half(Copy::A)[100] ^= std::byte{0x40};
    EXPECT_EQ(view().reading, SlotReading::Valid);
    EXPECT_EQ(view().record.sequence, Sequence{11});
    EXPECT_EQ(rejects_.of(RejectCode::BadChecksum), 2U);
}

TEST_F(SlotCopies, OneZeroAndOneDamagedIsUnusableNotEmpty) {
    write(Copy::A, Incarnation{1, 1}, 12);
    half(Copy::A)[100] ^= std::byte{0x40};
    EXPECT_EQ(view().reading, SlotReading::Unusable);
    half(Copy::A)[100] ^= std::byte{0x40};
    EXPECT_EQ(view().reading, SlotReading::Valid);
}

TEST_F(SlotCopies, ForeignAndMisplacedCopiesAreUnusable) {
    SlotRecord record = sample_slot();
    encode_slot(record, uuid_from(1), half(Copy::A));
    record.host = HostId{9};
    encode_slot(record, sample_cluster(), half(Copy::B));
    EXPECT_EQ(view().reading, SlotReading::Unusable);
    EXPECT_EQ(rejects_.of(RejectCode::ForeignCluster), 1U);
    EXPECT_EQ(rejects_.of(RejectCode::WrongPosition), 1U);
}

// Why: a scan is decoded three slots at a time, with checksums computed side by side; each slot must be read as it would be
// alone.  How: scans of every length around three, of written, empty and damaged slots, against decode_slot_copies().
TEST(SlotScan, ReadsEverySlotAsIfItWereAlone) {
    constexpr HostId kFirst{5};
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        Prng prng(seed);
        const std::size_t hosts = 1 + prng.below(8);
        std::vector<std::byte> bytes(hosts * kSlotBytes);
        for (std::size_t copy = 0; copy < 2 * hosts; ++copy) {
            const std::uint64_t fate = prng.below(4);
            if (fate == 0) continue;  // never written
            const HostId host{static_cast<std::uint16_t>(kFirst.value() + copy / 2)};
            const auto block = std::span{bytes}.subspan(copy * kSlotCopyBytes, kSlotCopyBytes);
            encode_slot(random_slot(prng, host), sample_cluster(), block);
            if (fate == 1) block[prng.below(660)] ^= std::byte{0x10};
        }
        std::vector<SlotView> views(hosts);
        RejectCounters rejects;
        decode_scan(bytes, sample_cluster(), kFirst, views, rejects);
        RejectCounters rejects_alone;
        for (std::size_t i = 0; i < hosts; ++i) {
            const HostId host{static_cast<std::uint16_t>(kFirst.value() + i)};
            SlotView alone;
            decode_slot_copies(std::span{bytes}.subspan(i * kSlotBytes, kSlotBytes),
                               {sample_cluster(), host},
                               alone,
                               rejects_alone);
            ASSERT_EQ(views[i].reading, alone.reading) << "seed " << seed << " slot " << i;
            if (alone.reading != SlotReading::Valid) continue;
            ASSERT_EQ(views[i].record, alone.record) << "seed " << seed << " slot " << i;
        }
        EXPECT_EQ(rejects.faults(), rejects_alone.faults()) << "seed " << seed;
    }
}

}  // namespace
}  // namespace holdfast
