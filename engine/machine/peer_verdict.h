// The judgement of one host about another, as a table (design section 7).
//
// The leader judges each host from facts alone.  Every combination of facts matches exactly one row; the unit test tries
// them all.
#pragma once

#include <array>
#include <cstdint>

#include "engine/machine/fact.h"

namespace holdfast {

enum class PeerVerdict : std::uint8_t {
    Unknown = 1,  // we are blind, or never had a sign of it
    Alive,        // beats on the network and on storage
    StorageLost,  // beats on the network only
    Isolated,     // beats on storage only, and says that it hears nobody
    Partitioned,  // beats on storage only
    Silent,       // no beat anywhere, not yet proved dead
    Dead,         // proved: its VMs may be started elsewhere
};

struct PeerFacts {
    bool own_storage_ok = false;  // we read a majority of the voting datastores
    bool net_fresh = false;       // its last beat on the network is younger than `silent`
    bool slot_newer = false;      // its slot moved within `silent`
    bool says_isolated = false;   // the flag in its slot
    bool proved_dead = false;     // certified, for the incarnation last seen
};

struct PeerRow {
    const char* label;
    Fact own_storage_ok;
    Fact net_fresh;
    Fact slot_newer;
    Fact says_isolated;
    Fact proved_dead;
    PeerVerdict verdict;
};

inline constexpr std::size_t kPeerRowsCount = 7;
extern const std::array<PeerRow, kPeerRowsCount> kPeerTable;

[[nodiscard]] bool matches(const PeerRow& row, const PeerFacts& facts);

// The one row that matches.  Checks that exactly one does.
[[nodiscard]] const PeerRow& judge_peer(const PeerFacts& facts);

// "alive", "storage lost", ...; never null.
[[nodiscard]] const char* to_string(PeerVerdict verdict);

}  // namespace holdfast
