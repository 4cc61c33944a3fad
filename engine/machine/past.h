// What a starting or returning agent must learn from the datastores before it may write (phase Reading).
#pragma once

#include "engine/machine/roster.h"
#include "engine/machine/slot.h"

namespace holdfast {

struct Past {
    RequestId since;                // answers to older requests do not count
    Instant asked_at = kNotYet;     // when the own roster was last asked for
    std::uint8_t roster_asked = 0;  // datastores that owe an answer about the own roster
    std::uint8_t slot_mask = 0;  // voters whose copy of the own slot was read, or was never written
    std::uint8_t roster_mask = 0;  // the same for the own roster
    bool slot_found = false;
    SlotRecord slot;            // the newest
    bool roster_found = false;  // own_roster holds it
    bool known = false;         // both were read from a majority, in this life of the agent
};

}  // namespace holdfast
