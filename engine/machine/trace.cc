#include "engine/machine/trace.h"

#include <algorithm>
#include <array>
#include <cinttypes>

#include "engine/machine/host_phase.h"
#include "engine/machine/trace_text.h"
#include "engine/machine/trace_writer.h"

// Each text function below names the codes of its own subject and ends in the one that is left.
#pragma GCC diagnostic ignored "-Wswitch-enum"

namespace holdfast {

namespace {

struct Row {
    TraceCode code;
    const char* id;
    const char* event;
    TraceLevel level;
};

// Ids are never reused; a retired one keeps its place as a comment.
constexpr std::array<Row, 65> kRows{{
    {TraceCode::PhaseChanged, "HF-3001", "phase", TraceLevel::Notice},
    {TraceCode::IncarnationTaken, "HF-3002", "incarnation", TraceLevel::Info},
    {TraceCode::LeaseLapsed, "HF-3003", "lapse", TraceLevel::Error},
    {TraceCode::LeaseRenewedBy, "HF-3005", "lease", TraceLevel::Info},
    {TraceCode::CandidateStands, "HF-3010", "candidate", TraceLevel::Info},
    {TraceCode::BallotLost, "HF-3011", "ballot-lost", TraceLevel::Info},
    {TraceCode::EpochDecided, "HF-3012", "leader", TraceLevel::Notice},
    {TraceCode::OfficeTaken, "HF-3013", "office", TraceLevel::Notice},
    {TraceCode::OfficeEnded, "HF-3014", "office-ended", TraceLevel::Notice},
    {TraceCode::StorageLeft, "HF-3016", "storage-gone", TraceLevel::Warning},
    {TraceCode::Resigned, "HF-3015", "resigned", TraceLevel::Notice},
    {TraceCode::VerdictChanged, "HF-3020", "verdict", TraceLevel::Notice},
    {TraceCode::DeclaredDead, "HF-3004", "dead", TraceLevel::Notice},
    {TraceCode::CertifiedReturned, "HF-3021", "returned", TraceLevel::Error},
    {TraceCode::DuplicateHost, "HF-3022", "duplicate-host", TraceLevel::Error},
    {TraceCode::OrderGiven, "HF-3030", "order", TraceLevel::Notice},
    {TraceCode::OrderTaken, "HF-3031", "order-taken", TraceLevel::Info},
    {TraceCode::OrderRefused, "HF-3032", "order-refused", TraceLevel::Warning},
    {TraceCode::ClaimWritten, "HF-3033", "claim", TraceLevel::Info},
    {TraceCode::ClaimHeld, "HF-3034", "claim-held", TraceLevel::Info},
    {TraceCode::ClaimWithdrawn, "HF-3035", "claim-withdrawn", TraceLevel::Warning},
    {TraceCode::VmCreated, "HF-3036", "start", TraceLevel::Info},
    {TraceCode::VmRunning, "HF-3037", "running", TraceLevel::Notice},
    {TraceCode::VmStartFailed, "HF-3038", "start-failed", TraceLevel::Error},
    {TraceCode::VmLost, "HF-3039", "vm-lost", TraceLevel::Warning},
    {TraceCode::VmStoppedOnPurpose, "HF-3040", "stopped", TraceLevel::Notice},
    {TraceCode::VmForgotten, "HF-3041", "forgotten", TraceLevel::Info},
    {TraceCode::VmAdopted, "HF-3042", "adopted", TraceLevel::Notice},
    {TraceCode::VmDestroying, "HF-3043", "self-fence", TraceLevel::Error},
    {TraceCode::VmProvedGone, "HF-3044", "gone", TraceLevel::Notice},
    {TraceCode::VmConflict, "HF-3045", "conflict", TraceLevel::Error},
    {TraceCode::NoRoom, "HF-3046", "no-room", TraceLevel::Error},
    {TraceCode::PillTaken, "HF-3050", "pill", TraceLevel::Error},
    {TraceCode::KeeperArmed, "HF-3051", "armed", TraceLevel::Info},
    {TraceCode::KeeperDisarmed, "HF-3052", "disarmed", TraceLevel::Info},
    {TraceCode::HostReset, "HF-3053", "reset", TraceLevel::Error},
    {TraceCode::RosterUnreadable, "HF-3060", "roster-unreadable", TraceLevel::Error},
    {TraceCode::DatastoreChanged, "HF-3061", "datastore", TraceLevel::Warning},
    {TraceCode::LimitReached, "HF-3062", "limit", TraceLevel::Error},
    {TraceCode::ShutdownBegun, "HF-3070", "shutdown", TraceLevel::Notice},
    {TraceCode::FindingChanged, "HF-3080", "finding", TraceLevel::Warning},
    {TraceCode::IsolationHeldBack, "HF-3081", "held-back", TraceLevel::Warning},
    {TraceCode::VmStopping, "HF-3082", "stopping", TraceLevel::Warning},
    {TraceCode::StartWaits, "HF-3083", "start-waits", TraceLevel::Notice},
    {TraceCode::WaitGivenUp, "HF-3084", "waits-no-longer", TraceLevel::Warning},
    {TraceCode::FenceAsked, "HF-3090", "fence", TraceLevel::Notice},
    {TraceCode::FenceFailed, "HF-3091", "fence-failed", TraceLevel::Error},
    {TraceCode::FenceNotReady, "HF-3092", "fence-not-ready", TraceLevel::Warning},
    {TraceCode::ProvedOutside, "HF-3093", "proved-outside", TraceLevel::Notice},
    {TraceCode::StartUnanswered, "HF-3047", "start-unanswered", TraceLevel::Warning},
    {TraceCode::ProofContradicted, "HF-3094", "proof-contradicted", TraceLevel::Error},
    {TraceCode::ConfigStepMade, "HF-3100", "config-step", TraceLevel::Notice},
    {TraceCode::ConfigInForce, "HF-3101", "config", TraceLevel::Info},
    {TraceCode::ConfigDiffers, "HF-3102", "config-differs", TraceLevel::Warning},
    {TraceCode::VoiceCounts, "HF-3103", "voice", TraceLevel::Notice},
    {TraceCode::ListDropped, "HF-3105", "list-dropped", TraceLevel::Error},
    {TraceCode::TimingUsed, "HF-3104", "timing", TraceLevel::Notice},
    {TraceCode::TargetNamed, "HF-3110", "migration", TraceLevel::Notice},
    {TraceCode::TargetDropped, "HF-3111", "migration-dropped", TraceLevel::Notice},
    {TraceCode::VmHandedOver, "HF-3112", "handed-over", TraceLevel::Notice},
    {TraceCode::LeftBehind, "HF-3113", "left-behind", TraceLevel::Warning},
    {TraceCode::ArrivalFailed, "HF-3114", "arrival-failed", TraceLevel::Warning},
    {TraceCode::ArrivalUnclaimed, "HF-3115", "arrival-unclaimed", TraceLevel::Warning},
    {TraceCode::FailureNotAbsorbed, "HF-3120", "not-absorbed", TraceLevel::Warning},
    {TraceCode::FailureAbsorbed, "HF-3121", "absorbed", TraceLevel::Notice},
}};

const Row& row_of(TraceCode code) {
    for (const Row& row : kRows) {
        if (row.code == code) return row;
    }
    return kRows[0];
}

const char* name_of(Proof proof) {
    switch (proof) {
        case Proof::VerdictRead: return "verdict read";
        case Proof::NewerBoot: return "newer boot id";
        case Proof::CleanShutdown: return "clean shutdown";
        case Proof::PowerOff: return "power verified off";
        case Proof::Operator: return "confirmed by the operator";
        case Proof::AcceptedRisk: return "verdict read, weak watchdog accepted by the operator";
    }
    return "invalid";
}

const char* name_of(StartFailure failure) {
    switch (failure) {
        case StartFailure::None: return "no reason";
        case StartFailure::Libvirt: return "libvirt could not start it";
        case StartFailure::Xml: return "its domain XML could not be read";
        case StartFailure::Conflict: return "another host claims it";
        case StartFailure::Unreadable:
            return "a roster could not be read, so its claims are unknown";
        case StartFailure::Superseded: return "the order is no longer in force";
        case StartFailure::NoRoom: return "the roster is full";
        case StartFailure::Lease: return "lease or keeper did not allow it in time";
    }
    return "invalid";
}

const char* name_of_lease(std::int64_t source) {
    constexpr std::array<const char*, 5> kNames{
        "nothing", "storage", "the leader's answers", "the predecessor's lease", "vouching"};
    return source >= 0 && source < 5 ? kNames[static_cast<std::size_t>(source)] : "invalid";
}

void leadership_text(const Trace& trace, TraceWriter& text) {
    const std::uint64_t epoch = trace.epoch.value();
    switch (trace.code) {
        case TraceCode::CandidateStands: text.add("stands for epoch %" PRIu64, epoch); return;
        case TraceCode::BallotLost:
            text.add("gives way in epoch %" PRIu64 ": a greater ballot or epoch was seen", epoch);
            return;
        case TraceCode::EpochDecided:
            text.add("epoch %" PRIu64 " is decided for ", epoch);
            text.host(trace.who);
            return;
        case TraceCode::OfficeTaken:
            text.add("leads: took the office of epoch %" PRIu64, epoch);
            return;
        case TraceCode::OfficeEnded:
            text.add("leads no more: the office of epoch %" PRIu64 " ended", epoch);
            return;
        case TraceCode::StorageLeft:
            text.add("has reached no majority of the datastores for %.3f s, while ",
                     in_seconds(trace.span));
            text.host(trace.who);
            text.add(" does: leaves the office of epoch %" PRIu64
                     " to others. Check this host's way to its storage",
                     epoch);
            return;
        default: text.add("resigned epoch %" PRIu64, epoch); return;
    }
}

void host_text(const Trace& trace, TraceWriter& text) {
    switch (trace.code) {
        case TraceCode::VerdictChanged:
            text.host(trace.who);
            text.add(": %s -> %s, last sign of life %.3f s ago",
                     to_string(static_cast<PeerVerdict>(trace.a)),
                     to_string(static_cast<PeerVerdict>(trace.b)),
                     in_seconds(trace.span));
            return;
        case TraceCode::DeclaredDead:
            text.host(trace.who);
            text.add(" is dead, proof: %s", name_of(static_cast<Proof>(trace.a)));
            if (trace.b > 0)
                text.add(" (silent for %.3f s, %d datastores show nothing newer)",
                         in_seconds(trace.span),
                         static_cast<int>(trace.b));
            return;
        case TraceCode::CertifiedReturned:
            text.host(trace.who);
            text.add(
                " was certified dead and shows signs of life; it is sent a pill. Check its "
                "watchdog");
            return;
        case TraceCode::DuplicateHost:
            if (trace.a < 0) {
                text.add("two hosts beat as ");
                text.host(trace.who);
                text.add(
                    "; the one that does not own the slot is ignored: check [host] id on both");
                return;
            }
            text.add("another host writes as ");
            text.host(trace.who);
            text.add(
                " on datastore %d; this host does nothing until it has an id of its own: check "
                "[host] id",
                static_cast<int>(trace.a));
            return;
        case TraceCode::RosterUnreadable:
            text.add("the roster of ");
            text.host(trace.who);
            text.add(" cannot be read from a majority (%d of %d needed): its claims are unknown",
                     static_cast<int>(trace.a),
                     static_cast<int>(trace.b));
            return;
        default:
            text.add("takes the pill of ");
            text.host(trace.who);
            text.add(": this incarnation was certified dead; destroys its VMs");
            return;
    }
}

void vm_text(const Trace& trace, TraceWriter& text) {
    text.vm(trace);
    const char* failure = name_of(static_cast<StartFailure>(trace.a));
    switch (trace.code) {
        case TraceCode::OrderGiven:
            text.add(": order %" PRIu64 " to host %u, attempt %d",
                     trace.number,
                     trace.who.host.value(),
                     static_cast<int>(trace.a));
            return;
        case TraceCode::OrderTaken:
            text.add(": order %" PRIu64 " of host %u taken", trace.number, trace.who.host.value());
            return;
        case TraceCode::OrderRefused:
            text.add(": order %" PRIu64 " refused: %s", trace.number, failure);
            return;
        case TraceCode::ClaimWritten:
            text.add(": claim %" PRIu64 " is on a majority; scanning", trace.number);
            return;
        case TraceCode::ClaimHeld:
            text.add(": claim %" PRIu64 " held, nobody else claims it", trace.number);
            return;
        case TraceCode::ClaimWithdrawn:
            text.add(": claim %" PRIu64 " withdrawn: %s", trace.number, failure);
            if (!trace.who.host.is_none()) text.add(" (host %u)", trace.who.host.value());
            return;
        case TraceCode::VmCreated: text.add(": created paused"); return;
        case TraceCode::VmRunning: text.add(": runs, claim %" PRIu64, trace.number); return;
        case TraceCode::VmStartFailed:
            text.add(": start failed: %s; proving that nothing of it is left", failure);
            return;
        case TraceCode::VmLost: text.add(": its QEMU ended by itself"); return;
        case TraceCode::VmStoppedOnPurpose:
            text.add(": stopped on purpose; it stays stopped");
            return;
        case TraceCode::VmForgotten:
            text.add(": host %u has claim %" PRIu64 " now", trace.who.host.value(), trace.number);
            return;
        case TraceCode::VmAdopted:
            text.add(": runs here already; kept, claim %" PRIu64, trace.number);
            return;
        case TraceCode::VmDestroying:
            text.add(": being destroyed, this host holds no lease");
            return;
        case TraceCode::VmProvedGone: text.add(": proved gone from this host"); return;
        case TraceCode::VmConflict:
            text.add(
                " runs here without a claim while host %u claims it; it is left alone. Find out "
                "who started it",
                trace.who.host.value());
            return;
        default: no_room_text(trace, text); return;
    }
}

void own_text(const Trace& trace, TraceWriter& text) {
    switch (trace.code) {
        case TraceCode::PhaseChanged:
            text.add("phase %s -> %s",
                     to_string(static_cast<HostPhase>(trace.a)),
                     to_string(static_cast<HostPhase>(trace.b)));
            return;
        case TraceCode::IncarnationTaken:
            text.add("is incarnation %u.%u now",
                     trace.who.incarnation.boot(),
                     trace.who.incarnation.restart());
            return;
        case TraceCode::LeaseLapsed:
            text.add("the host lease is over, last carried by %s, %.3f s after its last renewal",
                     name_of_lease(trace.a),
                     in_seconds(trace.span));
            return;
        case TraceCode::LeaseRenewedBy:
            text.add("the host lease is carried by %s", name_of_lease(trace.a));
            return;
        case TraceCode::KeeperArmed:
            text.add("the keeper is armed, watchdog %.3f s", in_seconds(trace.span));
            return;
        case TraceCode::KeeperDisarmed:
            text.add("the keeper is disarmed: no claim is left");
            return;
        case TraceCode::HostReset:
            text.add(
                "resets this host: %.3f s after the lease ended there is no proof that its VMs are "
                "gone",
                in_seconds(trace.span));
            return;
        case TraceCode::DatastoreChanged:
            text.add("datastore %d is %s",
                     static_cast<int>(trace.a),
                     trace.b != 0 ? "usable" : "not usable");
            return;
        case TraceCode::LimitReached:
            text.add("a limit is reached (%d): something is left out", static_cast<int>(trace.a));
            return;
        default:
            text.add(trace.a != 0 ? "says goodbye: the host goes down"
                                  : "the agent stops; the VMs go on");
            return;
    }
}

}  // namespace

const char* trace_event_name(const Trace& trace) {
    if (trace.code == TraceCode::VerdictChanged) {
        switch (static_cast<PeerVerdict>(trace.b)) {
            case PeerVerdict::Silent: return "silent";
            case PeerVerdict::Alive: return "alive";
            case PeerVerdict::StorageLost: return "storage-lost";
            case PeerVerdict::Isolated: return "isolated";
            case PeerVerdict::Partitioned: return "partitioned";
            case PeerVerdict::Dead:
            case PeerVerdict::Unknown: break;
        }
    }
    return row_of(trace.code).event;
}

const char* trace_id(const Trace& trace) {
    return row_of(trace.code).id;
}

TraceLevel trace_level(const Trace& trace) {
    return row_of(trace.code).level;
}

std::size_t trace_text(const Trace& trace, char* buffer, std::size_t bytes_max) {
    const TraceCode code = trace.code;
    if (code >= TraceCode::FenceAsked && code <= TraceCode::StartUnanswered)
        return fencing_text(trace, buffer, bytes_max);
    TraceWriter text(buffer, bytes_max);
    if (code >= TraceCode::CandidateStands && code <= TraceCode::Resigned) {
        leadership_text(trace, text);
    } else if ((code >= TraceCode::VerdictChanged && code <= TraceCode::DuplicateHost) ||
               code == TraceCode::RosterUnreadable || code == TraceCode::PillTaken) {
        host_text(trace, text);
    } else if (code >= TraceCode::OrderGiven && code <= TraceCode::NoRoom) {
        vm_text(trace, text);
    } else if (code >= TraceCode::FindingChanged && code <= TraceCode::VmStopping) {
        isolation_text(trace, text);
    } else if (code >= TraceCode::ConfigStepMade && code <= TraceCode::TimingUsed) {
        config_text(trace, text);
    } else if (code >= TraceCode::TargetNamed && code <= TraceCode::ArrivalUnclaimed) {
        migration_text(trace, text);
    } else if (code >= TraceCode::FailureNotAbsorbed && code <= TraceCode::FailureAbsorbed) {
        admission_text(trace, text);
    } else {
        own_text(trace, text);
    }
    return text.length();
}

}  // namespace holdfast
