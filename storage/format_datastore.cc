#include "storage/format_datastore.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/aligned_buffer.h"
#include "storage/block_target.h"
#include "storage/file_io.h"
#include "storage/record_frame.h"
#include "storage/uuid_text.h"

namespace holdfast {

namespace {

constexpr std::size_t kChunkBytes = 1024 * 1024;
constexpr std::size_t kSampleBytes = 64 * 1024;
constexpr std::uint64_t kSamples = 16;
constexpr std::uint64_t kSuperblockBytes = 2 * kBlockBytes;

Unexpected<Error> failed(const std::string& path, const std::string& what, int error = 0) {
    const std::string reason = error == 0 ? "" : std::string(": ") + std::strerror(error);
    return Unexpected{Error{error, path + ": " + what + reason}};
}

Unexpected<Error> failed(const std::string& path, const Error& error) {
    return Unexpected{Error{error.system_errno, path + ": " + error.text}};
}

// The folder that must be synced for a new name to last.
std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Result<Nothing> create_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return failed(path, "cannot be created", errno);
    ::close(fd);
    return Nothing{};
}

Result<Nothing> sync_folder(const std::string& path) {
    const OwnedFd folder{::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) {
        return failed(folder_of(path), "cannot be synced", errno);
    }
    return Nothing{};
}

std::string describe(const Signature& signature) {
    std::string text = to_string(signature.kind);
    if (signature.kind == SignatureKind::Holdfast) {
        text += signature.cluster.is_none() ? " with a damaged superblock"
                                            : " of cluster " + uuid_text(signature.cluster);
    }
    return text + " (found at byte " + std::to_string(signature.offset_bytes) + ")";
}

struct Prepared {
    OwnedFd fd;
    bool is_file = false;
    bool created = false;
    std::string replaced;
};

// Looks, judges, and opens for writing; a block device exclusively, so that one in use by the
// kernel is refused.
Result<Prepared> prepare(const FormatOptions& options) {
    auto probed = probe_target(options.path, TargetAccess::ReadWrite, options.open_timeout);
    if (!probed) return Unexpected{probed.error()};
    Prepared prepared;
    if (probed->facts.system_errno == ENOENT && options.create) {
        if (auto made = create_file(options.path); !made) return Unexpected{made.error()};
        prepared.created = true;
        probed = probe_target(options.path, TargetAccess::ReadWrite, options.open_timeout);
        if (!probed) return Unexpected{probed.error()};
    }
    TargetPolicy policy;
    policy.for_formatting = true;
    policy.allow_local_filesystem = options.allow_local_filesystem;
    policy.bytes_min = options.geometry.total_bytes();
    if (auto verdict = judge_target(options.path, probed->facts, policy); !verdict) {
        if (prepared.created) ::unlink(options.path.c_str());
        return Unexpected{verdict.error()};
    }
    const Signature& found = probed->facts.signature;
    if (found.kind != SignatureKind::Empty) {
        prepared.replaced = describe(found);
        if (!options.force) {
            return failed(options.path,
                          "holds " + prepared.replaced +
                              "; nothing was changed. If it may be destroyed, format with --force");
        }
    }
    prepared.is_file = S_ISREG(probed->facts.mode);
    const int exclusive = prepared.is_file ? 0 : O_EXCL;
    prepared.fd =
        OwnedFd{::open(options.path.c_str(), O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC | exclusive)};
    if (prepared.fd.get() < 0) {
        const char* hint = errno == EBUSY ? "is in use (mounted, or part of LVM, md or multipath)"
                                          : "cannot be opened";
        return failed(options.path, hint, errno);
    }
    return prepared;
}

// From the end of the superblocks to the end; the superblocks themselves first of all.
Result<Nothing> write_zeros(const FormatOptions& options, int fd) {
    const AlignedBuffer zeros{kChunkBytes};
    const std::uint64_t total = options.geometry.total_bytes();
    std::uint64_t done = 0;
    while (done < total) {
        const std::uint64_t limit = done == 0 ? kSuperblockBytes : kChunkBytes;
        const std::uint64_t chunk = std::min(limit, total - done);
        if (auto written = write_fully(fd, zeros.span().first(chunk), done); !written) {
            return failed(options.path, written.error());
        }
        done += chunk;
        if (options.progress) options.progress(done, total);
    }
    return Nothing{};
}

// Storage that does not keep what it acknowledges is better found now.
Result<Nothing> check_sample(const FormatOptions& options, int fd) {
    AlignedBuffer sample{kSampleBytes};
    const std::uint64_t blocks = (options.geometry.total_bytes() - kSampleBytes) / kBlockBytes;
    for (std::uint64_t i = 0; i < kSamples; ++i) {
        const std::uint64_t offset = blocks * i / (kSamples - 1) * kBlockBytes;
        if (auto got = read_fully(fd, sample.span(), offset); !got)
            return failed(options.path, got.error());
        if (!is_all_zero(sample.span())) {
            return failed(options.path,
                          "zeros written at byte " + std::to_string(offset) +
                              " were read back as something else: this storage cannot be trusted");
        }
    }
    return Nothing{};
}

Result<Nothing> check_extents(const FormatOptions& options) {
    auto probed = probe_target(options.path, TargetAccess::ReadOnly, options.open_timeout);
    if (!probed) return Unexpected{probed.error()};
    if (probed->facts.system_errno != 0) {
        return failed(options.path, probed->facts.failed_call, probed->facts.system_errno);
    }
    return judge_extents(options.path, probed->facts);
}

// Copy B first: a reader that finds A finds both.
Result<Nothing> commit_superblock(const FormatOptions& options,
                                  int fd,
                                  const Superblock& superblock) {
    AlignedBuffer block{kBlockBytes};
    encode_superblock(superblock, block.span());
    for (const Copy copy : {Copy::B, Copy::A}) {
        if (auto put = write_fully(fd, block.span(), Geometry::superblock(copy)); !put)
            return failed(options.path, put.error());
    }
    AlignedBuffer both{kSuperblockBytes};
    if (auto got = read_fully(fd, both.span(), 0); !got) return failed(options.path, got.error());
    const auto decoded = decode_superblock_copies(both.span());
    if (!decoded || !(*decoded == superblock)) {
        return failed(
            options.path,
            "the superblock was not read back as it was written: this storage cannot be trusted");
    }
    return Nothing{};
}

Result<Nothing> fill(const FormatOptions& options, const Prepared& prepared) {
    const int fd = prepared.fd.get();
    if (prepared.is_file &&
        ::ftruncate(fd, static_cast<off_t>(options.geometry.total_bytes())) != 0) {
        return failed(options.path, "cannot be resized", errno);
    }
    if (auto zeros = write_zeros(options, fd); !zeros) return zeros;
    if (::fsync(fd) != 0) return failed(options.path, "cannot be synced", errno);
    if (prepared.is_file) {
        if (auto synced = sync_folder(options.path); !synced) return synced;
        if (auto extents = check_extents(options); !extents) return extents;
    }
    return check_sample(options, fd);
}

}  // namespace

Result<FormatReport> format_datastore(const FormatOptions& options) {
    const Geometry& geometry = options.geometry;
    if (!Geometry::is_valid(geometry.hosts_max(), geometry.heap_bytes()) ||
        options.cluster.is_none() || options.datastore.is_none()) {
        return failed(
            options.path,
            "hosts must be 1..1024, the heap 64 KiB..64 MiB in steps of 4 KiB, and both uuids set");
    }
    auto prepared = prepare(options);
    if (!prepared) return Unexpected{prepared.error()};
    if (auto filled = fill(options, *prepared); !filled) return Unexpected{filled.error()};
    FormatReport report;
    report.superblock.cluster = options.cluster;
    report.superblock.datastore = options.datastore;
    report.superblock.geometry = geometry;
    report.superblock.formatted_at_unix_s = static_cast<std::uint64_t>(::time(nullptr));
    report.superblock.name = FixedText<48>{options.name};
    if (auto done = commit_superblock(options, prepared->fd.get(), report.superblock); !done) {
        return Unexpected{done.error()};
    }
    report.bytes_written = geometry.total_bytes();
    report.created = prepared->created;
    report.replaced = prepared->replaced;
    return report;
}

}  // namespace holdfast
