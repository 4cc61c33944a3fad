#include "storage/block_target.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <sys/stat.h>

#include "storage/geometry.h"

namespace holdfast {

namespace {

constexpr std::uint64_t kXfsMagic = 0x58465342;
constexpr std::uint64_t kBtrfsMagic = 0x9123683E;
constexpr std::uint64_t kExtMagic = 0xEF53;
constexpr std::uint64_t kF2fsMagic = 0xF2F52010;
constexpr std::uint64_t kZfsMagic = 0x2FC12FC1;
constexpr std::uint64_t kTmpfsMagic = 0x01021994;
constexpr std::uint64_t kRamfsMagic = 0x858458F6;
constexpr std::uint64_t kOverlayMagic = 0x794C7630;
constexpr std::uint64_t kBcachefsMagic = 0xCA451A4E;

// Null when the file system is not known to be local.
const char* local_filesystem(std::uint64_t magic) {
    switch (magic) {
        case kExtMagic: return "ext2/3/4";
        case kXfsMagic: return "XFS";
        case kBtrfsMagic: return "btrfs";
        case kF2fsMagic: return "f2fs";
        case kZfsMagic: return "ZFS";
        case kOverlayMagic: return "overlayfs";
        case kBcachefsMagic: return "bcachefs";
        default: return nullptr;
    }
}

bool is_in_memory(std::uint64_t magic) {
    return magic == kTmpfsMagic || magic == kRamfsMagic;
}

std::string bytes_text(std::uint64_t bytes) {
    return std::to_string(bytes) + " bytes";
}

Unexpected<Error> refuse(const std::string& path, const std::string& why, int error = 0) {
    return Unexpected{Error{error, path + ": " + why}};
}

Result<Nothing> judge_file(const std::string& path,
                           const TargetFacts& facts,
                           const TargetPolicy& policy) {
    if (is_in_memory(facts.filesystem_magic)) {
        return refuse(path,
                      "lies on tmpfs, which is neither shared nor kept. Use a LUN, an LV, a "
                      "partition or a file on NFS");
    }
    const char* local = local_filesystem(facts.filesystem_magic);
    if (local != nullptr && !policy.allow_local_filesystem) {
        return refuse(path,
                      std::string("lies on ") + local +
                          ", a local file system: other hosts cannot share it, and mounting it "
                          "on two hosts destroys it. Use the raw device, or a file on NFS; for a "
                          "test cluster on one "
                          "machine set [io] shared_filesystem_check = false");
    }
    if (policy.for_formatting) return Nothing{};
    return judge_extents(path, facts);
}

Result<Nothing> judge_device(const std::string& path, const TargetFacts& facts) {
    if (facts.logical_block_bytes > kBlockBytes) {
        return refuse(
            path,
            "has logical blocks of " + bytes_text(facts.logical_block_bytes) + ", more than 4096");
    }
    return Nothing{};
}

Result<Nothing> judge_contents(const std::string& path, const TargetFacts& facts) {
    if (facts.signature.kind == SignatureKind::Holdfast) return Nothing{};
    if (facts.signature.kind == SignatureKind::Empty) {
        return refuse(path,
                      "holds no heartbeat datastore, only zeros. Run `holdfast format` on it once, "
                      "from one host");
    }
    return refuse(path,
                  std::string("holds ") + to_string(facts.signature.kind) + " (found at byte " +
                      std::to_string(facts.signature.offset_bytes) +
                      "), no heartbeat datastore. Check the path; nothing was changed");
}

}  // namespace

Result<Nothing> judge_extents(const std::string& path, const TargetFacts& facts) {
    if (facts.extents_known && facts.unwritten_extents > 0) {
        return refuse(path,
                      "has " + std::to_string(facts.unwritten_extents) +
                          " unwritten extents (made by fallocate?): writes to them wait for the "
                          "file system's journal. "
                          "Run `holdfast format` on it, which writes every block");
    }
    if (facts.extents_known && facts.mapped_bytes < facts.size_bytes) {
        return refuse(path,
                      "is sparse: only " + bytes_text(facts.mapped_bytes) + " of " +
                          bytes_text(facts.size_bytes) +
                          " are allocated, so a write may need space that is not there. Run "
                          "`holdfast format` on it");
    }
    if (facts.shared_extents) {
        return refuse(path,
                      "shares blocks with another file (reflink or deduplication): a write may "
                      "have to copy first. "
                      "Run `holdfast format --force` on a new file");
    }
    return Nothing{};
}

Result<Nothing> judge_target(const std::string& path,
                             const TargetFacts& facts,
                             const TargetPolicy& policy) {
    if (facts.system_errno != 0) {
        if (is_in_memory(facts.filesystem_magic)) return judge_file(path, facts, policy);
        const std::string hint =
            facts.system_errno == EINVAL ? ": this file system does not support O_DIRECT" : "";
        return refuse(path,
                      std::string("cannot be used: ") + facts.failed_call + ": " +
                          std::strerror(facts.system_errno) + hint,
                      facts.system_errno);
    }
    const bool file = S_ISREG(facts.mode);
    if (!file && !S_ISBLK(facts.mode)) {
        return refuse(path, "is neither a block device nor a regular file");
    }
    auto kind = file ? judge_file(path, facts, policy) : judge_device(path, facts);
    if (!kind) return kind;
    if (facts.direct_align_bytes > kBlockBytes) {
        return refuse(path,
                      "O_DIRECT needs an alignment of " + bytes_text(facts.direct_align_bytes) +
                          " here, more than 4096");
    }
    if (file && !policy.for_formatting && facts.size_bytes % kBlockBytes != 0) {
        return refuse(path, "has " + bytes_text(facts.size_bytes) + ", no multiple of 4096");
    }
    if (facts.size_bytes < policy.bytes_min && !(file && policy.for_formatting)) {
        return refuse(
            path,
            "is too small: " + bytes_text(facts.size_bytes) + ", needed are " +
                bytes_text(policy.bytes_min) +
                ". Use a larger device, or fewer hosts or a smaller heap when formatting");
    }
    if (policy.for_formatting) return Nothing{};
    return judge_contents(path, facts);
}

Result<BlockTarget> open_target(const std::string& path,
                                const TargetPolicy& policy,
                                Duration timeout) {
    auto target = probe_target(path, policy.access, timeout);
    if (!target) return target;
    auto verdict = judge_target(path, target->facts, policy);
    if (!verdict) return Unexpected{verdict.error()};
    return target;
}

}  // namespace holdfast
