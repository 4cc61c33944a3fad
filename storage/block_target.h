// BlockTarget: opening a datastore's device or file, looking at it, and refusing what is unsafe
// with the reason.
//
// open, stat, statfs, ioctl and the first read may hang for ever on dead storage.  They happen in a
// disposable helper process that hands the descriptor over (SCM_RIGHTS); when its time is over it
// is left behind and costs nothing else.  The helper makes system calls only, so that it may be
// forked from a process with threads.
//
// Facts and judgement are separate: probe_target() reports, judge_target() decides and is pure.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "storage/signature.h"

namespace holdfast {

// A file descriptor with one owner.
class OwnedFd {
  public:
    OwnedFd() = default;

    explicit OwnedFd(int fd) : fd_(fd) {}

    OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}

    OwnedFd& operator=(OwnedFd&& other) noexcept;
    OwnedFd(const OwnedFd&) = delete;
    OwnedFd& operator=(const OwnedFd&) = delete;
    ~OwnedFd();

    [[nodiscard]] int get() const { return fd_; }

    [[nodiscard]] int release() {
        const int fd = fd_;
        fd_ = -1;
        return fd;
    }

  private:
    int fd_ = -1;
};

enum class TargetAccess : std::uint8_t { ReadOnly = 1, ReadWrite = 2 };

// What the helper found.  Fixed size: it crosses a socket.
struct TargetFacts {
    std::int32_t system_errno =
        0;  // of the call named by `failed_call`; 0: everything below is valid
    char failed_call[16] = {};
    std::uint32_t mode = 0;  // st_mode
    std::uint64_t size_bytes = 0;
    std::uint64_t filesystem_magic =
        0;  // statfs f_type of the file's file system; 0 for a block device
    std::uint32_t logical_block_bytes = 0;  // of a block device; 0 for a file
    std::uint32_t direct_align_bytes = 0;   // largest alignment that O_DIRECT asks for; 0: unknown
    bool extents_known = false;             // FIEMAP answered
    std::uint64_t unwritten_extents = 0;    // extents that are unwritten, delayed or inline
    std::uint64_t mapped_bytes = 0;         // covered by written extents, within the size
    bool shared_extents = false;            // reflinked or deduplicated
    Signature signature;
};

struct BlockTarget {
    OwnedFd fd;  // O_DIRECT|O_DSYNC|O_CLOEXEC
    std::string path;
    TargetFacts facts;
};

struct TargetPolicy {
    TargetAccess access = TargetAccess::ReadWrite;
    bool allow_local_filesystem = false;  // a file on ext4, xfs, btrfs ... : test clusters only
    bool for_formatting = false;          // contents are judged by format_datastore(), not here
    std::uint64_t bytes_min = 0;
};

// Opens and looks, within `timeout`.  Error: cannot be opened, or did not answer in time.
[[nodiscard]] Result<BlockTarget> probe_target(const std::string& path,
                                               TargetAccess access,
                                               Duration timeout);

// Whether these facts are safe to run a heartbeat datastore on; the error says what is wrong and
// what to do.
[[nodiscard]] Result<Nothing> judge_target(const std::string& path,
                                           const TargetFacts& facts,
                                           const TargetPolicy& policy);

// The part of it that concerns how the file system stores a file: unwritten extents, holes, shared
// blocks.
[[nodiscard]] Result<Nothing> judge_extents(const std::string& path, const TargetFacts& facts);

// probe_target(), then judge_target().
[[nodiscard]] Result<BlockTarget> open_target(const std::string& path,
                                              const TargetPolicy& policy,
                                              Duration timeout);

// Just the descriptor, for files that need no judgement.
[[nodiscard]] Result<OwnedFd> open_in_helper(const std::string& path,
                                             TargetAccess access,
                                             Duration timeout);

}  // namespace holdfast
