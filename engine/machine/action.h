// Action: everything that the engine can ask for.
//
// The executor carries actions out in order, before the next step.  References that an action implies
// (Engine::own_slot(), own_roster(), own_orders(), own_config()) are valid until the next step: it encodes them at once.
// Per datastore the engine has at most one slot write, one roster write, one orders write, one configuration write, two slot scans and eight
// region reads unanswered; a datastore loop can size its rings by that.
#pragma once

#include <variant>

#include "engine/base/fixed_list.h"
#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "engine/machine/beat.h"
#include "engine/machine/cluster_config.h"
#include "engine/machine/roster.h"
#include "engine/machine/trace.h"

namespace holdfast {

inline constexpr std::size_t kSlotScansInFlightMax = 2;
inline constexpr std::size_t kRegionReadsInFlightMax = 8;

// Write Engine::own_slot() to this host's slot, not over the newest copy known good there; answered by SlotWritten.
struct WriteSlot {
    DatastoreIndex datastore = 0;
    RequestId request;
};

// Read the slots of hosts first..last in one read; answered by SlotsRead.  When a WriteSlot for the same datastore
// stands directly before it, the two go out in one submission, unordered.
struct ScanSlots {
    DatastoreIndex datastore = 0;
    RequestId request;
    HostId first;
    HostId last;
};

// Write Engine::own_roster() to this host's roster, not over the newest copy known good there; answered by RosterWritten.
struct WriteRoster {
    DatastoreIndex datastore = 0;
    RequestId request;
};

// Answered by RosterRead: of the two copies the valid one with the higher version.
struct ReadRoster {
    DatastoreIndex datastore = 0;
    RequestId request;
    HostId host;
};

// Write Engine::own_orders(); answered by OrdersWritten.
struct WriteOrders {
    DatastoreIndex datastore = 0;
    RequestId request;
};

// Answered by OrdersRead.
struct ReadOrders {
    DatastoreIndex datastore = 0;
    RequestId request;
    HostId host;
};

// Write Engine::own_config(); answered by ConfigWritten.
struct WriteConfig {
    DatastoreIndex datastore = 0;
    RequestId request;
};

// Answered by ConfigRead.
struct ReadConfig {
    DatastoreIndex datastore = 0;
    RequestId request;
    HostId host;
};

// Make Engine::kept() survive a restart of the agent within this boot; answered by MembershipKept.  Only the newest serial counts.
struct KeepMembership {
    std::uint64_t serial = 0;
};

// The answer to ConfigChangeAsked.
struct AnswerChange {
    std::uint64_t token = 0;
    ChangeVerdict verdict = ChangeVerdict::NotLeading;
    HostId leader;        // with NotLeading: whom to ask
    ConfigNumber number;  // with Done
};

// Send to every address of beat.to; lost ones are not an error.
struct SendBeat {
    Beat beat;
};

// Make `incarnation` survive a restart of the agent within this boot; answered by IncarnationPersisted.
struct PersistIncarnation {
    Incarnation incarnation;
};

// Ask the keeper to feed only while the deadline lies ahead; acknowledged by KeeperReport.arming >= arming.
struct ArmKeeper {
    std::uint64_t arming = 0;
    Instant deadline;
};

// Move the deadline of an armed keeper.
struct MoveDeadline {
    Instant deadline;
};

// No claim is left: the keeper feeds without a deadline again.
struct DisarmKeeper {};

// Create the VM paused, from the named XML (defining it where libvirt does not know it or knows another version).  Dropped with
// VmStarted{Lease} when the executor's clock has passed valid_until.
struct StartVm {
    VmSpec spec;
    ClaimNumber claim;
    Instant valid_until;
};

// Let a VM that was created paused run.  Dropped with VmResumed{Lease} when the executor's clock has passed valid_until.
struct ResumeVm {
    VmId vm;
    ClaimNumber claim;
    Instant valid_until;
};

// Destroy the VM and prove it gone; answered by VmGone, possibly much later.  For a VM that does not run: answered by the proof
// alone.
struct DestroyVm {
    VmId vm;
};

// Ask the VM's guest to shut down; destroy it when it still runs after `limit`.  Answered by VmGone as DestroyVm is, and
// overtaken by a DestroyVm of the same VM.
struct ShutdownVm {
    VmId vm;
    Duration limit{};
};

// Reset this host now (sysrq-b), never by an orderly reboot.
struct ResetHost {};

enum class FenceTask : std::uint8_t {
    Prepare =
        1,  // ask the device for `status` alone, so that one that does not answer is known in time
    Off,    // `off`, and then `status`, whatever `off` said
};

// Use the fence device of another host; answered by FenceAnswered.  One at a time for each host.  Dropped with
// FenceReply::NotRun when the executor's clock has passed valid_until: only the leader fences.
struct FenceHost {
    HostId host;
    FenceTask task = FenceTask::Prepare;
    RequestId request;
    Instant valid_until;
};

enum class ConfirmVerdict : std::uint8_t {
    Accepted = 1,  // certified dead once `landing` is over
    NotLeader,     // only the leader certifies; `other` leads, if anybody does
    ShowsLife,     // it was heard of too lately: it must be silent for another `wait`
    Changed,       // another incarnation is the newest by now
    AlreadyDead,   // certified before
    UnknownHost,   // no other member, or never heard of
};

// The answer to ConfirmDead.
struct AnswerConfirm {
    std::uint64_t token = 0;
    HostId host;
    ConfirmVerdict verdict = ConfirmVerdict::NotLeader;
    HostId other;
    Incarnation incarnation;  // the newest known
    Duration wait{};          // with ShowsLife: how long it must stay silent from now on
};

enum class StartVerdict : std::uint8_t {
    Allowed = 1,
    NoLease,        // this host does not hold its lease
    RunsElsewhere,  // `other` claims the VM
    Unreadable,     // the roster of `other` cannot be read
    Busy,           // a start or stop of this VM is under way
    Stopping,       // the agent is being stopped
    Isolated,       // this host is isolated and would stop the VM at once
    Maintenance,    // this host is in maintenance
    NotHandedOver,  // a migration: no host that runs the VM has named this one
};

struct AnswerStart {
    std::uint64_t token = 0;
    VmId vm;
    StartVerdict verdict = StartVerdict::NoLease;
    HostId other;
    std::uint32_t arrival = 0;  // a migration that is let in: comes back in StartAsked of its QEMU
};

// A host that may not be in this host's file is listed by the record: beats go where kept() says.
struct MemberListed {
    HostId host;
};

// Everything that had to be written before the agent may exit is on a majority.
struct ShutdownReady {};

// One line of trace; see trace.h.
struct TraceLine {
    Trace trace;
};

using Action = std::variant<WriteSlot,
                            ScanSlots,
                            WriteRoster,
                            ReadRoster,
                            WriteOrders,
                            ReadOrders,
                            WriteConfig,
                            ReadConfig,
                            KeepMembership,
                            AnswerChange,
                            SendBeat,
                            PersistIncarnation,
                            ArmKeeper,
                            MoveDeadline,
                            DisarmKeeper,
                            StartVm,
                            ResumeVm,
                            DestroyVm,
                            ShutdownVm,
                            ResetHost,
                            AnswerStart,
                            FenceHost,
                            AnswerConfirm,
                            MemberListed,
                            ShutdownReady,
                            TraceLine>;

using Actions = FixedList<Action, kActionsMax>;

}  // namespace holdfast
