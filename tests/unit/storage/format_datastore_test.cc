// Formatting refuses what is not empty and ends with a datastore; inspecting shows it, whole or
// damaged.
#include "storage/format_datastore.h"

#include <vector>

#include <sys/stat.h>

#include "storage/inspect.h"
#include "storage/orders_format.h"
#include "storage/roster_format.h"
#include "storage/slot_format.h"
#include "storage/xml_heap.h"
#include "tests/unit/storage/format_samples.h"
#include "tests/unit/storage/io_mode.h"

namespace holdfast {
namespace {

using namespace test;

class FormatDatastore : public testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        const std::string reason = folder_.unusable_reason();
        if (!reason.empty()) GTEST_SKIP() << "NOT TESTED: " << reason;
        options_.path = folder_.path("heartbeat");
        options_.cluster = sample_cluster();
        options_.datastore = uuid_from(0x80);
        options_.name = "hb1";
        options_.geometry = kSmallGeometry;
        options_.allow_local_filesystem = true;
        if (!GetParam()) return;
        file_ = folder_.path("backing");
        write_zero_file(file_, kSmallGeometry.total_bytes() + 4096);
        auto loop = LoopDevice::attach(file_);
        if (!loop) GTEST_SKIP() << "NOT TESTED: loop devices need root: " << loop.error().text;
        options_.path = loop->path();
        loop_.emplace(std::move(*loop));
    }

    std::string error() {
        const auto report = format_datastore(options_);
        return report ? "" : report.error().text;
    }

    template <typename Encode>
    void write_region(std::uint64_t offset, std::size_t bytes, const Encode& encode) {
        std::vector<std::byte> block(bytes);
        encode(std::span{block});
        write_bytes(options_.path, offset, {reinterpret_cast<const char*>(block.data()), bytes});
    }

    Inspection inspect() {
        InspectOptions options;
        options.path = options_.path;
        options.with_xml = true;
        auto inspection = inspect_datastore(options);
        EXPECT_TRUE(inspection) << inspection.error().text;
        return inspection ? *inspection : Inspection{};
    }

    TempFolder folder_;
    std::string file_;
    std::optional<LoopDevice> loop_;
    FormatOptions options_;
};

TEST_P(FormatDatastore, MakesADatastoreThatPassesItsOwnJudgement) {
    std::uint64_t last_progress = 0;
    options_.progress = [&](std::uint64_t done, std::uint64_t) { last_progress = done; };
    const auto report = format_datastore(options_);
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_EQ(last_progress, kSmallGeometry.total_bytes());
    EXPECT_EQ(report->created, !GetParam());
    TargetPolicy policy;
    policy.allow_local_filesystem = true;
    policy.bytes_min = kSmallGeometry.total_bytes();
    const auto target = open_target(options_.path, policy, std::chrono::seconds{20});
    ASSERT_TRUE(target) << target.error().text;
    EXPECT_EQ(target->facts.signature.cluster, sample_cluster());
    const Inspection inspection = inspect();
    EXPECT_EQ(inspection.damaged_copies, 0U);
    ASSERT_TRUE(inspection.superblock);
    EXPECT_EQ(inspection.superblock->geometry, kSmallGeometry);
    EXPECT_TRUE(inspection.hosts.empty());
}

TEST_P(FormatDatastore, ASecondTimeNeedsForceAndSaysWhatIsThere) {
    ASSERT_EQ(error(), "");
    EXPECT_NE(error().find("a Holdfast heartbeat datastore of cluster a0a1a2a3-"),
              std::string::npos)
        << error();
    options_.force = true;
    options_.cluster = uuid_from(1);
    const auto report = format_datastore(options_);
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_NE(report->replaced.find("a0a1a2a3-"), std::string::npos);
    EXPECT_EQ(inspect().superblock->cluster, uuid_from(1));
}

TEST_P(FormatDatastore, RefusesForeignContentsWithoutTouchingThem) {
    if (!GetParam()) write_zero_file(options_.path, kSmallGeometry.total_bytes());
    write_bytes(options_.path, 0, "XFSB");
    EXPECT_NE(error().find("an XFS file system"), std::string::npos);
    EXPECT_EQ(inspect().signature.kind, SignatureKind::Xfs);
}

TEST_P(FormatDatastore, RefusesALocalFileSystemAndLeavesNothingBehind) {
    if (GetParam()) return;  // a device lies on no file system
    options_.allow_local_filesystem = false;
    const std::string text = error();
    if (text.empty()) GTEST_SKIP() << "NOT TESTED: the test folder is on no local file system";
    EXPECT_NE(text.find("local file system"), std::string::npos) << text;

    struct stat status {};

    EXPECT_NE(::stat(options_.path.c_str(), &status), 0) << "the file that it created";
}

