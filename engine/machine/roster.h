// A roster, decoded: one host's list of the VMs that it runs, is about to run, wants to see running or saw
// stopped on purpose.  storage/roster_format.h is the form on disk.
#pragma once

#include <algorithm>
#include <array>

#include "engine/base/fixed_list.h"
#include "engine/base/fixed_text.h"
#include "engine/base/limits.h"
#include "engine/base/mutant.h"
#include "engine/base/types.h"

namespace holdfast {

// Where a VM's compressed domain XML lies: in the heap of `host`, addressed by its checksum.
struct XmlRef {
    HostId host;
    std::uint32_t offset_bytes = 0;  // in that host's heap
    std::uint32_t length_bytes = 0;  // compressed
    std::uint32_t raw_bytes = 0;     // uncompressed
    std::uint32_t crc32c = 0;        // of the compressed bytes

    [[nodiscard]] bool is_none() const { return host.is_none(); }

    friend bool operator==(const XmlRef&, const XmlRef&) = default;
};

// A VM's name, cut to what fits; for people only, VmId is the identity.
using VmName = FixedText<kVmNameMax>;

enum class Priority : std::uint8_t { Disabled = 1, Lowest, Low, Medium, High, Highest };

// What an isolated host does with a VM (design section 7).
enum class IsolationResponse : std::uint8_t {
    Cluster = 0,  // the VM says nothing: what the cluster's configuration says
    Leave = 1,    // it runs on
    Shutdown,     // its guest is asked to shut down, and destroyed when it has not after a limit
    PowerOff,     // it is destroyed
};

// Whether a VM's guest talks to its host, through the guest agent.
enum class GuestAgent : std::uint8_t {
    None = 0,  // it has no channel for one
    Awaited,   // nothing has come through it in this run
    Up,
};

// What a VM's own policy says of other VMs.  Names and groups are name_hash()es; 0 stands for none.
struct VmRelations {
    std::uint32_t name = 0;      // of this VM's whole name
    std::uint32_t apart = 0;     // never on one host with another of this group
    std::uint32_t together = 0;  // on one host with others of this group, where there is room
    std::array<std::uint32_t, kAfterMax> after{};  // starts after these run,
    std::uint16_t after_delay_seconds = 0;         // and so much later
    std::uint8_t after_agent = 0;  // bit i: after[i] runs only once its guest agent is up

    friend bool operator==(const VmRelations&, const VmRelations&) = default;
};

// What placement and restart need to know of a VM.
struct VmSpec {
    VmId vm;
    VmName name;
    std::uint32_t memory_mib = 0;
    std::uint16_t cpus = 0;
    Priority priority = Priority::Medium;
    std::uint32_t datastores = 0;  // bit i: needs the i-th VM datastore of the configuration
    XmlRef xml;
    IsolationResponse isolation = IsolationResponse::Cluster;
    VmRelations relations;
    std::array<std::uint32_t, kVmNetworksMax> networks{};  // hashes; 0: none
    GuestAgent agent = GuestAgent::None;

    friend bool operator==(const VmSpec&, const VmSpec&) = default;
};

enum class ClaimState : std::uint8_t {
    Starting = 1,    // claimed: this incarnation may be starting it
    Running = 2,     // claimed: this incarnation runs it
    WantsStart = 3,  // not claimed: it should run, and this host does not run it
    Stopped = 4,     // not claimed: stopped on purpose
    Failed = 5,      // not claimed: this host was ordered to start it and could not
    Stopping = 6,    // claimed: this incarnation stops it so that another host can run it
    Arriving = 7,    // claimed: a live migration may bring it to this incarnation; see migration.cc
};

// Why a start did not happen, for the leader's next try and for people.
enum class StartFailure : std::uint8_t {
    None = 0,
    Libvirt = 1,     // libvirt said no, or did not answer in time
    Xml = 2,         // the domain XML could not be read or did not match its checksum
    Conflict = 3,    // another host claims the VM
    Unreadable = 4,  // a roster could not be read, so its claims are unknown
    Superseded = 5,  // the epoch moved on, or the order names another host now
    NoRoom = 6,      // roster full
    Lease = 7,       // the lease ended before the VM was resumed
};

struct Claim {
    VmSpec spec;
    ClaimNumber number;  // greater than every one seen for this VM
    ClaimState state = ClaimState::WantsStart;
    StartFailure failure = StartFailure::None;  // with Failed
    Epoch order_epoch;  // the order that this claim executes or executed; none: no order
    OrderNumber order_number;
    // The host that may have the VM by a live migration, and the low half of that host's claim number; none: it stays here.
    HostId target;
    std::uint32_t target_number = 0;

    // Whether this entry says that its owner runs or may be about to run the VM.
    [[nodiscard]] bool holds() const {
        return state == ClaimState::Starting || state == ClaimState::Running ||
               state == ClaimState::Stopping || state == ClaimState::Arriving;
    }

    // Whether it says that the VM should run, and that its owner does not run it.
    [[nodiscard]] bool is_wish() const {
        return state == ClaimState::WantsStart || state == ClaimState::Failed;
    }

    // Whether it says that people stopped the VM after `wish`, the number of an entry that wants it to run, was taken.  A stop and
    // a claim that did not see each other may take one number; no stopped VM rises, so that is a stop as well.
    [[nodiscard]] bool stops(ClaimNumber wish) const {
        return state == ClaimState::Stopped &&
               (number > wish || (number == wish && !planted(Mutant::WishOverrulesStop)));
    }

    friend bool operator==(const Claim&, const Claim&) = default;
};

// The networks that a VM can find on a host.  What is not known is no hindrance.
struct HostNetworks {
    bool known = false;
    FixedList<std::uint32_t, kHostNetworksMax> hashes;  // ascending

    // Whether a VM that needs `networks` lacks none.
    [[nodiscard]] bool satisfy(const std::array<std::uint32_t, kVmNetworksMax>& networks) const {
        return !known || std::all_of(networks.begin(), networks.end(), [this](std::uint32_t one) {
            return one == 0 || std::binary_search(hashes.begin(), hashes.end(), one);
        });
    }

    friend bool operator==(const HostNetworks&, const HostNetworks&) = default;
};

// What a host can carry, for placement.
struct Capacity {
    std::uint32_t memory_mib = 0;  // for VMs, in all
    std::uint16_t cpus = 0;
    std::uint32_t datastores = 0;  // bit i: reaches the i-th VM datastore of the configuration
    HostNetworks networks{};

    friend bool operator==(const Capacity&, const Capacity&) = default;
};

struct Roster {
    HostId host;
    Incarnation incarnation;  // whose claims these are
    BootId boot_id;
    Version version;  // grows with each rewrite, also across incarnations
    Capacity capacity;
    FixedList<Claim, kRosterEntriesMax> claims;

    friend bool operator==(const Roster&, const Roster&) = default;
};

}  // namespace holdfast
