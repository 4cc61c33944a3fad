// Event: everything that the engine can learn, and the only way for time to enter it.
//
// `now` of an event is read by the caller when it takes the event in hand, so it is never earlier than what the
// event reports.  The engine counts leases from the `now` at which it *issued* an action, and evidence from the
// `now` at which an event reported it: both err against the host that does the counting.
#pragma once

#include <span>
#include <variant>

#include "engine/base/types.h"
#include "engine/machine/beat.h"
#include "engine/machine/cluster_config.h"
#include "engine/machine/orders.h"
#include "engine/machine/roster.h"
#include "engine/machine/slot.h"

namespace holdfast {

enum class IoStatus : std::uint8_t {
    Done = 1,    // the whole block, as asked
    Failed = 2,  // an error, or fewer bytes; the datastore says nothing about what is on the medium
};

// Nothing but the time.  Due at Engine::next_wakeup(), and harmless at any other time.
struct Tick {};

// ---- datastores (one answer for each request of action.h; hung I/O simply never answers)

struct SlotWritten {
    DatastoreIndex datastore = 0;
    RequestId request;
    IoStatus status = IoStatus::Failed;
};

// slots[i] is host first + i.  The span is valid during step() only; it is empty when status is Failed.
struct SlotsRead {
    DatastoreIndex datastore = 0;
    RequestId request;
    IoStatus status = IoStatus::Failed;
    HostId first;
    std::span<const SlotView> slots;
};

struct RosterWritten {
    DatastoreIndex datastore = 0;
    RequestId request;
    IoStatus status = IoStatus::Failed;
};

// What one read of a roster or an orders region gave.
enum class RegionReading : std::uint8_t {
    Valid,      // decoded
    Unwritten,  // both copies all zero: this host never wrote here
    Unusable,   // I/O failed, torn, damaged or foreign: unknown claims, never "no claims"
};

// The pointer is valid during step() only, and null unless reading is Valid.
struct RosterRead {
    DatastoreIndex datastore = 0;
    RequestId request;
    HostId host;
    RegionReading reading = RegionReading::Unusable;
    const Roster* roster = nullptr;
};

struct OrdersWritten {
    DatastoreIndex datastore = 0;
    RequestId request;
    IoStatus status = IoStatus::Failed;
};

struct OrdersRead {
    DatastoreIndex datastore = 0;
    RequestId request;
    HostId host;
    RegionReading reading = RegionReading::Unusable;
    const Orders* orders = nullptr;
};

struct ConfigWritten {
    DatastoreIndex datastore = 0;
    RequestId request;
    IoStatus status = IoStatus::Failed;
};

struct ConfigRead {
    DatastoreIndex datastore = 0;
    RequestId request;
    HostId host;
    RegionReading reading = RegionReading::Unusable;
    const ConfigCopy* config = nullptr;
};

// ---- network

// An authenticated beat that passed the replay window, addressed to this host.
struct BeatReceived {
    Beat beat;
    std::uint8_t link = 0;
};

// A round of asking the isolation addresses has ended, or one of them has just answered.  Sent while no beat arrives, at least
// once an interval; not at all when the addresses cannot be asked.
struct ProbeReport {
    bool answered = false;  // by any of them
};

// ---- this host

// The answer to PersistIncarnation: the incarnation now survives a restart of the agent.
struct IncarnationPersisted {
    Incarnation incarnation;
};

// The answer to KeepMembership: the membership of that serial, or a newer one, survives a restart of the agent.
struct MembershipKept {
    std::uint64_t serial = 0;
};

// A person asks the leader to change the cluster's configuration; answered by AnswerChange.
struct ConfigChangeAsked {
    std::uint64_t token = 0;
    ConfigChange change;
};

// What the keeper's page says, whenever it changed.
struct KeeperReport {
    std::uint64_t arming = 0;  // the highest ArmKeeper that the keeper acknowledged; 0: not armed
    Duration watchdog{};       // the device's real timeout
    WatchdogClass watchdog_class = WatchdogClass::None;
};

// ---- VMs (from holdfast-vm)

enum class VmRunState : std::uint8_t {
    Off = 1,      // defined, no QEMU
    Paused = 2,   // has a QEMU that never ran since this start: half-started
    Running = 3,  // has a QEMU that runs, or ran and was paused by somebody
    // Has a QEMU that libvirt holds: being launched, waiting for what a live migration brings, or handed over by one.
    Moving = 4,
    PostCopy =
        5,  // has a QEMU that a live migration left behind and whose memory the target still needs
};

// A protected VM as libvirt shows it; sent for every one after (re)connecting and whenever one changes.  The XML
// named in `spec` is already on a majority of the voting datastores.  A bystander is a VM with a QEMU that libvirt shows as not
// protected, such as one that a migration has not defined yet: it matters only when this host claims it, and its spec tells no more
// than id and name.
struct VmSeen {
    VmSpec spec;
    VmRunState state = VmRunState::Off;
    bool bystander = false;
};

// Every protected VM of this host has been reported by VmSeen since the last (re)connection.
struct VmListComplete {};

enum class StopCause : std::uint8_t {
    Crashed = 1,   // QEMU ended by itself: to be restarted
    ByUser = 2,    // guest shutdown, virsh shutdown or destroy, managed save: stopped on purpose
    Migrated = 3,  // it runs on another host now
};

// A VM's QEMU is gone and none of its I/O is in flight.
struct VmStopped {
    VmId vm;
    StopCause cause = StopCause::Crashed;
};

// The answer to StartVm: created paused, or not.
struct VmStarted {
    VmId vm;
    ClaimNumber claim;
    StartFailure failure = StartFailure::None;
};

// The answer to ResumeVm.
struct VmResumed {
    VmId vm;
    ClaimNumber claim;
    StartFailure failure = StartFailure::None;
};

// The proof that a VM is gone from this host (design: "The proof that a VM is gone"): no QEMU of its lives, no call to
// libvirt that could start one is unanswered, no I/O of its disks is in flight.
struct VmGone {
    VmId vm;
};

// A person, libvirt's autostart or another tool wants to start a protected VM here; the qemu hook waits.
struct StartAsked {
    std::uint64_t token = 0;  // comes back in AnswerStart
    VmSpec spec;              // of a VM that is not known here: id and name
    bool incoming = false;    // no start: a live migration is about to bring it
    std::uint32_t arrival =
        0;  // the start of that QEMU, as AnswerStart numbered it; 0: any other start
};

// ---- proofs from outside

// How one call of a fence device's program ended.
enum class FenceReply : std::uint8_t {
    Ok = 1,    // it returned 0; says nothing about the power
    Failed,    // it returned something else, or could not be run
    NoAnswer,  // it did not end in time and was killed
    NotRun,    // it was not run at all
};

enum class PowerState : std::uint8_t { Unknown = 1, On, Off };

// The answer to FenceHost.  The engine judges it: nothing but Off proves anything.
struct FenceAnswered {
    HostId host;
    RequestId request;
    FenceReply off = FenceReply::NotRun;     // how `off` ended
    PowerState power = PowerState::Unknown;  // what `status` said, asked after `off` had ended
};

// A person typed that this incarnation of the host is dead; answered by AnswerConfirm.
struct ConfirmDead {
    std::uint64_t token = 0;
    HostId host;
    Incarnation incarnation;  // as the person saw it
};

// This host's capacity, whenever it changed.
struct CapacityReport {
    Capacity capacity;
};

// The agent is told to go: leave the VMs running (upgrade), or say goodbye because the host shuts down.
struct ShutdownAsked {
    bool host_goes_down = false;
};

struct Event {
    Instant now;
    std::variant<Tick,
                 SlotWritten,
                 SlotsRead,
                 RosterWritten,
                 RosterRead,
                 OrdersWritten,
                 OrdersRead,
                 ConfigWritten,
                 ConfigRead,
                 BeatReceived,
                 ProbeReport,
                 IncarnationPersisted,
                 MembershipKept,
                 ConfigChangeAsked,
                 KeeperReport,
                 VmSeen,
                 VmListComplete,
                 VmStopped,
                 VmStarted,
                 VmResumed,
                 VmGone,
                 StartAsked,
                 CapacityReport,
                 ShutdownAsked,
                 FenceAnswered,
                 ConfirmDead>
        body;
};

}  // namespace holdfast
