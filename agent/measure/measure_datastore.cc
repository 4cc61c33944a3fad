// The life of a measuring process: prepare, open through the back-end, run; and of one that only loads.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string_view>

#include <unistd.h>

#include "agent/measure/datastore_job.h"
#include "agent/measure/datastore_meter.h"
#include "agent/measure/plain_backend.h"
#include "storage/aligned_buffer.h"
#include "storage/clock.h"
#include "storage/datastore.h"
#include "storage/file_io.h"

namespace holdfast::measure {

namespace {

constexpr Duration kOpenTimeout = std::chrono::seconds{20};
constexpr std::size_t kLoadBytes = 64 * 1024;

template <std::size_t N>
void copy_text(std::string_view text, std::array<char, N>& out) {
    const std::size_t length = std::min(text.size(), N - 1);
    std::copy_n(text.data(), length, out.data());
    out[length] = '\0';
}

void fail(TargetResult& result, const std::string& problem) {
    copy_text(problem, result.problem);
    result.ended_at.store(boottime_now().time_since_epoch().count());
    result.state.store(TargetState::Failed);
}

DatastoreOptions options_of(const DatastoreJob& job) {
    DatastoreOptions options;
    options.name = job.path;
    options.path = job.path;
    options.cluster = kMeasuringCluster;
    options.host = job.host;
    options.allow_local_filesystem = true;
    options.open_timeout = kOpenTimeout;
    if (job.backend == "io_uring") options.backend = BackendChoice::Uring;
    if (job.backend == "libaio") options.backend = BackendChoice::Aio;
    return options;
}

Result<std::unique_ptr<Datastore>> open_plain(const DatastoreJob& job,
                                              DatastoreMemory& memory,
                                              OwnedFd& file) {
    TargetPolicy policy;
    policy.allow_local_filesystem = true;
    auto target = open_target(job.path, policy, kOpenTimeout);
    if (!target) return Unexpected{target.error()};
    AlignedBuffer blocks{2 * kBlockBytes};
    if (auto got = read_fully(target->fd.get(), blocks.span(), Geometry::superblock(Copy::A));
        !got) {
        return Unexpected{got.error()};
    }
    const auto superblock = decode_superblock_copies(blocks.span());
    if (!superblock) {
        return Unexpected{Error{0, explain(superblock.error(), {job.path, "superblock", {}, {}})}};
    }
    file = std::move(target->fd);
    return Datastore::assemble(options_of(job),
                               memory,
                               make_plain_backend(file.get()),
                               *superblock,
                               IntentFile::in_memory());
}

}  // namespace

void measure_datastore(const DatastoreJob& job, TargetResult& result) {
    // What --backends names is what is measured, whatever the environment says.
    if (job.backend != "auto") ::unsetenv("HOLDFAST_IO");
    const auto formatted = prepare_target(job, result);
    if (!formatted) {
        fail(result, formatted.error().text);
        return;
    }
    result.formatted_hosts.store(*formatted);
    // Not freed: the kernel may write into it as long as something is out, and the process ends anyway.
    auto* memory = new DatastoreMemory(job.hosts, *formatted);
    OwnedFd file;
    auto store = job.backend == "plain" ? open_plain(job, *memory, file)
                                        : Datastore::open(options_of(job), *memory);
    if (!store) {
        fail(result, store.error().text);
        return;
    }
    const std::string_view reason = (*store)->backend_reason();
    copy_text(reason, result.features);
    const bool aio = reason.find("libaio") < reason.find("io_uring");
    copy_text(job.backend == "plain" ? "plain" : (aio ? "libaio" : "io_uring"), result.backend);
    DatastoreMeter meter(job, *memory, **store, result);
    meter.run();
    result.state.store(TargetState::Complete);
    // Closing waits for what hangs; the end of the process does that out of everybody's sight.
    [[maybe_unused]] auto* kept = store->release();
    [[maybe_unused]] const int kept_file = file.release();
}

void load_datastore(const DatastoreJob& job, const TargetResult& result, std::uint64_t seed) {
    auto opened = open_in_helper(job.path, TargetAccess::ReadWrite, kOpenTimeout);
    if (!opened) return;
    const Geometry geometry = measuring_geometry(result.formatted_hosts.load());
    const std::uint64_t begin = geometry.rosters_begin();
    const std::uint64_t places = (geometry.total_bytes() - begin) / kLoadBytes;
    AlignedBuffer block{kLoadBytes};
    std::mt19937_64 random(seed);
    std::uniform_int_distribution<std::uint64_t> place(0, places - 1);
    // Half of it writes, and every error is somebody else's to report.
    for (std::uint64_t turn = 0; !result.stop.load(); ++turn) {
        const auto offset = static_cast<off_t>(begin + place(random) * kLoadBytes);
        const ssize_t done = turn % 2 == 0
                                 ? ::pwrite(opened->get(), block.span().data(), kLoadBytes, offset)
                                 : ::pread(opened->get(), block.span().data(), kLoadBytes, offset);
        if (done < 0) ::usleep(10'000);
    }
}

}  // namespace holdfast::measure
