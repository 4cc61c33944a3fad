// Rosters, orders, configurations and superblocks: golden bytes, every bit flip, round trips, each
// rejection.
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "storage/config_format.h"
#include "storage/orders_format.h"
#include "storage/record_frame.h"
#include "storage/roster_format.h"
#include "storage/superblock.h"
#include "tests/unit/storage/format_samples.h"

namespace holdfast {
namespace {

using namespace test;

constexpr std::size_t kConfigCopyBytes = Geometry{64, kHeapBytesDefault}.config_copy_bytes();

// One kind of record, so that all of them face the same doubts.
struct RecordKind {
    const char* name;
    std::span<const GoldenLine> golden_lines;
    std::size_t copy_bytes;
    std::size_t written_bytes;                                          // of the sample
    std::vector<std::pair<std::size_t, std::size_t>> protected_ranges;  // begin, end in bytes
    std::function<std::size_t(std::span<std::byte>)> encode_sample;
    std::function<std::optional<Reject>(std::span<const std::byte>, const BlockContext&)> decode;
    std::function<bool(std::span<const std::byte>)> decodes_to_sample;
    bool has_context = true;
};

RecordKind roster_kind() {
    const auto decode = [](std::span<const std::byte> block,
                           const BlockContext& context) -> std::optional<Reject> {
        Roster roster;
        auto decoded = decode_roster(block, context, roster);
        return decoded ? std::nullopt : std::optional{decoded.error()};
    };
    const auto same = [](std::span<const std::byte> block) {
        Roster roster;
        return decode_roster(block, sample_context(), roster).has_value() &&
               roster == sample_roster();
    };
    return {"roster",
            kGoldenRoster,
            kRosterCopyBytes,
            4096,
            {{0, 512}, {1024, 1024 + 2 * 176}},
            [](std::span<std::byte> block) {
                return encode_roster(sample_roster(), sample_cluster(), block);
            },
            decode,
            same};
}

RecordKind orders_kind() {
    const auto decode = [](std::span<const std::byte> block,
                           const BlockContext& context) -> std::optional<Reject> {
        auto orders = std::make_unique<Orders>();
        auto decoded = decode_orders(block, context, *orders);
        return decoded ? std::nullopt : std::optional{decoded.error()};
    };
    const auto same = [](std::span<const std::byte> block) {
        auto orders = std::make_unique<Orders>();
        return decode_orders(block, sample_context(), *orders).has_value() &&
               *orders == sample_orders();
    };
    return {"orders",
            kGoldenOrders,
            kOrdersCopyBytes,
            12288,
            {{0, 512 + 128}, {8192, 8192 + 176}},
            [](std::span<std::byte> block) {
                return encode_orders(sample_orders(), sample_cluster(), block);
            },
            decode,
            same};
}

RecordKind config_kind() {
    const auto decode = [](std::span<const std::byte> block,
                           const BlockContext& context) -> std::optional<Reject> {
        auto config = std::make_unique<ConfigRecord>();
        auto decoded = decode_config(block, context, *config);
        return decoded ? std::nullopt : std::optional{decoded.error()};
    };
    const auto same = [](std::span<const std::byte> block) {
        auto config = std::make_unique<ConfigRecord>();
        return decode_config(block, sample_context(), *config).has_value() &&
               *config == *sample_config();
    };
    return {"config",
            kGoldenConfig,
            kConfigCopyBytes,
            20480,
            {{0, 512}, {4096, 4096 + 128}, {16384, 16384 + 1024}},
            [](std::span<std::byte> block) {
                return encode_config(*sample_config(), sample_cluster(), block);
            },
            decode,
            same};
}

RecordKind superblock_kind() {
    const auto decode = [](std::span<const std::byte> block,
                           const BlockContext&) -> std::optional<Reject> {
        auto decoded = decode_superblock(block);
        return decoded ? std::nullopt : std::optional{decoded.error()};
    };
    const auto same = [](std::span<const std::byte> block) {
        auto decoded = decode_superblock(block);
        return decoded && *decoded == sample_superblock();
    };
    return {"superblock",
            kGoldenSuperblock,
            kBlockBytes,
            4096,
            {{0, 512}},
            [](std::span<std::byte> block) {
                encode_superblock(sample_superblock(), block);
                return std::size_t{4096};
            },
            decode,
            same,
            false};
}

class RegionFormat : public testing::TestWithParam<RecordKind (*)()> {
  protected:
    RegionFormat() : kind_(GetParam()()), block_(kind_.copy_bytes) { kind_.encode_sample(block_); }

