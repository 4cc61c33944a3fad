// What a host says of itself in its slot, decoded.  storage/slot_format.h is the form on disk.
#pragma once

#include "engine/base/fixed_list.h"
#include "engine/base/host_set.h"
#include "engine/base/limits.h"
#include "engine/base/types.h"

namespace holdfast {

// The part of a slot that takes part in deciding an epoch's leader: one Disk Paxos block
// (Gafni and Lamport, "Disk Paxos", 2003, section 3: dblock).
struct Ballot {
    Epoch epoch;        // the instance that this block belongs to; lower ones count as empty
    BallotNumber mbal;  // the highest ballot that this host has entered
    BallotNumber bal;   // the highest ballot in which it accepted `value`; none before phase 2
    HostKey value;      // who should lead

    friend bool operator==(const Ballot&, const Ballot&) = default;
};

enum class MarkKind : std::uint8_t { Certificate = 1, Pill = 2 };

// From the leader only: this incarnation of this host, and every older one, is dead (certificate) or must
// fence itself (pill).
struct Mark {
    HostKey who;
    MarkKind kind = MarkKind::Certificate;

    friend bool operator==(const Mark&, const Mark&) = default;
};

// Numbered (leadership epoch, step); the higher one counts.
struct ConfigNumber {
    Epoch epoch;
    std::uint64_t step = 0;

    friend constexpr auto operator<=>(const ConfigNumber&, const ConfigNumber&) = default;
};

struct SlotFlags {
    bool armed = false;           // the keeper feeds against a deadline
    bool maintenance = false;     // takes no VMs, leads only when nobody else can
    bool no_vms = false;          // holds no claim
    bool isolated = false;        // hears no host and no isolation address
    bool clean_shutdown = false;  // this incarnation is over and never claims again
    bool barred = false;          // may neither stand, judge nor vouch yet
    bool partitioned = false;     // hears not the leader, but somebody or an isolation address
    bool provisional = false;  // its incarnation may not be on a majority: see learn_provisional()

    friend bool operator==(const SlotFlags&, const SlotFlags&) = default;
};

struct SlotRecord {
    HostId host;
    Uuid host_uuid;
    BootId boot_id;
    Incarnation incarnation;
    Sequence sequence;
    Duration lease{};     // promises of this host: its lease,
    Duration watchdog{};  // its watchdog's timeout as read back,
    Duration interval{};  // and how often it beats
    WatchdogClass watchdog_class = WatchdogClass::None;
    SlotFlags flags;
    std::uint32_t storage_lost_mask = 0;  // bit d: this host cannot use datastore d
    Ballot ballot;
    Epoch decided_epoch;  // the highest epoch whose winner this host knows
    HostKey winner;
    Epoch resigned_epoch;  // the highest epoch that this host, as its winner, gave up
    ConfigNumber config;
    Version roster_version;
    Version orders_version;
    FixedList<Mark, kMarksMax> marks;
    HostSet heard;  // fresh on the network; shown to people, no proof of anything

    friend bool operator==(const SlotRecord&, const SlotRecord&) = default;
};

// What one read of one slot gave.
enum class SlotReading : std::uint8_t {
    Valid,      // `record` is the newer of the valid copies
    Unwritten,  // both copies are all zero: this host never wrote here
    Unusable,   // no copy can be trusted: no information, neither dead nor empty
};

struct SlotView {
    SlotReading reading = SlotReading::Unusable;
    SlotRecord record;  // only with Valid
};

}  // namespace holdfast
