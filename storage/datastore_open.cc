// Opening a datastore: helper, judgement, back-end, superblock, intents.
#include <cerrno>
#include <utility>

#include "storage/blocking_read.h"
#include "storage/datastore.h"
#include "storage/datastore_core.h"
#include "storage/uuid_text.h"

namespace holdfast {

namespace {

Unexpected<Error> failed(const DatastoreOptions& options, const Error& error) {
    return Unexpected{Error{error.system_errno, "datastore " + options.name + ": " + error.text}};
}

// The arena is lost when a read into it may still complete.
Unexpected<Error> failed_io(const DatastoreOptions& options,
                            DatastoreMemory& memory,
                            const Error& error) {
    if (error.system_errno == ETIMEDOUT) memory.abandon();
    return failed(options, Error{error.system_errno, options.path + ": " + error.text});
}

Result<Superblock> read_superblock(const DatastoreOptions& options,
                                   DatastoreMemory& memory,
                                   IoBackend& backend) {
    const std::span<std::byte> block = memory.arena().first(2 * kBlockBytes);
    if (auto error = blocking_read(
            backend, block, Geometry::superblock(Copy::A), options.self_test_timeout)) {
        return failed_io(options, memory, *error);
    }
    const auto superblock = decode_superblock_copies(block);
    const std::string label = options.name + " (" + options.path + ")";
    if (!superblock) {
        return Unexpected{
            Error{0, explain(superblock.error(), RejectPlace{label, "superblock", {}, {}})}};
    }
    if (superblock->cluster != options.cluster) {
        return Unexpected{Error{0,
                                "datastore " + label + ": belongs to cluster " +
                                    uuid_text(superblock->cluster) + ", ours is " +
                                    uuid_text(options.cluster) +
                                    ". Check path and [cluster] uuid; nothing was changed."}};
    }
    if (!superblock->geometry.contains(options.host)) {
        return Unexpected{
            Error{0,
                  "datastore " + label + ": was formatted for hosts 1.." +
                      std::to_string(superblock->geometry.hosts_max()) + ", this is host " +
                      std::to_string(options.host.value()) +
                      ". Use a lower [host] id, or format a datastore for more hosts."}};
    }
    return *superblock;
}

Result<IntentFile> open_intents(const DatastoreOptions& options, const Superblock& superblock) {
    if (options.intent_folder.empty()) return IntentFile::in_memory();
    return IntentFile::open(options.intent_folder + "/intents-" + uuid_text(superblock.datastore),
                            options.boot_id);
}

}  // namespace

Result<std::unique_ptr<Datastore>> Datastore::open(const DatastoreOptions& options,
                                                   DatastoreMemory& memory) {
    HF_CHECK(!memory.abandoned());
    const auto choice = effective_backend_choice(options.backend);
    if (!choice) return failed(options, choice.error());
    TargetPolicy policy;
    policy.allow_local_filesystem = options.allow_local_filesystem;
    policy.bytes_min = Geometry{1, kHeapBytesMin}.total_bytes();
    auto target = open_target(options.path, policy, options.open_timeout);
    if (!target) return failed(options, target.error());
    const IoTarget io_target{target->fd.get(), options.wakeup_fd, memory.arena()};
    auto selected = select_backend(*choice, io_target, options.self_test_timeout);
    if (!selected) return failed_io(options, memory, selected.error());
    const auto superblock = read_superblock(options, memory, *selected->backend);
    if (!superblock) return Unexpected{superblock.error()};
    const std::uint32_t hosts_max = superblock->geometry.hosts_max();
    if (hosts_max > memory.hosts_max()) {
        return Unexpected{Error{E2BIG,
                                "datastore " + options.name + " (" + options.path +
                                    "): was formatted for " + std::to_string(hosts_max) +
                                    " hosts, the memory at hand is for " +
                                    std::to_string(memory.hosts_max())}};
    }
    const std::uint64_t needed = superblock->geometry.total_bytes();
    if (target->facts.size_bytes < needed) {
        return failed(options,
                      Error{0,
                            options.path + ": has " + std::to_string(target->facts.size_bytes) +
                                " bytes, its superblock says " + std::to_string(needed) +
                                ": it was shortened. Restore its size, or format a new datastore"});
    }
    auto intents = open_intents(options, *superblock);
    if (!intents) return failed(options, intents.error());
    intents->set_backend_ends_with_process(std::string_view{selected->backend->name()} == "libaio");
    auto datastore = assemble(
        options, memory, std::move(selected->backend), *superblock, std::move(*intents), {});
    datastore->core_->adopt(std::move(*target), std::move(selected->reason));
    if (auto error = datastore->core_->look_at_own_copies(options.self_test_timeout)) {
        return failed_io(options, memory, *error);
    }
    return datastore;
}

std::unique_ptr<Datastore> Datastore::assemble(const DatastoreOptions& options,
                                               DatastoreMemory& memory,
                                               std::unique_ptr<IoBackend> backend,
                                               const Superblock& superblock,
                                               IntentFile intents,
                                               std::optional<Copy> first_copy) {
    auto core = std::make_unique<Core>(
        options, memory, std::move(backend), superblock, std::move(intents), first_copy);
    return std::unique_ptr<Datastore>(new Datastore(std::move(core)));
}

}  // namespace holdfast
