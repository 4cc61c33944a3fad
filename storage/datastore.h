// Datastore: one heartbeat datastore, as its loop thread sees it.  It takes requests, keeps them in
// order where order matters, submits them, decodes what comes back and counts.
//
// Thread safety
//   Everything belongs to the thread that called open().  The asker meets it only in rings of
//   DatastoreRequest and DatastoreCompletion, and in DatastoreMemory::payload() by the rule of
//   datastore_request.h.  The loop, on its own thread:
//
//       auto store = Datastore::open(options, memory)           may take seconds
//       while running
//           for each request in the ring: store->push(request)
//           store->submit()
//           store->wait(longest_wait)                           hands all over, and returns with a completion,
//                                                               a wake-up, or when the time is over: one system call
//           for each of store->reap(completions): into the other ring
//           if there were any: write the asker's eventfd
//
// Hung storage
//   A hung operation never completes and nothing is reported for it; its memory stays taken.  At
//   most one write of each kind is in flight: another one pushed meanwhile is a bug of the asker.
//   Reads beyond the pool wait their turn, at most 16; more are answered EBUSY.  Destruction leaves
//   what hangs to the kernel and marks the memory as abandoned: take a new one for the next open().
//
// Copies
//   Slot, roster, orders and configuration each have two, and a write never goes to the one that
//   holds the newest record known good there (copy_choice.h).
//
// After open() nothing here allocates, and no system call blocks but wait().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "storage/backend_select.h"
#include "storage/block_target.h"
#include "storage/datastore_memory.h"
#include "storage/datastore_request.h"
#include "storage/intent_file.h"
#include "storage/latency_histogram.h"
#include "storage/reject.h"
#include "storage/superblock.h"

namespace holdfast {

struct DatastoreOptions {
    std::string name;  // for messages
    std::string path;
    ClusterUuid cluster;
    HostId host;                // whose regions may be written
    int wakeup_fd = -1;         // non-blocking eventfd that the asker writes after pushing requests
    std::string intent_folder;  // "" keeps intents in memory only (tools and tests)
    BootId boot_id;
    BackendChoice backend = BackendChoice::Auto;
    bool allow_local_filesystem = false;
    Duration open_timeout = std::chrono::seconds{10};
    Duration self_test_timeout = std::chrono::seconds{5};
    Duration late_after =
        std::chrono::seconds{3};  // an operation unanswered for so long makes the datastore late
};

struct DatastoreHealth {
    std::size_t in_flight = 0;
    DatastoreRequestKind oldest_kind = DatastoreRequestKind::ScanSlots;
    Duration oldest_age{};     // of the longest unanswered operation; zero when there is none
    bool late = false;         // oldest_age >= late_after
    bool tainted = false;      // a predecessor's write may still land
    std::uint64_t errors = 0;  // operations that failed
    int last_errno = 0;
    RejectCounters rejects;
};

class Datastore {
  public:
    // Opens in a helper, judges, selects and proves a back-end, reads the superblock and checks
    // that it is this cluster's, then this host's own slot, roster, orders and configuration: what
    // is written later goes where no good record is lost.  A region that cannot be read is looked at
    // again while the loop runs; until then writes to it are answered Failed with EAGAIN.  Blocks
    // at most about open_timeout + 6 * self_test_timeout.  `memory` must outlive the datastore;
    // when the storage hangs, it is abandoned and the next open() needs a new one.  E2BIG: the datastore was
    // formatted for more hosts than `memory` was made for.
    [[nodiscard]] static Result<std::unique_ptr<Datastore>> open(const DatastoreOptions& options,
                                                                 DatastoreMemory& memory);

    // As open(), with a back-end made by the caller (fault injection, tests).  Nothing is read: the
    // first write of every kind goes to `first_copy`, or is refused until both copies have been
    // seen.
    [[nodiscard]] static std::unique_ptr<Datastore> assemble(
        const DatastoreOptions& options,
        DatastoreMemory& memory,
        std::unique_ptr<IoBackend> backend,
        const Superblock& superblock,
        IntentFile intents,
        std::optional<Copy> first_copy = Copy::A);

    Datastore(const Datastore&) = delete;
    Datastore& operator=(const Datastore&) = delete;
    ~Datastore();

    // Takes a request; the I/O starts with the next submit().  Every request but Release is
    // answered once, unless it hangs.
    void push(const DatastoreRequest& request);

    // Everything pushed goes out together, with wait() or reap(); a request with with_next set waits for its companion.
    void submit();

    // Blocks until something finished, wakeup_fd was written or the timeout is over.
    void wait(Duration timeout);

    // Takes finished requests, without waiting; returns how many.
    [[nodiscard]] std::size_t reap(std::span<DatastoreCompletion> completions);

    [[nodiscard]] const Superblock& superblock() const;

    // One sentence: which back-end and why.
    [[nodiscard]] const std::string& backend_reason() const;

    [[nodiscard]] bool tainted() const;
    [[nodiscard]] DatastoreHealth health() const;
    [[nodiscard]] const LatencyHistogram& latency(DatastoreRequestKind kind) const;

    // Requests accepted and not yet given back by reap().
    [[nodiscard]] std::size_t unanswered() const;

  private:
    class Core;
    explicit Datastore(std::unique_ptr<Core> core);

    std::unique_ptr<Core> core_;
};

}  // namespace holdfast
