// What this host asked of its keeper, and what the keeper answered.
#pragma once

#include "engine/machine/event.h"

namespace holdfast {

struct Keeper {
    std::uint64_t arming = 0;       // asked for; 0: not armed
    std::uint64_t arming_last = 0;  // the greatest ever asked for
    bool reported = false;
    KeeperReport report;
    Instant deadline = kNever;  // as last told
    bool reset_asked = false;

    [[nodiscard]] bool armed() const { return arming != 0 && report.arming >= arming; }
};

}  // namespace holdfast