TEST_P(FormatDatastore, RefusesWhatIsTooSmallAndBadGeometry) {
    if (GetParam()) {
        options_.geometry = Geometry{64, kHeapBytesDefault};
        EXPECT_NE(error().find("too small"), std::string::npos);
    }
    options_.geometry = Geometry{2000, kHeapBytesDefault};
    EXPECT_NE(error().find("1..1024"), std::string::npos);
}

TEST_P(FormatDatastore, InspectShowsEveryRegionAndEveryDamage) {
    ASSERT_EQ(error(), "");
    const HostId host{3};
    const Geometry& g = options_.geometry;
    const std::string xml = "<domain/>";
    const auto compressed = *compress_xml(xml);
    XmlHeap heap(host, g.heap_bytes());
    Roster roster = sample_roster();
    roster.claims[0].spec.xml = *heap.place(compressed, static_cast<std::uint32_t>(xml.size()));
    write_region(g.heap(host), kBlockBytes, [&](std::span<std::byte> page) {
        const auto pages = heap.pages_of(roster.claims[0].spec.xml);
        std::copy_n(pages.bytes.begin(), kBlockBytes, page.begin());
    });
    write_region(g.slot(host, Copy::B), kSlotCopyBytes, [](std::span<std::byte> block) {
        encode_slot(sample_slot(), sample_cluster(), block);
    });
    write_region(g.roster(host, Copy::B), kRosterCopyBytes, [&](std::span<std::byte> block) {
        static_cast<void>(encode_roster(roster, sample_cluster(), block));
    });
    write_region(g.orders(host, Copy::A), kOrdersCopyBytes, [](std::span<std::byte> block) {
        static_cast<void>(encode_orders(sample_orders(), sample_cluster(), block));
    });
    write_region(g.config(host, Copy::A), g.config_copy_bytes(), [](std::span<std::byte> block) {
        static_cast<void>(encode_config(*sample_config(), sample_cluster(), block));
    });
    write_region(g.recorder(host) + kBlockBytes, kBlockBytes, [](std::span<std::byte> block) {
        encode_recorder_entry(
            sample_recorder_entry(), sample_cluster(), block.first(kRecorderEntryBytes));
    });

    Inspection whole = inspect();
    ASSERT_EQ(whole.hosts.size(), 1U);
    const InspectedHost& seen = whole.hosts[0];
    EXPECT_EQ(whole.damaged_copies, 0U);
    EXPECT_EQ(seen.slot_current, 1);
    EXPECT_EQ(*seen.slots[1].record, sample_slot());
    EXPECT_EQ(*seen.rosters[1].record, roster);
    EXPECT_EQ(*seen.orders[0].record, sample_orders());
    EXPECT_EQ(*seen.configs[0].record, *sample_config());
    ASSERT_EQ(seen.recorder.size(), 1U);
    EXPECT_EQ(seen.recorder[0], sample_recorder_entry());
    ASSERT_EQ(seen.xmls.size(), 1U);
    EXPECT_EQ(seen.xmls[0].xml, xml) << seen.xmls[0].problem;

    write_bytes(options_.path, g.slot(host, Copy::B) + 100, "damage");
    write_bytes(options_.path, g.roster(host, Copy::B) + 1100, "damage");
    write_bytes(options_.path, g.heap(host) + 4, "damage");
    write_bytes(options_.path, 100, "damage");
    Inspection damaged = inspect();
    ASSERT_EQ(damaged.hosts.size(), 1U);
    EXPECT_EQ(damaged.damaged_copies, 3U);
    EXPECT_FALSE(damaged.superblocks[0].is_valid());
    EXPECT_TRUE(damaged.superblocks[1].is_valid());
    EXPECT_EQ(damaged.hosts[0].slot_current, -1);
    EXPECT_NE(damaged.hosts[0].slots[1].problem.find("slot of host 3, copy B: checksum"),
              std::string::npos);
    EXPECT_EQ(damaged.hosts[0].rosters[1].reject.code, RejectCode::BadBodyChecksum);
    EXPECT_TRUE(damaged.hosts[0].orders[0].is_valid());
}

INSTANTIATE_TEST_SUITE_P(Io, FormatDatastore, testing::Bool(), [](const auto& instance) {
    return instance.param ? "OnLoopDevice" : "OnFile";
});

}  // namespace
}  // namespace holdfast
