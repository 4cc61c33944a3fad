#include "engine/machine/host_phase.h"

#include "engine/base/check.h"

namespace holdfast {

// clang-format off
const std::array<PhaseRow, kPhaseRowsCount> kPhaseTable{{
    {HostPhase::Reading, PhaseInput::PastKnown,       HostPhase::Writing, "the past is known: choose an incarnation and write it"},
    {HostPhase::Reading, PhaseInput::IncarnationHeld, HostPhase::Reading, "impossible: nothing was written yet"},
    {HostPhase::Reading, PhaseInput::LeaseEnded,      HostPhase::Lapsed,  "the inherited lease ended before it could be renewed"},
    {HostPhase::Reading, PhaseInput::AllGone,         HostPhase::Reading, "nothing to drop"},
    {HostPhase::Reading, PhaseInput::HostLeaves,      HostPhase::Leaving, "never joined in this incarnation"},
    {HostPhase::Reading, PhaseInput::DuplicateSeen,   HostPhase::Refused, "the id belongs to another host"},

    {HostPhase::Writing, PhaseInput::PastKnown,       HostPhase::Writing, "known already"},
    {HostPhase::Writing, PhaseInput::IncarnationHeld, HostPhase::Member,  "the incarnation is on a majority: the lease runs"},
    {HostPhase::Writing, PhaseInput::LeaseEnded,      HostPhase::Lapsed,  "the inherited lease ended before it could be renewed"},
    {HostPhase::Writing, PhaseInput::AllGone,         HostPhase::Writing, "nothing to drop"},
    {HostPhase::Writing, PhaseInput::HostLeaves,      HostPhase::Leaving, "holds no claim"},
    {HostPhase::Writing, PhaseInput::DuplicateSeen,   HostPhase::Refused, "the id belongs to another host"},

    {HostPhase::Member,  PhaseInput::PastKnown,       HostPhase::Member,  "known already"},
    {HostPhase::Member,  PhaseInput::IncarnationHeld, HostPhase::Member,  "held already"},
    {HostPhase::Member,  PhaseInput::LeaseEnded,      HostPhase::Lapsed,  "a lease that ran out is never renewed"},
    {HostPhase::Member,  PhaseInput::AllGone,         HostPhase::Member,  "no claims is a member's right"},
    {HostPhase::Member,  PhaseInput::HostLeaves,      HostPhase::Leaving, "holds no claim"},
    {HostPhase::Member,  PhaseInput::DuplicateSeen,   HostPhase::Lapsed,  "destroy first; refused after the next reading"},

    {HostPhase::Lapsed,  PhaseInput::PastKnown,       HostPhase::Lapsed,  "the VMs must be gone first"},
    {HostPhase::Lapsed,  PhaseInput::IncarnationHeld, HostPhase::Lapsed,  "the old incarnation is over"},
    {HostPhase::Lapsed,  PhaseInput::LeaseEnded,      HostPhase::Lapsed,  "ended already"},
    {HostPhase::Lapsed,  PhaseInput::AllGone,         HostPhase::Reading, "proved: come back as a new incarnation"},
    {HostPhase::Lapsed,  PhaseInput::HostLeaves,      HostPhase::Lapsed,  "the VMs must be gone first"},
    {HostPhase::Lapsed,  PhaseInput::DuplicateSeen,   HostPhase::Lapsed,  "the VMs must be gone first"},

    {HostPhase::Leaving, PhaseInput::PastKnown,       HostPhase::Leaving, "over"},
    {HostPhase::Leaving, PhaseInput::IncarnationHeld, HostPhase::Leaving, "over"},
    {HostPhase::Leaving, PhaseInput::LeaseEnded,      HostPhase::Leaving, "over"},
    {HostPhase::Leaving, PhaseInput::AllGone,         HostPhase::Leaving, "over"},
    {HostPhase::Leaving, PhaseInput::HostLeaves,      HostPhase::Leaving, "over"},
    {HostPhase::Leaving, PhaseInput::DuplicateSeen,   HostPhase::Leaving, "over"},

    {HostPhase::Refused, PhaseInput::PastKnown,       HostPhase::Refused, "a person must give out another id"},
    {HostPhase::Refused, PhaseInput::IncarnationHeld, HostPhase::Refused, "a person must give out another id"},
    {HostPhase::Refused, PhaseInput::LeaseEnded,      HostPhase::Refused, "no lease, no claims"},
    {HostPhase::Refused, PhaseInput::AllGone,         HostPhase::Refused, "no claims"},
    {HostPhase::Refused, PhaseInput::HostLeaves,      HostPhase::Refused, "says nothing to anybody"},
    {HostPhase::Refused, PhaseInput::DuplicateSeen,   HostPhase::Refused, "known already"},
}};

// clang-format on

HostPhase next_phase(HostPhase from, PhaseInput input) {
    const PhaseRow* found = nullptr;
    for (const PhaseRow& row : kPhaseTable) {
        if (row.from != from || row.input != input) continue;
        HF_CHECK(found == nullptr);
        found = &row;
    }
    HF_CHECK(found != nullptr);
    return found->to;
}

const char* to_string(HostPhase phase) {
    switch (phase) {
        case HostPhase::Reading: return "reading";
        case HostPhase::Writing: return "writing";
        case HostPhase::Member: return "member";
        case HostPhase::Lapsed: return "lapsed";
        case HostPhase::Leaving: return "leaving";
        case HostPhase::Refused: return "refused";
    }
    return "invalid";
}

}  // namespace holdfast