    RejectCode code(const BlockContext& context = sample_context()) {
        const auto reject = kind_.decode(block_, context);
        return reject ? reject->code : RejectCode::Unwritten;
    }

    RecordKind kind_;
    std::vector<std::byte> block_;
};

TEST_P(RegionFormat, EncodesTheGoldenBytes) {
    std::vector<std::byte> dirty(kind_.copy_bytes, std::byte{0xee});
    ASSERT_EQ(kind_.encode_sample(dirty), kind_.written_bytes);
    const auto expected = golden(kind_.golden_lines, kind_.written_bytes);
    EXPECT_EQ(first_difference(std::span{dirty}.first(kind_.written_bytes), expected), "");
}

TEST_P(RegionFormat, DecodesTheGoldenBytes) {
    EXPECT_TRUE(kind_.decodes_to_sample(golden(kind_.golden_lines, kind_.copy_bytes)));
}

TEST_P(RegionFormat, EverySingleBitFlipOfProtectedBytesIsRejected) {
    for (const auto& [begin, end] : kind_.protected_ranges) {
        for (std::size_t bit = begin * 8; bit < end * 8; ++bit) {
            flip_bit(block_, bit);
            ASSERT_TRUE(kind_.decode(block_, sample_context())) << kind_.name << " bit " << bit;
            flip_bit(block_, bit);
        }
    }
    EXPECT_TRUE(kind_.decodes_to_sample(block_));
}

TEST_P(RegionFormat, TruncatedAnywhereIsRejected) {
    for (std::size_t bytes = 0; bytes + 512 <= kind_.written_bytes; bytes += 128) {
        const bool complete = bytes >= kind_.protected_ranges.back().second;
        if (complete) continue;
        const auto reject = kind_.decode(std::span{block_}.first(bytes), sample_context());
        ASSERT_TRUE(reject) << kind_.name << " with " << bytes << " bytes";
        EXPECT_EQ(reject->code, RejectCode::Truncated)
            << kind_.name << " with " << bytes << " bytes";
    }
}

TEST_P(RegionFormat, VersionMagicAndEmptinessHaveTheirCodes) {
    store(std::span{block_}.subspan(4), std::uint16_t{2});
    EXPECT_EQ(code(), RejectCode::NewerVersion);
    store(std::span{block_}, std::uint32_t{0x11111111});
    EXPECT_EQ(code(), RejectCode::BadMagic);
    std::fill(block_.begin(), block_.end(), std::byte{0});
    const auto reject = kind_.decode(block_, sample_context());
    ASSERT_TRUE(reject);
    EXPECT_EQ(reject->code, RejectCode::Unwritten);
}

TEST_P(RegionFormat, ForeignClusterAndWrongPosition) {
    if (!kind_.has_context) return;
    EXPECT_EQ(code({uuid_from(1), HostId{3}}), RejectCode::ForeignCluster);
    EXPECT_EQ(code({sample_cluster(), HostId{4}}), RejectCode::WrongPosition);
}

TEST_P(RegionFormat, AZeroedFirstSectorIsDamageNotEmptiness) {
    std::fill_n(block_.begin(), 512, std::byte{0});
    if (kind_.protected_ranges.size() == 1) return;
    EXPECT_EQ(code(), RejectCode::BadMagic);
}

INSTANTIATE_TEST_SUITE_P(
    AllKinds,
    RegionFormat,
    testing::Values(&roster_kind, &orders_kind, &config_kind, &superblock_kind),
    [](const auto& instance) { return std::string(instance.param().name); });

TEST(RosterFormat, RandomRostersComeBackAsTheyWere) {
    std::vector<std::byte> block(kRosterCopyBytes);
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Prng prng(seed);
        const auto roster = std::make_unique<Roster>(random_roster(prng, HostId{3}));
        const std::size_t bytes = encode_roster(*roster, sample_cluster(), block);
        auto decoded = std::make_unique<Roster>();
        ASSERT_TRUE(decode_roster(std::span{block}.first(bytes), sample_context(), *decoded))
            << "seed " << seed;
        EXPECT_EQ(*decoded, *roster) << "seed " << seed;
    }
}

TEST(RosterFormat, AFullRosterFillsItsCopy) {
    std::vector<std::byte> block(kRosterCopyBytes);
    const auto roster = std::make_unique<Roster>(sample_roster());
    while (!roster->claims.full()) roster->claims.push(roster->claims[0]);
    EXPECT_GE(roster->claims.size(), 512U);
    EXPECT_EQ(encode_roster(*roster, sample_cluster(), block), block.size());
    const auto decoded = std::make_unique<Roster>();
    ASSERT_TRUE(decode_roster(block, sample_context(), *decoded));
    EXPECT_EQ(*decoded, *roster);
}

TEST(RosterFormat, HeaderAndEntriesOfTwoWritesNeverPassTogether) {
    std::vector<std::byte> older(kRosterCopyBytes);
    std::vector<std::byte> newer(kRosterCopyBytes);
    Roster roster = sample_roster();
    static_cast<void>(encode_roster(roster, sample_cluster(), older));
    roster.version = Version{79};
    roster.claims[0].state = ClaimState::Starting;
    static_cast<void>(encode_roster(roster, sample_cluster(), newer));
    std::copy_n(newer.begin(), 1024, older.begin());
    const auto decoded = decode_roster(older, sample_context(), roster);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, RejectCode::BadBodyChecksum);
}

