// RosterTable: the rosters of all other hosts as last read, and the reading of them.
//
// A roster is read from every voting datastore at once; it is known when a copy with at least the announced version was read, and
// thorough when a majority of the voters answered.  What could not be read is unknown: unknown claims, never "no claims".
// Claims of all hosts lie in one pool, chained by host and hashed by VM, so that "who else claims this VM?" costs a hash look-up.
#pragma once

#include <array>
#include <vector>

#include "engine/machine/core.h"
#include "engine/machine/peer_table.h"

namespace holdfast {

class RosterTable {
  public:
    static constexpr std::uint32_t kEnd = 0xffffffffU;

    struct Entry {
        HostId host;
        Claim claim;
        std::uint32_t next_of_host = kEnd;
        std::uint32_t next_in_bucket = kEnd;
    };

    struct Known {
        HostId host;
        bool valid = false;       // a roster was read, and all of it is here
        Version version;          // of it
        Incarnation incarnation;  // who wrote it
        BootId boot_id;
        Capacity capacity;
        std::uint32_t first = kEnd;  // its entries
        std::uint32_t entries_count = 0;
        std::uint32_t wishes_count = 0;  // entries that say that a VM should run and does not
        std::uint64_t held_mib = 0;      // memory of those that hold
        // The reading under way, if any.
        RequestId asked;  // its first request; none: nothing under way
        Instant asked_at = kNotYet;
        std::uint8_t asked_mask = 0;     // bit d: datastore d was asked,
        std::uint8_t answered_mask = 0;  // and answered
        std::uint8_t good_mask = 0;      // bit d: with a roster, or with "never written"
        std::uint8_t overtaken = 0;      // how often it was asked again before it had ended
        RequestId wanted_after;   // somebody needs a thorough reading issued after this request
        RequestId thorough;       // the newest reading that a majority answered well began here
        bool unreadable = false;  // the last reading ended without a majority
    };

    explicit RosterTable(const EngineConfig& config);

    // Another member.  REQUIRES: PeerTable had room for it
    void add(HostId host);

    [[nodiscard]] const Known* find(HostId host) const;

    [[nodiscard]] std::span<const Known> all() const { return known_; }

    // Asks for a thorough reading of `host` issued after this moment.
    void want(const Core& core, HostId host);

    // Whether nobody has wanted a reading since the last issue().
    [[nodiscard]] bool at_rest() const { return !wanted_since_issue_; }

    // `host` may have announced a newer version.
    void look_at(HostId host) { due_.insert(host); }

    // Calls visit(host) for every host whose roster may have to be read.  Of all others the announced one is known.
    template <typename Visit>
    void for_each_due(Visit visit) const {
        due_.for_each(visit);
    }

    // Issues the reads that are wanted or that a newer announced version calls for.
    void issue(Core& core, const PeerTable& peers);

    // Takes an answer in.  True when what is known changed.
    bool take(Core& core, const RosterRead& read);

    // The newest version that `peer` announced, on storage or network.
    [[nodiscard]] static Version announced(const Peer& peer);

    // Whether the roster of `peer` is known as it was announced in its slot.
    [[nodiscard]] bool current(const Peer& peer) const;

    // Whether a thorough reading of `host` began after `request`.
    [[nodiscard]] bool thorough_since(HostId host, RequestId request) const;

    // Calls visit(known, claim) for every entry about `vm` in any other host's roster.
    template <typename Visit>
    void for_each_of_vm(VmId vm, Visit visit) const {
        for (std::uint32_t i = buckets_[bucket_of(vm)]; i != kEnd; i = entries_[i].next_in_bucket) {
            if (entries_[i].claim.spec.vm == vm) visit(*find(entries_[i].host), entries_[i].claim);
        }
    }

    // Calls visit(claim) for every entry of one host's roster.
    template <typename Visit>
    void for_each_of_host(const Known& known, Visit visit) const {
        for (std::uint32_t i = known.first; i != kEnd; i = entries_[i].next_of_host)
            visit(entries_[i].claim);
    }

    // Where entries about `vm` are chained.
    [[nodiscard]] static std::size_t bucket_of(VmId vm);

    [[nodiscard]] std::uint32_t entries_count() const { return entries_count_; }

    // Grows whenever an entry may have moved.
    [[nodiscard]] std::uint64_t changes_count() const { return changes_count_; }

  private:
    void replace(Core& core, Known& known, const Roster& roster);
    void unchain(std::uint32_t index);
    [[nodiscard]] std::uint32_t take_entry();
    void finish(Core& core, Known& known);
    [[nodiscard]] bool settle(Core& core, Known& known, const Peer& peer);
    [[nodiscard]] std::uint8_t free_datastores(const Core& core) const;

    std::vector<Known> known_;
    std::array<std::uint16_t, kHostsMax + 1> index_{};
    std::vector<Entry> entries_;  // grows into the room that is reserved for kClaimsKnownMax
    std::uint32_t free_ = kEnd;   // those that were given back, chained by next_of_host
    std::vector<std::uint32_t> buckets_;
    std::uint32_t entries_count_ = 0;
    std::uint64_t changes_count_ = 0;
    HostSet due_;    // whose roster may have to be read; nobody else's has
    HostSet asked_;  // of whom a reading is under way
    bool wanted_since_issue_ = false;
    std::array<std::uint8_t, kDatastoresMax> reads_in_flight_{};
};

}  // namespace holdfast
