// Where this host's own agent is in its life, as a table.
//
//   Reading --> Writing --> Member --> Lapsed --> Reading ...
//
// Every (phase, input) pair has exactly one row; the unit test tries them all.
#pragma once

#include <array>
#include <cstdint>

namespace holdfast {

enum class HostPhase : std::uint8_t {
    Reading = 1,  // reads its own slot and roster from a majority, to learn its past
    Writing,      // writes its new incarnation to a majority, so that nobody used it before
    Member,       // holds its lease
    Lapsed,       // the lease ended: destroys its VMs and proves it
    Leaving,      // clean shutdown announced: never claims, stands or answers again
    Refused,      // another host uses this id: does nothing
};

enum class PhaseInput : std::uint8_t {
    PastKnown = 1,    // own slot and roster were read from a majority
    IncarnationHeld,  // the new incarnation is on a majority and persisted
    LeaseEnded,       // the lease ran out, or a pill was taken
    AllGone,          // every VM is proved gone and the claims are dropped
    HostLeaves,       // the host shuts down and holds no claim
    DuplicateSeen,    // another host uses this id
};

struct PhaseRow {
    HostPhase from;
    PhaseInput input;
    HostPhase to;
    const char* why;
};

inline constexpr std::size_t kPhaseRowsCount = 36;
extern const std::array<PhaseRow, kPhaseRowsCount> kPhaseTable;

// The phase after `input`.  Checks that exactly one row matches.
[[nodiscard]] HostPhase next_phase(HostPhase from, PhaseInput input);

// "member", "lapsed", ...; never null.
[[nodiscard]] const char* to_string(HostPhase phase);

}  // namespace holdfast
