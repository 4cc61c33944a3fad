// SimHost: one machine with its clock, keeper, hypervisor and agent.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/machine/engine.h"
#include "tests/sim/check/health_log.h"
#include "tests/sim/world/agenda.h"
#include "tests/sim/world/hypervisor.h"
#include "tests/sim/world/keeper.h"
#include "tests/sim/world/tape.h"
#include "tests/sim/world/twin.h"

namespace holdfast::sim {

// A fault that strikes in the middle of a step's actions.
enum class TrapKind : std::uint8_t { None, FreezeHost, StopAgent, KillAgent, PowerOff };

struct Trap {
    TrapKind kind = TrapKind::None;
    std::uint32_t actions_left = 0;  // carried out before it strikes
    Duration undo_after{};
    std::uint32_t undo_index = 0;  // given to the fault driver then
};

// What the device that cuts a host's power does when it is used.
enum class FenceMode : std::uint8_t {
    Ok,
    Fail,  // its program returns an error, and `status` too
    Hang,  // its program does not end
    Lie,   // `off` returns 0 and does nothing; `status` tells the truth
};

struct SimHost {
    HostId id;
    HostClock clock;
    bool boot_planned = false;  // it will boot without anybody's doing
    bool powered = false;       // it has booted
    std::uint32_t power_life = 0;
    std::uint32_t boot_count = 0;
    BootId boot_id;
    bool frozen = false;         // the whole host stands still
    bool agent_stopped = false;  // only the agent's processes do
    Keeper keeper;
    std::uint32_t watchdog_life = 0;
    WorldTime watchdog_planned_at = kWorldNever;
    std::unique_ptr<Hypervisor> hypervisor;
    FenceMode fence_mode = FenceMode::Ok;

    // The agent.
    std::unique_ptr<Engine> engine;
    std::unique_ptr<Tape> tape;          // null unless configured
    std::unique_ptr<Twin> twin;          // null unless configured
    std::uint32_t life = 0;              // of the agent; counts its starts over all boots
    Incarnation persisted;               // in /run
    std::optional<KeptMembership> kept;  // in /run
    bool leaving = false;                // it was told that its host goes down
    bool upgrading = false;              // it was told to go, and comes back
    WorldTime mail_ready_at{};           // mail arrives in order
    Epoch told_epoch;                    // the last decided epoch that the checkers heard from it
    std::uint32_t fast_ticks_count = 0;
    WorldTime last_tick_at{};

    // What waits while it stands still.
    std::vector<AgendaEntry> inbox;
    std::vector<Action> unfinished;  // actions of a step that was interrupted
    Trap trap;

    // For the checkers.
    Instant lease_end = kNotYet;          // the last lease known to have been held in this boot
    WorldTime lease_since{};              // since when it has been held without a break
    WorldTime agent_since = kWorldNever;  // since when the agent has run without a break
    WorldTime libvirt_troubled_at = kWorldNever;
    WorldTime frozen_last_at{};     // the end of the last time that it stood still
    WorldTime heard_last_at{};      // when its agent was last handed a beat
    WorldTime addressed_last_at{};  // when it was last told that the address answered
    WorldTime led_last_at = kWorldNever;
    HealthLog storage_way;
    HealthLog leader_way;

    [[nodiscard]] bool can_step() const {
        return powered && engine != nullptr && !frozen && !agent_stopped;
    }

    [[nodiscard]] Instant now(WorldTime world_now) const { return clock.read(world_now); }
};

}  // namespace holdfast::sim
