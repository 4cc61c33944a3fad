// Opening and judging targets: what is unsafe is refused, and the sentence says why.
#include "storage/block_target.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "storage/helper_process.h"
#include "storage/superblock.h"
#include "tests/unit/storage/format_samples.h"
#include "tests/unit/storage/temp_target.h"

namespace holdfast {
namespace {

using namespace test;

constexpr Duration kLongWait = std::chrono::seconds{20};

TargetFacts good_file() {
    TargetFacts facts;
    facts.mode = S_IFREG | 0600;
    facts.size_bytes = 16 * 1024 * 1024;
    facts.filesystem_magic = 0x6969;  // NFS
    facts.signature.kind = SignatureKind::Holdfast;
    return facts;
}

std::string refusal(const TargetFacts& facts, const TargetPolicy& policy = {}) {
    const auto verdict = judge_target("/path", facts, policy);
    return verdict ? "" : verdict.error().text;
}

void expect_refused(const TargetFacts& facts,
                    const std::string& word,
                    const TargetPolicy& policy = {}) {
    const std::string text = refusal(facts, policy);
    EXPECT_NE(text.find(word), std::string::npos) << "\"" << text << "\" should speak of " << word;
}

TEST(JudgeTarget, AFormattedFileOnNfsOrADeviceIsAccepted) {
    EXPECT_EQ(refusal(good_file()), "");
    TargetFacts device = good_file();
    device.mode = S_IFBLK | 0600;
    device.filesystem_magic = 0;
    device.logical_block_bytes = 4096;
    EXPECT_EQ(refusal(device), "");
}

TEST(JudgeTarget, RefusesWhatIsUnsafe) {
    TargetFacts facts = good_file();
    facts.filesystem_magic = 0x01021994;
    expect_refused(facts, "tmpfs");
    facts = good_file();
    facts.filesystem_magic = 0xEF53;
    expect_refused(facts, "local file system");
    TargetPolicy lab;
    lab.allow_local_filesystem = true;
    EXPECT_EQ(refusal(facts, lab), "");
    facts = good_file();
    facts.extents_known = true;
    facts.unwritten_extents = 3;
    expect_refused(facts, "3 unwritten extents");
    facts = good_file();
    facts.extents_known = true;
    facts.mapped_bytes = 4096;
    expect_refused(facts, "sparse");
    facts.mapped_bytes = facts.size_bytes;
    facts.shared_extents = true;
    expect_refused(facts, "shares blocks");
    facts = good_file();
    facts.size_bytes += 1;
    expect_refused(facts, "no multiple of 4096");
    facts = good_file();
    facts.mode = S_IFCHR | 0600;
    expect_refused(facts, "neither a block device nor a regular file");
    facts = good_file();
    facts.direct_align_bytes = 8192;
    expect_refused(facts, "alignment of 8192");
    facts = good_file();
    facts.mode = S_IFBLK | 0600;
    facts.logical_block_bytes = 16384;
    expect_refused(facts, "16384");
    TargetPolicy large;
    large.bytes_min = std::uint64_t{1} << 40U;
    expect_refused(good_file(), "too small", large);
}

TEST(JudgeTarget, RefusesForeignContentsAndSaysWhatTheyAre) {
    TargetFacts facts = good_file();
    facts.signature.kind = SignatureKind::Lvm;
    expect_refused(facts, "LVM physical volume");
    facts.signature.kind = SignatureKind::Empty;
    expect_refused(facts, "holdfast format");
    TargetPolicy formatting;
    formatting.for_formatting = true;
    EXPECT_EQ(refusal(facts, formatting), "");
}

TEST(JudgeTarget, ReportsTheFailedCall) {
    TargetFacts facts;
    facts.system_errno = EACCES;
    std::strcpy(facts.failed_call, "open");
    expect_refused(facts, "open: Permission denied");
}

TEST(ProbeTarget, FindsUnwrittenExtentsAndHoles) {
    const TempFolder folder;
    const std::string reason = folder.unusable_reason();
    if (!reason.empty()) GTEST_SKIP() << "NOT TESTED: " << reason;
    const std::string path = folder.path("allocated");
    const OwnedFd fd{::open(path.c_str(), O_RDWR | O_CREAT, 0600)};
    if (::posix_fallocate(fd.get(), 0, 1024 * 1024) != 0)
        GTEST_SKIP() << "NOT TESTED: no fallocate";
    auto probed = probe_target(path, TargetAccess::ReadWrite, kLongWait);
    ASSERT_TRUE(probed) << probed.error().text;
    if (!probed->facts.extents_known) GTEST_SKIP() << "NOT TESTED: no FIEMAP here";
    EXPECT_GT(probed->facts.unwritten_extents, 0U);
    EXPECT_EQ(probed->facts.signature.kind, SignatureKind::Empty);
    ASSERT_EQ(::truncate(path.c_str(), 0), 0);
    ASSERT_EQ(::truncate(path.c_str(), 1024 * 1024), 0);
    probed = probe_target(path, TargetAccess::ReadWrite, kLongWait);
    ASSERT_TRUE(probed);
    EXPECT_EQ(probed->facts.mapped_bytes, 0U);
    EXPECT_FALSE(judge_extents(path, probed->facts));
}

TEST(ProbeTarget, AWrittenFileIsWholeAndItsDescriptorWorks) {
    const TempFolder folder;
    const std::string reason = folder.unusable_reason();
    if (!reason.empty()) GTEST_SKIP() << "NOT TESTED: " << reason;
    const std::string path = folder.path("written");
    write_zero_file(path, 1024 * 1024);
    const auto probed = probe_target(path, TargetAccess::ReadWrite, kLongWait);
    ASSERT_TRUE(probed) << probed.error().text;
    EXPECT_EQ(probed->facts.system_errno, 0);
    EXPECT_TRUE(judge_extents(path, probed->facts));
    const int flags = ::fcntl(probed->fd.get(), F_GETFL);
    EXPECT_EQ(flags & O_ACCMODE, O_RDWR);
    EXPECT_NE(flags & O_DIRECT, 0);
    EXPECT_NE(flags & O_DSYNC, 0);
    EXPECT_NE(::fcntl(probed->fd.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(ProbeTarget, RefusesTmpfsAndMissingFiles) {
    const auto missing = open_target("/nonexistent/path", {}, kLongWait);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().system_errno, ENOENT);
    const std::string path = "/dev/shm/holdfast-test-" + std::to_string(::getpid());
    write_zero_file(path, 65536);
    const auto refused = open_target(path, {}, kLongWait);
    ::unlink(path.c_str());
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find("tmpfs"), std::string::npos) << refused.error().text;
}

TEST(ProbeTarget, ReportsASignatureThroughTheHelper) {
    const TempFolder folder;
    const std::string reason = folder.unusable_reason();
    if (!reason.empty()) GTEST_SKIP() << "NOT TESTED: " << reason;
    const std::string path = folder.path("xfs");
    write_zero_file(path, 1024 * 1024);
    write_bytes(path, 0, "XFSB");
    const auto probed = probe_target(path, TargetAccess::ReadOnly, kLongWait);
    ASSERT_TRUE(probed);
    EXPECT_EQ(probed->facts.signature.kind, SignatureKind::Xfs);
}

int hang(const void*, std::span<std::byte>) {
    for (;;) ::pause();
}

TEST(HelperProcess, AHungHelperCostsItsTimeAndNothingElse) {
    // The helper outlives the test: it is an orphan that nobody waits for.  An alarm ends it here.
    const auto bounded = [](const void* argument, std::span<std::byte> answer) {
        ::alarm(2);
        return hang(argument, answer);
    };
    std::array<std::byte, 8> answer{};
    const auto result = run_in_helper(bounded, nullptr, answer, std::chrono::milliseconds{50});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().system_errno, ETIMEDOUT);
}

TEST(HelperProcess, ACrashedHelperIsAnErrorAndDescriptorsAreClosed) {
    const auto crash = [](const void*, std::span<std::byte>) -> int { ::_exit(1); };
    std::array<std::byte, 8> answer{};
    EXPECT_FALSE(run_in_helper(crash, nullptr, answer, kLongWait));
    const auto count_open = [](const void*, std::span<std::byte> out) -> int {
        int open = 0;
        for (int fd = 0; fd < 256; ++fd) open += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
        out[0] = static_cast<std::byte>(open);
        return -1;
    };
    const auto counted = run_in_helper(count_open, nullptr, answer, kLongWait);
    ASSERT_TRUE(counted);
    EXPECT_EQ(answer[0], std::byte{1}) << "only its own socket";
}

struct MagicCase {
    SignatureKind kind;
    std::size_t offset;
    std::string magic;
};

TEST(Signature, KnowsTheCommonMagics) {
    const MagicCase cases[] = {
        {SignatureKind::Ext, 1080, "\x53\xef"},
        {SignatureKind::Xfs, 0, "XFSB"},
        {SignatureKind::Btrfs, 65600, "_BHRfS_M"},
        {SignatureKind::Lvm, 512, "LABELONE"},
        {SignatureKind::MdRaid, 4096, "\xfc\x4e\x2b\xa9"},
        {SignatureKind::Luks, 0, "LUKS\xba\xbe"},
        {SignatureKind::Gpt, 512, "EFI PART"},
        {SignatureKind::Swap, 4086, "SWAPSPACE2"},
        {SignatureKind::Sbd, 0, "SBD_SBD_"},
        {SignatureKind::Sanlock, 0, "\x10\x20\x21\x12"},
        {SignatureKind::Qcow2, 0, "QFI\xfb"},
        {SignatureKind::Unknown, 700000, "x"},
    };
    for (const MagicCase& known : cases) {
        std::vector<std::byte> head(kSignatureHeadBytes);
        std::memcpy(head.data() + known.offset, known.magic.data(), known.magic.size());
        const auto found = find_signature(head, {}, kSignatureHeadBytes);
        EXPECT_EQ(found.kind, known.kind) << to_string(known.kind);
        EXPECT_EQ(found.offset_bytes, known.offset) << to_string(known.kind);
    }
}

TEST(Signature, LooksAtTheEndToo) {
    const std::vector<std::byte> head(kSignatureHeadBytes);
    std::vector<std::byte> tail(kSignatureTailBytes);
    const std::uint64_t size = 64 * 1024 * 1024;
    EXPECT_EQ(find_signature(head, tail, size).kind, SignatureKind::Empty);
    std::memcpy(tail.data() + tail.size() - 4096 + 60, "\x83\x74\x02\x6b", 4);
    EXPECT_EQ(find_signature(head, tail, size).kind, SignatureKind::Drbd);
    std::fill(tail.begin(), tail.end(), std::byte{0});
    std::memcpy(tail.data() + tail.size() - 8192, "\xfc\x4e\x2b\xa9", 4);
    EXPECT_EQ(find_signature(head, tail, size).kind, SignatureKind::MdRaid);
    std::fill(tail.begin(), tail.end(), std::byte{0});
    tail[5] = std::byte{1};
    const auto found = find_signature(head, tail, size);
    EXPECT_EQ(found.kind, SignatureKind::Unknown);
    EXPECT_EQ(found.offset_bytes, size - kSignatureTailBytes + 5);
}

TEST(Signature, NamesTheClusterOfADatastore) {
    std::vector<std::byte> head(kSignatureHeadBytes);
    encode_superblock(sample_superblock(), std::span{head}.subspan(kBlockBytes, kBlockBytes));
    const auto found = find_signature(head, {}, kSignatureHeadBytes);
    EXPECT_EQ(found.kind, SignatureKind::Holdfast);
    EXPECT_EQ(found.cluster, sample_cluster());
}

}  // namespace
}  // namespace holdfast
