// AdmissionWatch: when the leader looks anew at what it could absorb, and what it has said of it (admission_watch.cc).
#pragma once

#include "engine/machine/admission.h"

namespace holdfast {

struct AdmissionWatch {
    explicit AdmissionWatch(std::size_t hosts_max);

    // Whether nothing is being looked at, so that nothing waits for the next step.
    [[nodiscard]] bool at_rest() const { return !gathering && !playing; }

    void forget();

    Admission rehearsal;
    bool gathering = false;  // homes are being added: all up to `next_home` were,
    std::size_t next_home = 0;
    bool playing = false;           // and then it is played through
    std::uint64_t seen = 0;         // what the last look began with, as one number
    std::uint64_t claims_seen = 0;  // the claims that its VMs point to
    Instant begun_at = kNotYet;
    FixedList<VmSpec, 64> waiting;    // for room
    bool absorbs = true;              // as last said
    Instant differs_since = kNotYet;  // from what was said
};

}  // namespace holdfast
