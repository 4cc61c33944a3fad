#include "tests/sim/run/causes.h"

#include <algorithm>

#include "engine/machine/host_phase.h"
#include "engine/machine/peer_verdict.h"

namespace holdfast::sim {

namespace {

struct Named {
    std::uint8_t value;
    const char* name;
};

constexpr Named kProofs[] = {{1, "verdict read"},
                             {2, "newer boot"},
                             {3, "clean shutdown"},
                             {4, "power off"},
                             {5, "a person's word"},
                             {6, "accepted risk"}};
constexpr Named kWithdrawn[] = {
    {3, "conflict"}, {4, "unreadable roster"}, {5, "superseded"}, {7, "the lease"}};
constexpr Named kStartFailed[] = {{1, "libvirt"}, {2, "the XML"}, {7, "the lease"}};
constexpr Named kSources[] = {
    {1, "storage"}, {2, "the leader"}, {3, "a predecessor"}, {4, "vouching"}};

template <std::size_t Count>
void add(std::vector<Cause>& causes,
         TraceCode code,
         const char* what,
         const Named (&names)[Count]) {
    for (const Named& named : names)
        causes.push_back({code, named.value, std::string(what) + named.name});
}

std::vector<Cause> make_causes() {
    std::vector<Cause> causes;
    add(causes, TraceCode::DeclaredDead, "declared dead: ", kProofs);
    add(causes, TraceCode::LeaseRenewedBy, "lease carried by ", kSources);
    add(causes, TraceCode::LeaseLapsed, "lease lapsed that was carried by ", kSources);
    add(causes, TraceCode::ClaimWithdrawn, "claim withdrawn for ", kWithdrawn);
    add(causes, TraceCode::VmStartFailed, "start failed for ", kStartFailed);
    for (auto v = PeerVerdict::Unknown; v <= PeerVerdict::Dead;
         v = static_cast<PeerVerdict>(static_cast<int>(v) + 1)) {
        causes.push_back({TraceCode::VerdictChanged,
                          static_cast<std::uint8_t>(v),
                          std::string("verdict ") + to_string(v)});
    }
    for (const PhaseRow& row : kPhaseTable) {
        if (row.from == row.to) continue;
        Trace line;
        line.code = TraceCode::PhaseChanged;
        line.a = static_cast<std::int64_t>(row.from);
        line.b = static_cast<std::int64_t>(row.to);
        const Cause cause{line.code,
                          static_cast<std::uint8_t>(cause_of(line)),
                          std::string("phase ") + to_string(row.from) + " -> " + to_string(row.to)};
        const bool known = std::any_of(causes.begin(), causes.end(), [&cause](const Cause& other) {
            return other.code == cause.code && other.value == cause.value;
        });
        if (!known) causes.push_back(cause);
    }
    return causes;
}

}  // namespace

const std::vector<Cause>& all_causes() {
    static const std::vector<Cause> kCauses = make_causes();
    return kCauses;
}

std::uint64_t count_of(const Tally& tally, const Cause& cause) {
    return tally.causes[static_cast<std::size_t>(cause.code)][cause.value];
}

}  // namespace holdfast::sim
