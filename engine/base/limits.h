// Every limit of the system, with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast {

inline constexpr std::size_t kHostsMax = 1024;  // slots of one datastore; ids are 1..kHostsMax
inline constexpr std::size_t kJoinersMax =
    16;  // hosts that an agent learns of while it runs; then it wants a restart
inline constexpr std::size_t kDatastoresMax = 6;       // five that vote and one spare
inline constexpr std::size_t kVotersMax = 5;           // more would cost writes and win nothing
inline constexpr std::size_t kLinksMax = 4;            // network links of one host
inline constexpr std::size_t kRosterEntriesMax = 738;  // (128 KiB - 1 KiB header) / 176 B
inline constexpr std::size_t kVmDatastoresMax = 32;    // bits in a claim's mask
inline constexpr std::size_t kOrdersMax = 698;         // (128 KiB - 8 KiB header) / 176 B
inline constexpr std::size_t kMarksMax =
    16;  // certificates and pills that fit a slot's first sector
inline constexpr std::size_t kCertificatesMax = 60;  // with their evidence, in the orders header
inline constexpr std::size_t kVmNetworksMax = 4;     // of one VM that placement looks at
inline constexpr std::size_t kHostNetworksMax = 64;  // of one host; with more, none is known
inline constexpr std::size_t kVmNameMax = 48;  // bytes of a VM's name kept in rosters, for people
inline constexpr std::size_t kAfterMax = 4;    // VMs that one VM's start may wait for
inline constexpr std::size_t kClaimsKnownMax = 16384;  // all rosters of a cluster together
inline constexpr std::size_t kActionsMax = 4096;       // of one step; see action.h
// Of those, kept free of lines of trace: a beat and a fence call for every host, a stop and a start for every VM of this one, and
// what goes to the datastores.
inline constexpr std::size_t kActionsKept = 2 * kHostsMax + 2 * kRosterEntriesMax + 128;

}  // namespace holdfast