TEST(OrdersFormat, RandomOrdersComeBackAsTheyWere) {
    std::vector<std::byte> block(kOrdersCopyBytes);
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        Prng prng(seed);
        const auto orders = std::make_unique<Orders>(random_orders(prng, HostId{3}));
        const std::size_t bytes = encode_orders(*orders, sample_cluster(), block);
        auto decoded = std::make_unique<Orders>();
        ASSERT_TRUE(decode_orders(std::span{block}.first(bytes), sample_context(), *decoded))
            << "seed " << seed;
        EXPECT_EQ(*decoded, *orders) << "seed " << seed;
    }
}

TEST(ConfigFormat, RandomConfigurationsComeBackAsTheyWere) {
    std::vector<std::byte> block(kConfigCopyBytes);
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        Prng prng(seed);
        const auto record = random_config(prng, HostId{3});
        const std::size_t bytes = encode_config(*record, sample_cluster(), block);
        auto decoded = std::make_unique<ConfigRecord>();
        ASSERT_TRUE(decode_config(std::span{block}.first(bytes), sample_context(), *decoded))
            << "seed " << seed;
        EXPECT_EQ(*decoded, *record) << "seed " << seed;
    }
}

TEST(Superblock, TheSecondCopyServesWhenTheFirstIsDamaged) {
    std::vector<std::byte> both(2 * kBlockBytes);
    encode_superblock(sample_superblock(), std::span{both}.first(kBlockBytes));
    encode_superblock(sample_superblock(), std::span{both}.subspan(kBlockBytes));
    both[20] ^= std::byte{1};
    ASSERT_TRUE(decode_superblock_copies(both));
    both[kBlockBytes + 20] ^= std::byte{1};
    const auto decoded = decode_superblock_copies(both);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, RejectCode::BadChecksum);
}

TEST(Reject, EverySentenceSaysWhatWhereNumbersAndNextStep) {
    for (std::size_t i = 0; i < kRejectCodes; ++i) {
        const Reject reject{static_cast<RejectCode>(i), 4, 2, 1};
        const std::string text = explain(reject, {"hb1", "slot", HostId{3}, "A"});
        EXPECT_EQ(text.rfind("datastore hb1: slot of host 3, copy A: ", 0), 0U) << text;
        EXPECT_STRNE(to_string(reject.code), "unknown");
    }
    const std::string newer =
        explain({RejectCode::NewerVersion, 4, 2, 1}, {"hb1", "superblock", {}, {}});
    EXPECT_EQ(newer,
              "datastore hb1: superblock: has format version 2, this Holdfast reads 1. Upgrade "
              "Holdfast on this host.");
}

}  // namespace
}  // namespace holdfast
