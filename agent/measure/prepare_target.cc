// What may be measured, and making it so.  Nothing foreign is ever written to.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/measure/datastore_job.h"
#include "storage/aligned_buffer.h"
#include "storage/block_target.h"
#include "storage/file_io.h"
#include "storage/format_datastore.h"
#include "storage/record_frame.h"
#include "storage/uuid_text.h"

namespace holdfast::measure {

namespace {

constexpr Duration kLookTimeout = std::chrono::seconds{20};
constexpr std::size_t kChunkBytes = 1024 * 1024;

Unexpected<Error> refuse(const std::string& path, const std::string& found) {
    return Unexpected{Error{
        0,
        path + ": holds " + found +
            "; nothing was changed. Name a scratch file that does not exist yet, on the storage "
            "to be measured, or an empty device. [HF-5101]"}};
}

Unexpected<Error> refuse_cluster(const std::string& path, const ClusterUuid& cluster) {
    const std::string whose = cluster.is_none()
                                  ? "a damaged heartbeat datastore"
                                  : "the heartbeat datastore of cluster " + uuid_text(cluster);
    return Unexpected{
        Error{0,
              path + ": holds " + whose +
                  "; nothing was changed. Its agents measure it all the time: see `holdfast tune "
                  "--from-agent`. To measure the same storage, name a scratch file or a LUN beside "
                  "it. [HF-5101]"}};
}

// A magic number tells only what somebody thought of; data without one is data as well.
Result<Nothing> expect_zeros(const BlockTarget& target, std::uint64_t bytes) {
    AlignedBuffer chunk{kChunkBytes};
    const std::uint64_t whole = bytes / kBlockBytes * kBlockBytes;
    for (std::uint64_t done = 0; done < whole;) {
        const auto part = chunk.span().first(std::min<std::uint64_t>(kChunkBytes, whole - done));
        if (auto got = read_fully(target.fd.get(), part, done); !got) return got;
        if (!is_all_zero(part)) {
            return refuse(target.path,
                          "data (between byte " + std::to_string(done) + " and byte " +
                              std::to_string(done + part.size()) + ")");
        }
        done += part.size();
    }
    return Nothing{};
}

// How many hosts a measuring target was made for; 0 when it cannot be told.
std::uint32_t hosts_of(const BlockTarget& target) {
    AlignedBuffer blocks{2 * kBlockBytes};
    if (!read_fully(target.fd.get(), blocks.span(), Geometry::superblock(Copy::A))) return 0;
    const auto superblock = decode_superblock_copies(blocks.span());
    if (!superblock || target.facts.size_bytes < superblock->geometry.total_bytes()) return 0;
    return superblock->geometry.hosts_max();
}

// What to do about a system call that failed.
std::string next_step(const DatastoreJob& job, int error) {
    const std::uint64_t needed = measuring_geometry(job.hosts).total_bytes();
    switch (error) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return "A target for " + std::to_string(job.hosts) + " hosts takes " +
                   std::to_string((needed + 1'048'575) / 1'048'576) +
                   " MiB; make room, or measure with fewer (--hosts)";
        case EACCES:
        case EPERM:
        case EROFS:
            return "It must be writable: beats are writes. Run as root, on storage that is not "
                   "read-only";
        case ENOENT: return "The folder must exist; the file is made";
        default: return {};
    }
}

Unexpected<Error> unusable(const DatastoreJob& job, const Error& error) {
    const std::string step = next_step(job, error.system_errno);
    return Unexpected{Error{error.system_errno,
                            error.text + (step.empty() ? "." : ". " + step + ".") + " [HF-5102]"}};
}

Result<std::uint32_t> format_target(const DatastoreJob& job, TargetResult& result, bool force) {
    FormatOptions options;
    options.path = job.path;
    options.cluster = kMeasuringCluster;
    options.datastore = kMeasuringCluster;
    options.name = "holdfast bench";
    options.geometry = measuring_geometry(job.hosts);
    options.force = force;
    options.allow_local_filesystem = true;
    options.progress = [&result](std::uint64_t done, std::uint64_t total) {
        result.prepared.store(static_cast<std::uint32_t>(total == 0 ? 100 : done * 100 / total));
    };
    auto report = format_datastore(options);
    if (!report) return unusable(job, report.error());
    return job.hosts;
}

Result<std::uint32_t> make_file(const DatastoreJob& job, TargetResult& result) {
    if (job.path.starts_with("/dev/") && !job.path.starts_with("/dev/shm/")) {
        return Unexpected{Error{ENOENT,
                                job.path + ": there is no such device; `lsblk` lists what there "
                                           "is. [HF-5102]"}};
    }
    auto made = format_target(job, result, false);
    // A file that could not be filled is of no use to anybody.
    if (!made && made.error().system_errno != 0 && made.error().system_errno != EEXIST)
        ::unlink(job.path.c_str());
    return made;
}

Unexpected<Error> cannot_open(const DatastoreJob& job, const TargetFacts& facts) {
    struct stat status {};

    if (::stat(job.path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
        return Unexpected{Error{EISDIR,
                                job.path +
                                    ": is a folder. Name a scratch file in it that does not "
                                    "exist yet, such as " +
                                    job.path + (job.path.ends_with('/') ? "" : "/") +
                                    "hb-scratch. [HF-5102]"}};
    }
    if (facts.system_errno == EINVAL) {
        return Unexpected{Error{EINVAL,
                                job.path +
                                    ": this file system has no O_DIRECT, so no datastore can "
                                    "lie on it. [HF-5102]"}};
    }
    return unusable(
        job,
        {facts.system_errno,
         job.path + ": " + facts.failed_call + ": " + std::strerror(facts.system_errno)});
}

Unexpected<Error> too_small(const DatastoreJob& job, std::uint64_t size, std::uint64_t needed) {
    std::uint32_t fit = job.hosts;
    while (fit > 0 && measuring_geometry(fit).total_bytes() > size) --fit;
    const std::string step =
        fit == 0 ? "Use a larger one" : "Use a larger one, or --hosts " + std::to_string(fit);
    return Unexpected{Error{0,
                            job.path + ": has " + std::to_string(size) + " bytes, " +
                                std::to_string(job.hosts) + " hosts need " +
                                std::to_string(needed) + ". " + step + ". [HF-5102]"}};
}

}  // namespace

Result<std::uint32_t> prepare_target(const DatastoreJob& job, TargetResult& result) {
    auto probed = probe_target(job.path, TargetAccess::ReadOnly, kLookTimeout);
    if (!probed) return Unexpected{probed.error()};
    const TargetFacts& facts = probed->facts;
    if (facts.system_errno == ENOENT) {
        std::strncpy(result.medium.data(), "file", result.medium.size() - 1);
        return make_file(job, result);
    }
    if (facts.system_errno != 0) return cannot_open(job, facts);
    const bool file = S_ISREG(facts.mode);
    std::strncpy(result.medium.data(), file ? "file" : "block device", result.medium.size() - 1);
    const std::uint64_t needed = measuring_geometry(job.hosts).total_bytes();
    if (facts.signature.kind == SignatureKind::Holdfast) {
        if (facts.signature.cluster != kMeasuringCluster) {
            return refuse_cluster(job.path, facts.signature.cluster);
        }
        // One of ours; formatted again only where it is for fewer hosts, or was left half-done.
        if (const std::uint32_t hosts = hosts_of(*probed); hosts >= job.hosts) return hosts;
        return format_target(job, result, true);
    }
    if (facts.signature.kind != SignatureKind::Empty) {
        return refuse(job.path,
                      std::string(to_string(facts.signature.kind)) + " (found at byte " +
                          std::to_string(facts.signature.offset_bytes) + ")");
    }
    // What formatting would cut off, or what does not fill a block, is not looked at, so it is taken for data.
    if (file && (facts.size_bytes > needed || facts.size_bytes % kBlockBytes != 0)) {
        return refuse(job.path,
                      std::to_string(facts.size_bytes) + " bytes that no measurement has written");
    }
    if (auto zeros = expect_zeros(*probed, std::min(facts.size_bytes, needed)); !zeros)
        return Unexpected{zeros.error()};
    if (!file && facts.size_bytes < needed) return too_small(job, facts.size_bytes, needed);
    return format_target(job, result, false);
}

}  // namespace holdfast::measure
