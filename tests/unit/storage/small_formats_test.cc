// Checksum, geometry, recorder, histogram: small and pure.
#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "storage/crc32c.h"
#include "storage/geometry.h"
#include "storage/latency_histogram.h"
#include "storage/record_frame.h"
#include "storage/recorder_format.h"
#include "tests/unit/storage/format_samples.h"

namespace holdfast {
namespace {

using namespace test;

TEST(Crc32c, MatchesTheStandardCheckValue) {
    const std::string_view text = "123456789";
    EXPECT_EQ(crc32c(std::as_bytes(std::span{text})), 0xE3069283U);
    EXPECT_EQ(crc32c({}), 0U);
}

// Why: a scan's checksums are computed three at a time, and every one must be what crc32c() would have said.
TEST(Crc32c, OfThreeIsThatOfEach) {
    Prng prng(3);
    std::array<std::vector<std::byte>, 3> runs;
    for (std::size_t size = 0; size < 600; ++size) {
        for (auto& run : runs) {
            run.resize(size);
            for (std::byte& byte : run)
                byte = std::byte{static_cast<std::uint8_t>(prng.below(256))};
        }
        const auto three = crc32c_of_three({runs[0], runs[1], runs[2]});
        for (std::size_t i = 0; i < runs.size(); ++i)
            ASSERT_EQ(three[i], crc32c(runs[i])) << "run " << i << " of " << size << " bytes";
    }
}

TEST(Geometry, RegionsFollowEachOtherWithoutOverlap) {
    for (const std::uint32_t hosts : {1U, 3U, 64U, 1000U, 1024U}) {
        const Geometry geometry{hosts, kHeapBytesDefault};
        std::uint64_t at = 2 * kBlockBytes;
        for (std::uint16_t h = 1; h <= hosts; ++h) {
            EXPECT_EQ(geometry.slot(HostId{h}), at);
            EXPECT_EQ(geometry.slot(HostId{h}, Copy::B), at + kSlotCopyBytes);
            at += kSlotBytes;
        }
        for (std::uint16_t h = 1; h <= hosts; ++h) {
            EXPECT_EQ(geometry.config(HostId{h}, Copy::A), at);
            at += 2 * geometry.config_copy_bytes();
        }
        for (std::uint16_t h = 1; h <= hosts; ++h) {
            EXPECT_EQ(geometry.roster(HostId{h}, Copy::A), at);
            EXPECT_EQ(geometry.heap(HostId{h}), at + 2 * kRosterCopyBytes);
            at += 2 * kRosterCopyBytes + geometry.heap_bytes();
        }
        for (std::uint16_t h = 1; h <= hosts; ++h) {
            EXPECT_EQ(geometry.orders(HostId{h}, Copy::A), at);
            at += 2 * kOrdersCopyBytes;
        }
        for (std::uint16_t h = 1; h <= hosts; ++h) {
            EXPECT_EQ(geometry.recorder(HostId{h}), at);
            at += kRecorderBytes;
        }
        EXPECT_EQ(geometry.total_bytes(), at);
        EXPECT_EQ(at % kBlockBytes, 0U);
    }
}

TEST(Geometry, LimitsAreChecked) {
    EXPECT_TRUE(Geometry::is_valid(1, kHeapBytesMin));
    EXPECT_TRUE(Geometry::is_valid(1024, kHeapBytesMax));
    EXPECT_FALSE(Geometry::is_valid(0, kHeapBytesDefault));
    EXPECT_FALSE(Geometry::is_valid(1025, kHeapBytesDefault));
    EXPECT_FALSE(Geometry::is_valid(64, kHeapBytesDefault + 1));
    EXPECT_FALSE(Geometry::is_valid(64, kHeapBytesMin - kBlockBytes));
}

TEST(RecorderFormat, GoldenBytes) {
    std::vector<std::byte> bytes(kRecorderEntryBytes, std::byte{0xee});
    encode_recorder_entry(sample_recorder_entry(), sample_cluster(), bytes);
    const auto expected = golden(kGoldenRecorder, kRecorderEntryBytes);
    EXPECT_EQ(first_difference(bytes, expected), "");
    const auto decoded = decode_recorder_entry(expected, sample_context());
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, sample_recorder_entry());
}

TEST(RecorderFormat, EverySingleBitFlipIsRejected) {
    std::vector<std::byte> bytes(kRecorderEntryBytes);
    encode_recorder_entry(sample_recorder_entry(), sample_cluster(), bytes);
    for (std::size_t bit = 0; bit < kRecorderEntryBytes * 8; ++bit) {
        flip_bit(bytes, bit);
        EXPECT_FALSE(decode_recorder_entry(bytes, sample_context())) << "bit " << bit;
        flip_bit(bytes, bit);
    }
}

// Applies the ring's pages to a region as a datastore would.
class RecorderRegion {
  public:
    void write(RecorderRing& ring) {
        const auto page = ring.take();
        std::copy(page.bytes.begin(), page.bytes.end(), bytes.begin() + page.offset_bytes);
    }

