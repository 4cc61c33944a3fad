// What the leader knows of the VMs that it means to restart (restart_plan.cc, start_order.cc).
#pragma once

#include "engine/base/fixed_list.h"
#include "engine/machine/roster.h"

namespace holdfast {

// A VM that the leader means to restart.
struct Plan {
    VmSpec spec;
    ClaimNumber above;
    HostKey previous;
    std::uint8_t attempt = 0;
    Instant not_before = kNotYet;
    bool given = false;  // an order for it is out
    OrderNumber number;
    HostId target;
    Instant given_at = kNotYet;
    FixedList<HostId, 8> tried;
    bool room_missed = false;            // nobody could take it at the last look
    Priority weight = Priority::Medium;  // its priority, or that of a VM which starts after it
    Instant waits_since = kNotYet;       // for VMs that it starts after
    Instant ready_at = kNotYet;          // they run: its delay ends then
    std::uint8_t wait_ends_said = 0;     // bits: why it was no longer waited for
};

inline constexpr std::uint16_t kNoPlan = 0xffff;

// What is known of a name that some plan waits for; see start_order.cc.
struct AwaitedName {
    std::uint32_t name = 0;               // its hash
    bool runs = false;                    // a VM of this name runs,
    GuestAgent agent = GuestAgent::None;  // and its guest so far
    bool coming = false;                  // one is being started, or moved
    std::uint16_t plan = kNoPlan;         // the plan to restart it, if any
};

// Where a VM with groups runs.
struct GroupSpot {
    HostId host;
    std::uint32_t apart = 0;
    std::uint32_t together = 0;
};

// What is known of one VM across all rosters.
struct VmStanding {
    bool held = false;     // somebody who is not proved dead claims it
    bool unknown = false;  // a roster that may claim it is not known
    bool wanted = false;   // the entry that decides says that it should run
    ClaimNumber top;       // the greatest claim number
    VmSpec spec;           // of that entry
    HostKey previous;      // whose entry that is
};

}  // namespace holdfast
