// Fencing: what the leader does from outside about a silent host, and how far that has come (design section 8).
//
//   silent, something at stake ----------------------> Prepare: does the device answer at all?
//   start + lease with drift, majority reads after that show nothing newer
//                                --------------------> Off: `off`, then `status`
//   `status` says off --- landing, still no sign -----> the proof PowerOff
//
// Anything newer of the host begins it all anew: slow is not dead.  Once `off` is under way, a slot is no such sign, for a write of
// the dead host may land late; a beat is, and so is a newer incarnation.
#pragma once

#include "engine/base/types.h"
#include "engine/machine/action.h"
#include "engine/machine/orders.h"

namespace holdfast {

struct Fence {
    Instant evidence_at = kNotYet;  // the last sign of the host when this began
    Incarnation incarnation;        // whom `off`, or the person, was about
    BootId boot_id;                 // of that incarnation
    Instant beat_at = kNotYet;      // its last beat then
    bool prepared = false;
    RequestId request;  // unanswered; none: nothing is under way
    FenceTask task = FenceTask::Prepare;
    bool stale = false;  // the host showed life since: the answer is about the past
    Instant asked_at = kNotYet;
    Instant retry_at = kNotYet;
    std::uint8_t attempts_count = 0;
    Instant proved_at = kNotYet;  // power verified off, or confirmed by a person
    Proof proof = Proof::PowerOff;
};

// A request that was never answered is given up after this: the worker's own limit is far below.
inline constexpr Duration kFenceForgotten = std::chrono::minutes{5};
// Between two tries: the lease, twice that, four times, and so on up to this.
inline constexpr Duration kFenceRetryMax = std::chrono::minutes{1};

}  // namespace holdfast