    void append(RecorderRing& ring, const std::string& line) {
        if (RecorderRing::entries_of(line) > ring.room() && ring.dirty()) write(ring);
        ring.append(1, line);
        write(ring);
    }

    [[nodiscard]] std::string text_of(std::uint64_t sequence) const {
        const std::size_t at = (sequence - 1) % kRecorderEntries * kRecorderEntryBytes;
        const auto entry = decode_recorder_entry(std::span{bytes}.subspan(at), sample_context());
        return entry && entry->sequence == sequence ? std::string(entry->text.view()) : "(none)";
    }

    std::vector<std::byte> bytes = std::vector<std::byte>(kRecorderBytes);
};

TEST(RecorderRing, KeepsTheLatestLinesAndWraps) {
    RecorderRegion region;
    RecorderRing ring(sample_context(), 0);
    for (int i = 1; i <= 1200; ++i) region.append(ring, "line " + std::to_string(i));
    EXPECT_EQ(recorder_last_sequence(region.bytes, sample_context()), 1200U);
    EXPECT_EQ(region.text_of(1200), "line 1200");
    EXPECT_EQ(region.text_of(1200 - kRecorderEntries + kRecorderPageEntries), "line 704");
}

TEST(RecorderRing, LongLinesContinueInTheNextEntry) {
    RecorderRegion region;
    RecorderRing ring(sample_context(), 0);
    const std::string line(kRecorderTextMax + 10, 'x');
    EXPECT_EQ(RecorderRing::entries_of(line), 2U);
    region.append(ring, line);
    EXPECT_EQ(region.text_of(1).size(), kRecorderTextMax);
    EXPECT_EQ(region.text_of(2).size(), 10U);
    const auto first = decode_recorder_entry(region.bytes, sample_context());
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->continues);
}

TEST(RecorderRing, AfterAStartNothingOfTheOldPageIsOverwritten) {
    RecorderRegion region;
    RecorderRing before(sample_context(), 0);
    for (int i = 1; i <= 5; ++i) region.append(before, "before " + std::to_string(i));
    RecorderRing after(sample_context(), recorder_last_sequence(region.bytes, sample_context()));
    region.append(after, "after");
    EXPECT_EQ(region.text_of(5), "before 5");
    EXPECT_EQ(region.text_of(17), "after");
}

TEST(RecorderRing, ATornPageCostsOnlyItsDamagedEntries) {
    RecorderRegion region;
    RecorderRing ring(sample_context(), 0);
    for (int i = 1; i <= 16; ++i) region.append(ring, "line " + std::to_string(i));
    std::fill_n(region.bytes.begin() + 8 * kRecorderEntryBytes, 512, std::byte{0x55});
    EXPECT_EQ(region.text_of(8), "line 8");
    EXPECT_EQ(region.text_of(9), "(none)");
    EXPECT_EQ(region.text_of(10), "(none)");
    EXPECT_EQ(region.text_of(11), "line 11");
}

TEST(LatencyHistogram, EveryLatencyLiesInItsBucket) {
    for (std::int64_t us = 1; us < 60'000'000; us = us * 9 / 8 + 1) {
        LatencyHistogram histogram;
        const Duration latency = std::chrono::microseconds{us};
        histogram.record(latency);
        for (std::size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
            if (histogram.buckets()[i] == 0) continue;
            EXPECT_LT(latency, LatencyHistogram::upper_edge(i)) << us;
            EXPECT_TRUE(i == 0 || latency >= LatencyHistogram::upper_edge(i - 1)) << us;
            const auto width =
                LatencyHistogram::upper_edge(i) - LatencyHistogram::upper_edge(i == 0 ? 0 : i - 1);
            EXPECT_LE(width.count(), latency.count() / 8 + 1000) << us;
        }
    }
}

TEST(LatencyHistogram, QuantilesMeanAndExtremes) {
    LatencyHistogram histogram;
    EXPECT_EQ(histogram.quantile(0.5), Duration::zero());
    for (int i = 1; i <= 100; ++i) histogram.record(std::chrono::milliseconds{i});
    EXPECT_EQ(histogram.count(), 100U);
    EXPECT_EQ(histogram.max(), std::chrono::milliseconds{100});
    EXPECT_EQ(histogram.mean(), std::chrono::microseconds{50'500});
    EXPECT_NEAR(static_cast<double>(histogram.quantile(0.5).count()), 50e6, 7e6);
    EXPECT_EQ(histogram.quantile(1.0), std::chrono::milliseconds{100});
    LatencyHistogram huge;
    huge.record(std::chrono::hours{48});
    huge.record(Duration{-5});
    EXPECT_EQ(huge.quantile(0.0), std::chrono::microseconds{1});
    huge.merge(histogram);
    EXPECT_EQ(huge.count(), 102U);
}

}  // namespace
}  // namespace holdfast
