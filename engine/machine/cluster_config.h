// ClusterConfig: what all hosts of a cluster have to agree on, as the engine sees it (design section 6).
// storage/config_format.h is the form on disk, which also carries names and addresses for people and for joining hosts.
//
// A configuration is numbered (leadership epoch, step) and changed by the leader alone, one step at a time.  Number (0, 0) is what
// the configuration file says.
#pragma once

#include <array>
#include <variant>

#include "engine/base/fixed_list.h"
#include "engine/base/fixed_text.h"
#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "engine/machine/slot.h"
#include "engine/machine/timing.h"

namespace holdfast {

// What a datastore is called in every host's configuration file; longer names are cut.
inline constexpr std::size_t kDatastoreNameMax = 48;  // bytes, as in the record on disk

using DatastoreName = FixedText<kDatastoreNameMax>;
using VoterNames = FixedList<DatastoreName, kDatastoresMax>;

struct LinkAddress {
    std::uint8_t family = 0;               // 4 or 6; 0: none on this link
    std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four

    friend bool operator==(const LinkAddress&, const LinkAddress&) = default;
};

// What a host is called and where its beats go.  The engine carries it and makes nothing of it.
struct MemberPlace {
    FixedText<64> name;
    std::array<LinkAddress, kLinksMax> addresses{};

    friend bool operator==(const MemberPlace&, const MemberPlace&) = default;
};

struct ClusterMember {
    HostId host;
    bool out = false;             // neither vouches, stands nor judges
    bool certified_dead = false;  // `counted` and every older incarnation is proved dead
    bool maintenance = false;     // takes no VMs, leads only when nobody else can
    bool joining = false;  // listed while the cluster runs, and perhaps not by everybody yet: out
    bool removed = false;  // out for good, until it is added again
    Incarnation counted;   // whose voice counts; none: of the file, nobody's yet
    MemberPlace place;     // empty: what the hosts' files say

    // Whether it may lead or start anything at all.
    [[nodiscard]] bool belongs() const { return !joining && !removed; }

    friend bool operator==(const ClusterMember&, const ClusterMember&) = default;
};

struct ClusterConfig {
    ConfigNumber number;
    Timing timing;  // what everybody goes by
    Timing
        timing_next;  // where a change of timing leads to; the same as `timing` when none is under way
    Duration blackout_limit{};  // how long vouching may carry leases while a member is out
    bool accept_weak_watchdog = false;
    VoterNames voters;
    // The last record that was made without a majority of the list before, which is lost; (0, 0): none was.
    ConfigNumber list_lost;
    FixedList<ClusterMember, kHostsMax> members;  // ascending by host

    [[nodiscard]] const ClusterMember* find(HostId host) const {
        for (const ClusterMember& member : members) {
            if (member.host == host) return &member;
        }
        return nullptr;
    }

    [[nodiscard]] ClusterMember* find(HostId host) {
        for (ClusterMember& member : members) {
            if (member.host == host) return &member;
        }
        return nullptr;
    }

    // Whether `host` is a member whose voice counts.
    [[nodiscard]] bool counts(HostId host) const {
        const ClusterMember* member = find(host);
        return member != nullptr && !member->out;
    }

    [[nodiscard]] bool anybody_out() const {
        for (const ClusterMember& member : members) {
            if (member.out && !member.removed) return true;
        }
        return false;
    }

    friend bool operator==(const ClusterConfig&, const ClusterConfig&) = default;
};

// A record with who wrote it, as it lies in that host's region.
struct ConfigCopy {
    HostId writer;
    Incarnation incarnation;  // of the writer
    Version version;          // grows with each rewrite of the writer's region
    ClusterConfig config;

    friend bool operator==(const ConfigCopy&, const ConfigCopy&) = default;
};

// What a host knows of its membership for the rest of its boot, also when no datastore answers its next agent.
struct KeptMembership {
    ClusterConfig config;
    Duration lease{};       // the longest that this host may still live by, see timing_stage.h
    bool in_force = false;  // it was adopted, see membership.h
    bool entitled = false;  // not barred
    Instant renewed_at =
        kNotYet;  // vouching carries the lease, and nothing else since; kNotYet: not so

    friend bool operator==(const KeptMembership&, const KeptMembership&) = default;
};

// ---- what a person may ask the leader to change

struct TimingChange {
    Timing timing;
};

// One datastore begins to vote, or ceases to.
struct DatastoreChange {
    DatastoreName name;
    bool retire = false;
    // With it every voter that does not answer this host: a person says that no host will ever use them again.  To be asked
    // of any host, as nobody leads.
    bool without_majority = false;
};

struct MaintenanceChange {
    HostId host;
    bool on = false;
};

// A host becomes a member, or ceases to be one.
struct MemberChange {
    HostId host;
    bool remove = false;
    MemberPlace place;  // of one that is added
};

using ConfigChange = std::variant<TimingChange, DatastoreChange, MaintenanceChange, MemberChange>;

enum class ChangeVerdict : std::uint8_t {
    Done = 1,       // a configuration with the change is in force, under `number`
    NotLeading,     // ask `leader`; none: nobody leads
    Unsafe,         // is_safe() refuses the timing
    UnknownName,    // no such host or datastore here
    NothingToDo,    // it is so already
    Busy,           // another change is under way; ask again
    LastVoter,      // the only voting datastore cannot be retired
    TooMany,        // kVotersMax datastores vote already
    NotReached,     // no quorum of hosts has written and read that datastore
    OfficeEnded,    // the office ended before the change was in force: it may or may not come
    LastHost,       // somebody has to stay who is not in maintenance
    Unsettled,      // VMs of a host that is not alive are known from its roster alone
    MajorityLives,  // a majority of the datastores answers, or the one that is named
    NotOver,        // the newest life of that host is neither shut down nor proved dead
};

}  // namespace holdfast
