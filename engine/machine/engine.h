// Engine: the whole decision-maker, as one function.
//
//     events  --->  step(event, actions)  --->  actions
//
// step() is deterministic, never blocks, never allocates, never throws and never looks at a clock.  Feed it the same
// events in the same order and it emits the same actions, on any machine, at any speed.  tests/sim drives it exactly as
// agent/ does.
//
// The caller's side of the contract
//   1. Events carry non-decreasing Instants, read when the caller takes the event in hand.
//   2. Actions are carried out in order and before the next step.  One that spends the lease carries valid_until, and the
//      executor checks its own clock against that right before acting: a decision goes stale.
//   3. Every action that can fail comes back as an event.  The engine assumes nothing worked.
//   4. One thread at a time.
//   5. A Tick follows no later than next_wakeup(), and sooner never harms.
#pragma once

#include <memory>
#include <optional>

#include "engine/base/host_set.h"
#include "engine/base/types.h"
#include "engine/machine/action.h"
#include "engine/machine/cluster_config.h"
#include "engine/machine/event.h"
#include "engine/machine/orders.h"
#include "engine/machine/roster.h"
#include "engine/machine/slot.h"
#include "engine/machine/snapshot.h"
#include "engine/machine/timing.h"

namespace holdfast {

// Beyond `mesh_max` members not everybody beats to everybody and reads everything (star.cc).
struct Star {
    std::uint16_t mesh_max = 64;
    std::uint8_t deputies = 2;    // hosts beside the leader that hear and read everybody
    std::uint8_t neighbours = 2;  // on either side in the ring of members
};

struct EngineConfig {
    HostId self;
    Uuid host_uuid;
    BootId boot_id;
    Timing timing;
    FixedList<HostId, kHostsMax>
        members;                        // every host of the cluster, this one included, ascending
    HostId host_id_max{kHostsMax};      // no host beyond it can join while this agent runs
    std::uint8_t voters_count = 0;      // datastores 0..voters_count-1 vote: 1, 3 or 5
    std::uint8_t datastores_count = 0;  // voters and spare
    // What the configuration expects: None without a watchdog, else Hardware; KeeperReport says what was found.
    WatchdogClass watchdog_class = WatchdogClass::None;
    HostSet fenceable;  // members with a fence device that this host can use
    bool accept_weak_watchdog =
        false;  // the operator accepted, in words, that silence alone proves death (design section 8)
    bool asks_isolation_addresses =
        false;  // some are configured: ProbeReport says what they answer
    IsolationResponse isolation_response = IsolationResponse::Leave;  // of VMs that say nothing
    Duration shutdown_limit = std::chrono::minutes{2};  // for guests that are asked to shut down
    Duration blackout_limit = std::chrono::minutes{5};  // see cluster_config.h
    // What the datastores are called, by position; by these names the cluster's configuration knows them.
    FixedList<DatastoreName, kDatastoresMax> datastores;
    // What a predecessor within this boot knew of the cluster's configuration.
    std::optional<KeptMembership> kept;
    // What a predecessor within this boot left in `run` (docs: Incarnations).  boot() is 0 when this boot has had no agent yet;
    // restart() must be greater than every predecessor's, and persisted before the engine is made.
    Incarnation incarnation;
    // The end of the predecessor's lease, from the keeper's page; kNotYet when there is none to continue.
    Instant lease_inherited_until = kNotYet;
    std::uint64_t arming_inherited = 0;  // the keeper's current arming, 0 when it is not armed
    std::uint64_t seed = 1;              // of the engine's own Prng (stand-off between rivals)
    // Steps for beats that repeat themselves take a short way (quiet_beat.cc); the result is the same.
    bool quiet_beats = true;
    Star star;
};

class Engine {
  public:
    // Allocates everything that it will ever need.  `started_at` is the time of construction.
    // REQUIRES: is_safe(config.timing); members contain self; voters_count is 1, 3 or 5; datastores are datastores_count names, no
    // two alike, or none at all: then they are called "1", "2", ….
    Engine(const EngineConfig& config, Instant started_at);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Takes one event in, and replaces the content of `actions` by what is to be done.
    void step(const Event& event, Actions& actions);

    // When the next Tick is due, at the latest.
    [[nodiscard]] Instant next_wakeup() const;

    // What WriteSlot, WriteRoster, WriteOrders and WriteConfig write; valid until the next step.
    [[nodiscard]] const SlotRecord& own_slot() const;
    [[nodiscard]] const Roster& own_roster() const;
    [[nodiscard]] const Orders& own_orders() const;
    [[nodiscard]] const ConfigCopy& own_config() const;
    // What KeepMembership keeps; valid until the next step.
    [[nodiscard]] const KeptMembership& kept() const;

    // Facts for tests, checkers and the executor.
    [[nodiscard]] HostPhase phase() const;
    [[nodiscard]] Instant lease_ends() const;       // kNotYet: none held
    [[nodiscard]] bool leading(Instant now) const;  // holds the leader lease
    [[nodiscard]] Epoch epoch() const;              // the highest decided epoch known
    [[nodiscard]] bool barred() const;              // neither stands, judges nor vouches
    [[nodiscard]] const Timing& timing() const;     // that this host goes by now
    [[nodiscard]] Instant feed_deadline() const;  // what the keeper was last told; kNever: disarmed

    // Fills `snapshot` as of the last step.
    void fill(Snapshot& snapshot) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace holdfast
