// What the helper process does to a target: open it and look, with system calls only.  See
// block_target.h.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "storage/block_target.h"
#include "storage/geometry.h"
#include "storage/helper_process.h"

namespace holdfast {

namespace {

constexpr std::size_t kPathBytesMax = 4096;

struct ProbeArgument {
    char path[kPathBytesMax];
    TargetAccess access;
    bool look;  // false: only open
};

int failed(TargetFacts& facts, const char* call, int fd = -1) {
    facts.system_errno = errno;
    std::strncpy(facts.failed_call, call, sizeof facts.failed_call - 1);
    if (fd >= 0) ::close(fd);
    return -1;
}

constexpr std::uint32_t kExtentsPerCall = 64;

void add_extent(const fiemap_extent& extent, TargetFacts& facts) {
    constexpr std::uint32_t kUnsafe = FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_DELALLOC |
                                      FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DATA_TAIL |
                                      FIEMAP_EXTENT_UNKNOWN;
    if ((extent.fe_flags & FIEMAP_EXTENT_SHARED) != 0) facts.shared_extents = true;
    if ((extent.fe_flags & kUnsafe) != 0) {
        ++facts.unwritten_extents;
        return;
    }
    const std::uint64_t begin = std::min<std::uint64_t>(extent.fe_logical, facts.size_bytes);
    const std::uint64_t end =
        std::min<std::uint64_t>(extent.fe_logical + extent.fe_length, facts.size_bytes);
    facts.mapped_bytes += end - begin;
}

// Leaves extents_known false where the file system does not tell (NFS, FUSE).
void look_at_extents(int fd, TargetFacts& facts) {
    alignas(fiemap) std::byte memory[sizeof(fiemap) + kExtentsPerCall * sizeof(fiemap_extent)];
    std::uint64_t position = 0;
    while (position < facts.size_bytes) {
        std::memset(memory, 0, sizeof memory);
        auto* map = static_cast<fiemap*>(static_cast<void*>(memory));
        map->fm_start = position;
        map->fm_length = facts.size_bytes - position;
        map->fm_flags = FIEMAP_FLAG_SYNC;
        map->fm_extent_count = kExtentsPerCall;
        if (::ioctl(fd, FS_IOC_FIEMAP, map) != 0) return;
        facts.extents_known = true;
        if (map->fm_mapped_extents == 0) return;
        for (std::uint32_t i = 0; i < map->fm_mapped_extents; ++i) {
            add_extent(map->fm_extents[i], facts);
            position = map->fm_extents[i].fe_logical + map->fm_extents[i].fe_length;
            if ((map->fm_extents[i].fe_flags & FIEMAP_EXTENT_LAST) != 0) return;
        }
    }
}

bool read_all(int fd, std::byte* memory, std::size_t bytes, std::uint64_t offset) {
    std::size_t done = 0;
    while (done < bytes) {
        const ssize_t got =
            ::pread(fd, memory + done, bytes - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
        if (done % kSectorBytes != 0) break;  // the end of a file that is no multiple of a sector
    }
    return true;
}

// False with errno when the target cannot be read.
bool look_at_contents(int fd, TargetFacts& facts) {
    const std::uint64_t usable = facts.size_bytes / kBlockBytes * kBlockBytes;
    const std::size_t head_bytes = std::min<std::uint64_t>(usable, kSignatureHeadBytes);
    const std::size_t tail_bytes =
        std::min<std::uint64_t>(usable - head_bytes, kSignatureTailBytes);
    if (head_bytes == 0) return true;
    void* memory = ::mmap(nullptr,
                          head_bytes + tail_bytes,
                          PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS,
                          -1,
                          0);
    if (memory == MAP_FAILED) return false;
    auto* bytes = static_cast<std::byte*>(memory);
    if (!read_all(fd, bytes, head_bytes, 0)) return false;
    if (!read_all(fd, bytes + head_bytes, tail_bytes, usable - tail_bytes)) return false;
    facts.signature = find_signature({bytes, head_bytes}, {bytes + head_bytes, tail_bytes}, usable);
    return true;
}

void look_at_alignment(int fd, TargetFacts& facts) {
    struct statx buffer {};
#ifdef STATX_DIOALIGN
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &buffer) == 0 &&
        (buffer.stx_mask & STATX_DIOALIGN) != 0) {
        facts.direct_align_bytes = std::max(buffer.stx_dio_mem_align, buffer.stx_dio_offset_align);
    }
#else
    static_cast<void>(buffer);
    static_cast<void>(fd);
    static_cast<void>(facts);
#endif
}

int look(int fd, TargetFacts& facts) {
    struct stat status {};

    if (::fstat(fd, &status) != 0) return failed(facts, "fstat", fd);
    facts.mode = status.st_mode;
    facts.size_bytes = static_cast<std::uint64_t>(status.st_size);
    if (S_ISBLK(status.st_mode)) {
        int logical = 0;
        if (::ioctl(fd, BLKGETSIZE64, &facts.size_bytes) != 0)
            return failed(facts, "BLKGETSIZE64", fd);
        if (::ioctl(fd, BLKSSZGET, &logical) != 0) return failed(facts, "BLKSSZGET", fd);
        facts.logical_block_bytes = static_cast<std::uint32_t>(logical);
    } else if (S_ISREG(status.st_mode)) {
        struct statfs filesystem {};

        if (::fstatfs(fd, &filesystem) != 0) return failed(facts, "fstatfs", fd);
        facts.filesystem_magic = static_cast<std::uint64_t>(filesystem.f_type) & 0xffffffffU;
        look_at_extents(fd, facts);
    } else {
        return fd;  // judged by its mode
    }
    look_at_alignment(fd, facts);
    if (!look_at_contents(fd, facts)) return failed(facts, "read", fd);
    return fd;
}

int probe_work(const void* argument, std::span<std::byte> answer) {
    const auto& probe = *static_cast<const ProbeArgument*>(argument);
    TargetFacts facts;
    const int mode = probe.access == TargetAccess::ReadOnly ? O_RDONLY : O_RDWR;
    int fd = ::open(probe.path, mode | O_DIRECT | O_DSYNC | O_CLOEXEC);
    if (fd < 0) {
        fd = failed(facts, "open");

        // tmpfs and others refuse O_DIRECT: say which one it was.
        struct statfs filesystem {};

        if (facts.system_errno == EINVAL && ::statfs(probe.path, &filesystem) == 0) {
            facts.filesystem_magic = static_cast<std::uint64_t>(filesystem.f_type) & 0xffffffffU;
        }
    } else if (probe.look) {
        fd = look(fd, facts);
    }
    std::memcpy(answer.data(), &facts, sizeof facts);
    return fd;
}

Result<BlockTarget> run_probe(const std::string& path,
                              TargetAccess access,
                              bool look,
                              Duration timeout) {
    ProbeArgument argument{};
    argument.access = access;
    argument.look = look;
    if (path.size() >= sizeof argument.path) {
        return Unexpected{Error{ENAMETOOLONG, path + ": path too long"}};
    }
    path.copy(argument.path, path.size());
    TargetFacts facts;
    const std::span<std::byte> answer =
        std::as_writable_bytes(std::span<TargetFacts, 1>(&facts, 1));
    auto fd = run_in_helper(probe_work, &argument, answer, timeout);
    if (!fd) return Unexpected{Error{fd.error().system_errno, path + ": " + fd.error().text}};
    BlockTarget target{OwnedFd{*fd}, path, facts};
    if (target.fd.get() < 0 && facts.system_errno == 0) {
        return Unexpected{Error{ECHILD, path + ": the helper process sent no descriptor"}};
    }
    return target;
}

}  // namespace

static_assert(std::is_trivially_copyable_v<TargetFacts> && sizeof(TargetFacts) <= 512);

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

OwnedFd::~OwnedFd() {
    if (fd_ >= 0) ::close(fd_);
}

Result<BlockTarget> probe_target(const std::string& path, TargetAccess access, Duration timeout) {
    return run_probe(path, access, true, timeout);
}

Result<OwnedFd> open_in_helper(const std::string& path, TargetAccess access, Duration timeout) {
    auto target = run_probe(path, access, false, timeout);
    if (!target) return Unexpected{target.error()};
    if (target->facts.system_errno != 0) {
        const int error = target->facts.system_errno;
        return Unexpected{
            Error{error, path + ": " + target->facts.failed_call + ": " + std::strerror(error)}};
    }
    return std::move(target->fd);
}

}  // namespace holdfast
