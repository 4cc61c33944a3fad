#include "tests/sim/run/report.h"

#include <array>
#include <string>

#include "engine/machine/trace.h"
#include "tests/sim/fault/fault_kind.h"
#include "tests/sim/run/causes.h"
#include "tests/sim/run/number_text.h"

namespace holdfast::sim {

namespace {

struct NamedCode {
    TraceCode code;
    const char* name;
};

// What engines said, as far as it shows which of their branches were reached.
constexpr NamedCode kCodes[] = {
    {TraceCode::IncarnationTaken, "incarnations taken"},
    {TraceCode::LeaseLapsed, "leases lapsed"},
    {TraceCode::LeaseRenewedBy, "leases changed their source"},
    {TraceCode::CandidateStands, "candidates"},
    {TraceCode::BallotLost, "ballots lost"},
    {TraceCode::EpochDecided, "epochs decided (seen)"},
    {TraceCode::OfficeTaken, "elections"},
    {TraceCode::OfficeEnded, "offices ended"},
    {TraceCode::Resigned, "resignations"},
    {TraceCode::VerdictChanged, "verdicts changed"},
    {TraceCode::DeclaredDead, "hosts declared dead"},
    {TraceCode::CertifiedReturned, "dead incarnations heard again"},
    {TraceCode::DuplicateHost, "duplicate hosts"},
    {TraceCode::OrderGiven, "orders given"},
    {TraceCode::OrderTaken, "orders taken"},
    {TraceCode::OrderRefused, "orders refused"},
    {TraceCode::ClaimWritten, "claims written"},
    {TraceCode::ClaimHeld, "claims held"},
    {TraceCode::ClaimWithdrawn, "claims withdrawn"},
    {TraceCode::VmCreated, "VMs created"},
    {TraceCode::VmRunning, "VMs running"},
    {TraceCode::VmStartFailed, "VM starts failed"},
    {TraceCode::VmLost, "VMs lost"},
    {TraceCode::VmStoppedOnPurpose, "VMs stopped on purpose"},
    {TraceCode::VmForgotten, "VMs forgotten"},
    {TraceCode::VmAdopted, "VMs adopted"},
    {TraceCode::VmDestroying, "VMs to be destroyed"},
    {TraceCode::VmProvedGone, "VMs proved gone"},
    {TraceCode::VmConflict, "VM conflicts"},
    {TraceCode::NoRoom, "no room"},
    {TraceCode::PillTaken, "pills taken"},
    {TraceCode::KeeperArmed, "keepers armed"},
    {TraceCode::KeeperDisarmed, "keepers disarmed"},
    {TraceCode::HostReset, "resets asked"},
    {TraceCode::RosterUnreadable, "rosters unreadable"},
    {TraceCode::DatastoreChanged, "datastores lost or back"},
    {TraceCode::LimitReached, "limits reached"},
    {TraceCode::ShutdownBegun, "shutdowns"},
    {TraceCode::FenceAsked, "power cuts asked"},
    {TraceCode::FenceFailed, "power cuts failed"},
    {TraceCode::FenceNotReady, "fence devices silent"},
    {TraceCode::ProvedOutside, "proofs from outside"},
    {TraceCode::StartUnanswered, "starts unanswered"},
    {TraceCode::ProofContradicted, "proofs contradicted"},
    {TraceCode::ConfigStepMade, "configuration steps"},
    {TraceCode::ConfigInForce, "configurations in force"},
    {TraceCode::ConfigDiffers, "files that differ"},
    {TraceCode::VoiceCounts, "barred hosts counted"},
    {TraceCode::TimingUsed, "timing changed on a host"},
    {TraceCode::TargetNamed, "migrations let go"},
    {TraceCode::TargetDropped, "migrations dropped"},
    {TraceCode::VmHandedOver, "VMs handed over"},
    {TraceCode::LeftBehind, "copies left behind"},
    {TraceCode::ArrivalFailed, "arrivals failed"},
    {TraceCode::ArrivalUnclaimed, "arrivals unclaimed"},
    {TraceCode::FailureNotAbsorbed, "failures not absorbed"},
    {TraceCode::FailureAbsorbed, "failures absorbed again"},
};

double speed_of(const Report& report) {
    return report.wall_seconds > 0 ? in_seconds(report.tally.simulated) / report.wall_seconds : 0;
}

double failover_mean(const Tally& tally) {
    return tally.failovers_count == 0
               ? 0
               : in_seconds(tally.failover_sum) / static_cast<double>(tally.failovers_count);
}

}  // namespace

std::string json_text(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
    return out;
}

void print_failure(std::FILE* file, const SeedResult& result) {
    const Violation& violation = *result.violation;
    const std::string minutes =
        result.minutes == 0 ? "" : " --minutes " + std::to_string(result.minutes);
    const double from = in_seconds(violation.at) > 30 ? in_seconds(violation.at) - 30 : 0;
    std::fprintf(file,
                 "%s BROKEN at %.6f s: %s\n  seed %llu: %s\n  replay: holdfast-sim --seed %llu%s "
                 "--trace --from %.0f\n",
                 violation.promise.c_str(),
                 in_seconds(violation.at),
                 violation.text.c_str(),
                 ull(result.seed),
                 result.plan.c_str(),
                 ull(result.seed),
                 minutes.c_str(),
                 from);
}

void print_report(std::FILE* file, const Report& report) {
    const Tally& tally = report.tally;
    std::fprintf(file,
                 "%llu runs, %.1f h simulated in %.1f s: %.0f times real time, %llu steps, "
                 "fingerprint %016llx, %zu failed\n",
                 ull(tally.runs_count),
                 in_seconds(tally.simulated) / 3600,
                 report.wall_seconds,
                 speed_of(report),
                 ull(tally.of(Count::Steps)),
                 ull(report.fingerprint),
                 report.failures.size());
    std::fprintf(file,
                 "failovers: %llu, mean %.2f s, longest %.2f s; longest way from the last fault to "
                 "a whole cluster %.1f s\n",
                 ull(tally.failovers_count),
                 failover_mean(tally),
                 in_seconds(tally.failover_max),
                 in_seconds(tally.settle_max));
    std::fprintf(file, "faults\n");
    for (std::size_t i = 0; i < kFaultKindsCount; ++i) {
        std::fprintf(file,
                     "  %10llu  %s%s\n",
                     ull(tally.faults[i]),
                     name_of(static_cast<FaultKind>(i)),
                     tally.faults[i] == 0 ? "  (never)" : "");
    }
    std::fprintf(file, "world\n");
    for (std::size_t i = 1; i < kCountsCount; ++i) {
        std::fprintf(file,
                     "  %10llu  %s%s\n",
                     ull(tally.counts[i]),
                     name_of(static_cast<Count>(i)),
                     tally.counts[i] == 0 ? "  (never)" : "");
    }
    std::fprintf(file, "engines\n");
    for (const NamedCode& code : kCodes) {
        const std::uint64_t count = tally.trace_codes[static_cast<std::size_t>(code.code)];
        std::fprintf(
            file, "  %10llu  %s%s\n", ull(count), code.name, count == 0 ? "  (never)" : "");
    }
    std::fprintf(file, "causes that no run, or hardly one in a hundred, came by\n");
    for (const Cause& cause : all_causes()) {
        const std::uint64_t count = count_of(tally, cause);
        if (count > tally.runs_count / 100) continue;
        std::fprintf(file,
                     "  %10llu  %s%s\n",
                     ull(count),
                     cause.name.c_str(),
                     count == 0 ? "  (never)" : "");
    }
}

void print_report_json(std::FILE* file, const Report& report) {
    const Tally& tally = report.tally;
    std::fprintf(
        file,
        R"({"ok":%s,"runs":%llu,"failed":%zu,"simulated_s":%.3f,"wall_s":%.3f,"speed":%.0f,"steps":%llu,)"
        R"("failovers":{"count":%llu,"mean_s":%.3f,"max_s":%.3f},"settle_max_s":%.3f,"faults":{)",
        report.failures.empty() ? "true" : "false",
        ull(tally.runs_count),
        report.failures.size(),
        in_seconds(tally.simulated),
        report.wall_seconds,
        speed_of(report),
        ull(tally.of(Count::Steps)),
        ull(tally.failovers_count),
        failover_mean(tally),
        in_seconds(tally.failover_max),
        in_seconds(tally.settle_max));
    const char* comma = "";
    for (std::size_t i = 0; i < kFaultKindsCount; ++i) {
        std::fprintf(file,
                     R"(%s"%s":%llu)",
                     comma,
                     name_of(static_cast<FaultKind>(i)),
                     ull(tally.faults[i]));
        comma = ",";
    }
    std::fprintf(file, R"(},"world":{)");
    comma = "";
    for (std::size_t i = 0; i < kCountsCount; ++i) {
        std::fprintf(
            file, R"(%s"%s":%llu)", comma, name_of(static_cast<Count>(i)), ull(tally.counts[i]));
        comma = ",";
    }
    std::fprintf(file, R"(},"engines":{)");
    comma = "";
    for (const NamedCode& code : kCodes) {
        std::fprintf(file,
                     R"(%s"%s":%llu)",
                     comma,
                     code.name,
                     ull(tally.trace_codes[static_cast<std::size_t>(code.code)]));
        comma = ",";
    }
    std::fprintf(file, R"(},"causes":{)");
    comma = "";
    for (const Cause& cause : all_causes()) {
        std::fprintf(
            file, R"(%s"%s":%llu)", comma, cause.name.c_str(), ull(count_of(tally, cause)));
        comma = ",";
    }
    std::fprintf(file, R"(},"failures":[)");
    comma = "";
    for (const SeedResult& failure : report.failures) {
        std::fprintf(file,
                     R"(%s{"seed":%llu,"promise":"%s","at_s":%.6f,"text":"%s"})",
                     comma,
                     ull(failure.seed),
                     failure.violation->promise.c_str(),
                     in_seconds(failure.violation->at),
                     json_text(failure.violation->text).c_str());
        comma = ",";
    }
    std::fprintf(file, "]}\n");
}

}  // namespace holdfast::sim
