// Trace: what the engine decided and on which numbers, as fixed-size values.  The same lines are the log, the golden tests,
// `holdfast events`, `holdfast replay` and `holdfast why`; their text is an interface.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/types.h"
#include "engine/machine/orders.h"
#include "engine/machine/peer_verdict.h"
#include "engine/machine/roster.h"

namespace holdfast {

enum class TraceCode : std::uint8_t {
    PhaseChanged = 1,    // a = HostPhase before, b = after
    IncarnationTaken,    // who = self
    LeaseLapsed,         // span = since the last renewal
    LeaseRenewedBy,      // a = Renewal source now carrying the lease (only when it changes)
    CandidateStands,     // epoch
    BallotLost,          // epoch, a = higher ballot seen
    EpochDecided,        // epoch, who = winner
    OfficeTaken,         // epoch
    OfficeEnded,         // epoch
    StorageLeft,         // epoch, who = still has its storage, span = since the last round
    Resigned,            // epoch
    VerdictChanged,      // who, a = PeerVerdict before, b = after, span = since last evidence
    DeclaredDead,        // who, epoch, a = Proof, b = readings, span = silence
    CertifiedReturned,   // who: evidence of an incarnation that was certified dead
    DuplicateHost,       // who: another host uses this id
    OrderGiven,          // vm, who = target, a = attempt, order number
    OrderTaken,          // vm, who = leader, order number
    OrderRefused,        // vm, a = StartFailure
    ClaimWritten,        // vm, claim number: on a majority, scan begins
    ClaimHeld,           // vm, claim number: scan clean
    ClaimWithdrawn,      // vm, a = StartFailure, who = the other host
    VmCreated,           // vm: created paused
    VmRunning,           // vm, claim number
    VmStartFailed,       // vm, a = StartFailure
    VmLost,              // vm: QEMU ended by itself
    VmStoppedOnPurpose,  // vm
    VmForgotten,         // vm: a higher claim of another host was read; who = that host
    VmAdopted,           // vm: runs here with a claim of a predecessor, or without one
    VmDestroying,        // vm: lease lapsed or pill
    VmProvedGone,        // vm
    VmConflict,          // vm runs here without a claim, who claims it
    NoRoom,  // vm: no host can take it; a = how many hosts were looked at, and their reasons; see restart_plan.cc
    PillTaken,    // who = leader
    KeeperArmed,  // span = watchdog
    KeeperDisarmed,
    HostReset,         // span = since the lease ended
    RosterUnreadable,  // who
    DatastoreChanged,  // a = datastore, b = 1 usable, 0 not
    LimitReached,      // a = which: something did not fit; see limits.h
    ShutdownBegun,
    FindingChanged,     // a = Finding before, b = after, who = the leader
    IsolationHeldBack,  // a = how many VMs would have been stopped, could somebody restart them
    StartWaits,         // vm, a = how many VMs it starts after and that do not run yet
    WaitGivenUp,        // vm, a = why: 1 missing, 2 in a circle, 3 time over, 4 no guest agent
    VmStopping,         // vm, a = IsolationResponse, who = the leader, span = limit of a shutdown
    FenceAsked,         // who, a = attempt, b = readings, span = silence
    FenceFailed,        // who, a = FenceReply of `off`, b = PowerState, span = until the next try
    FenceNotReady,      // who: its device does not answer
    ProvedOutside,      // who, a = Proof, span = landing
    ProofContradicted,  // who: shows life after its power was called off
    StartUnanswered,    // vm, a = 1 allowed to a person, 0 asked of libvirt; span = since
    ConfigStepMade,     // epoch, number = step, who, a = ConfigStep
    ConfigInForce,      // epoch, number = step
    ConfigDiffers,     // who = whose record, epoch, number = step, a = ConfigDifference, b = detail
    VoiceCounts,       // who = self: not barred any more
    ListDropped,       // a = datastores that vote from now on, b = that are lost
    TimingUsed,        // a = 1 a longer lease is published, 2 timing is in use; span = the lease
    TargetNamed,       // vm, who = the host that it may migrate to
    TargetDropped,     // vm, who = the host whose migration came to nothing
    VmHandedOver,      // vm, who = the host that has it, or settles what becomes of it
    LeftBehind,        // vm, who = the host that runs it: what is left here is destroyed
    ArrivalFailed,     // vm: a migration to this host came to nothing
    ArrivalUnclaimed,  // vm: no host claims it for this one any more, span = since
    FailureNotAbsorbed,  // vm would find no room, who.host = when it fails (none: already), b = how many VMs
    FailureAbsorbed,  // number = so many hosts may fail at once, again
};

// What a step of the configuration changes.
enum class ConfigStep : std::uint8_t {
    None,
    Counted,
    Out,
    Dead,
    Timing,
    Voters,
    Maintenance,
    Joined,
    Removed
};

// How the file of this host differs from the configuration that the cluster goes by.
enum class ConfigDifference : std::uint8_t {
    MemberMissingHere = 1,  // b: its host id
    MemberMissingThere,     // b: its host id
    DatastoreMissingHere,   // b: its position among those that vote
    Timing,                 // b: the lease of the cluster, ns
};

inline constexpr TraceCode kTraceCodeLast = TraceCode::FailureAbsorbed;

struct Trace {
    Instant at;
    TraceCode code = TraceCode::PhaseChanged;
    HostId self;
    HostKey who;
    Epoch epoch;
    VmId vm;
    VmName vm_name;
    std::uint64_t number = 0;  // claim or order number
    std::int64_t a = 0;
    std::int64_t b = 0;
    Duration span{};
};

inline constexpr std::size_t kTraceTextMax = 320;

// Short name of an event for scripts ("silent", "dead", "leader", "order", "claim", "start", "running", ...); never null.
[[nodiscard]] const char* trace_event_name(const Trace& trace);

// Message id ("HF-3004"); stable for ever, never reused; never null.
[[nodiscard]] const char* trace_id(const Trace& trace);

enum class TraceLevel : std::uint8_t { Error = 1, Warning, Notice, Info, Debug };

[[nodiscard]] TraceLevel trace_level(const Trace& trace);

// Writes one sentence, without time and host, into `text` (always terminated); returns its length.
std::size_t trace_text(const Trace& trace, char* text, std::size_t text_bytes_max);

}  // namespace holdfast
