// XmlStore: puts the domain XML of this host's VMs into its heap on every heartbeat datastore, and reads other hosts' XML from there.
//
// A blob counts as stored when a majority of the voting datastores wrote it; the others go on being tried.  XML that has not
// changed is not written again.  Nothing is placed before the own roster is known, so that what it names is never overwritten.
//
// Belongs to the VM link's thread.  Never blocks; may allocate.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/daemon/datastore_loop.h"
#include "engine/base/types.h"
#include "engine/machine/roster.h"
#include "storage/xml_heap.h"

namespace holdfast {

class XmlStore {
  public:
    struct Outlet {
        DatastorePort* port = nullptr;
        const Wakeup* wakeup = nullptr;
        std::function<DatastoreLoopFacts()> facts;
    };

    struct Stored {
        VmId vm;
        XmlRef ref;
    };

    struct Problem {
        VmId vm;
        std::string text;
    };

    // The end of a read: the compressed bytes, or why there are none.
    struct Fetched {
        std::uint64_t ticket = 0;
        std::vector<std::uint8_t> xml;  // empty: failed
        std::string problem;
    };

    XmlStore(HostId self, std::uint8_t voters_count, std::vector<Outlet> outlets);

    // What the own roster names (BlobNamed, RosterKnown, RosterCommitted).
    void blob_named(VmId vm, const XmlRef& ref);
    void roster_known();
    void roster_committed();

    // Wants this XML stored; `ref` tells its length, raw size and checksum.  Ends in one Stored, possibly at once, or in any number of
    // Problems before it.  A later call for the same VM replaces this one.
    void store(VmId vm, const XmlRef& ref, std::vector<std::uint8_t> xml);

    // Reads a blob of any host.  Ends in one Fetched with this ticket.
    [[nodiscard]] std::uint64_t fetch(const XmlRef& ref, Instant give_up_at);

    // Takes completions in, starts what can be started.  To be called when woken, and every so often.
    void poll(Instant now);

    [[nodiscard]] std::optional<Stored> take_stored();
    [[nodiscard]] std::optional<Problem> take_problem();

    // A VM whose blob the own roster named and names no longer, so that its place may be used again: store it anew if it still matters.
    [[nodiscard]] std::optional<VmId> take_dropped();
    [[nodiscard]] std::optional<Fetched> take_fetched();

    // Something waits for a time rather than a completion.
    [[nodiscard]] bool busy() const {
        return !jobs_.empty() || !wanted_.empty() || !reads_.empty();
    }

  private:
    struct Wanted {
        XmlRef ref;  // host none: not placed yet
        std::vector<std::uint8_t> xml;
        bool problem_said = false;
    };

    struct Job {
        VmId vm;
        XmlRef ref;
        std::uint32_t done = 0;  // bit d: on datastore d
        bool reported = false;
        std::vector<Instant> retry_at;
    };

    struct Read {
        std::uint64_t ticket = 0;
        XmlRef ref;
        Instant give_up_at;
        Instant next_at{};  // when this datastore has had its time
        std::size_t next_datastore = 0;
        std::string problem;
    };

    void place_wanted();
    void start_writes(Instant now);
    void start_reads(Instant now);
    void take_completion(Instant now, std::size_t datastore, const DatastoreCompletion& completion);
    void finish_read(std::uint64_t request,
                     const DatastoreCompletion& completion,
                     std::size_t datastore);
    [[nodiscard]] bool have_heap();
    void report(Job& job);

    HostId self_;
    std::uint8_t voters_count_;
    std::vector<Outlet> outlets_;
    std::optional<XmlHeap> heap_;
    std::uint64_t heap_bytes_ = 0;
    bool roster_known_ = false;
    std::map<VmId, XmlRef> named_;   // by the own roster at the start
    std::vector<XmlRef> naming_;     // being listed for RosterCommitted
    std::map<VmId, Wanted> wanted_;  // not placed yet
    std::deque<Job> jobs_;           // placed, not on every datastore yet

    struct StoredRef {
        XmlRef ref;
        bool named = false;  // by a committed roster
    };

    std::map<VmId, StoredRef> stored_refs_;  // the newest reported
    std::deque<VmId> dropped_;
    std::vector<std::optional<std::pair<VmId, XmlRef>>> writing_;  // per datastore
    std::map<std::uint64_t, Read> reads_;                          // by ticket
    std::map<std::uint64_t, std::uint64_t> asked_;                 // request -> ticket
    std::uint64_t next_number_ = 1;
    std::deque<Stored> stored_;
    std::deque<Problem> problems_;
    std::deque<Fetched> fetched_;
};

}  // namespace holdfast
