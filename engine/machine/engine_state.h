// EngineState: the parts of the engine and how one step goes through them.
//
//     take the event in  ->  settle (what follows from it)  ->  put out (what must be written and sent)
//
// Each group of functions below lives in the file that its comment names; the data that it changes is in the class of
// the same subject.
#pragma once

#include <vector>

#include "engine/base/mutant.h"
#include "engine/machine/core.h"
#include "engine/machine/engine.h"
#include "engine/machine/host_lease.h"
#include "engine/machine/leadership.h"
#include "engine/machine/own_vms.h"
#include "engine/machine/peer_table.h"
#include "engine/machine/placement.h"
#include "engine/machine/region_writer.h"
#include "engine/machine/roster_table.h"
#include "engine/machine/slot_io.h"

namespace holdfast {

// What a starting or returning agent must learn from the datastores before it may write (phase Reading).
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

// What this host asked of its keeper and what the keeper answered.
struct Keeper {
    std::uint64_t arming = 0;       // asked for; 0: not armed
    std::uint64_t arming_last = 0;  // the greatest ever asked for
    bool reported = false;
    KeeperReport report;
    Instant deadline = kNever;  // as last told
    bool reset_asked = false;

    [[nodiscard]] bool armed() const { return arming != 0 && report.arming >= arming; }
};

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
    bool room_missed = false;  // nobody could take it at the last look
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

enum class ClaimCheck : std::uint8_t { Wait, Clean, Renumber, Withdraw };

struct EngineState {
    EngineState(const EngineConfig& config, Instant started_at);

    // engine.cc: the order of things
    void step(const Event& event, Actions& actions);
    void settle();
    void note_beat_due();
    void change_phase(PhaseInput input);

    // quiet_beat.cc: the short way through a step
    [[nodiscard]] bool at_rest() const;
    [[nodiscard]] bool repeats_itself(const Beat& beat) const;
    void settle_quietly();

    // past.cc: phase Reading and Writing
    void begin_reading();
    void read_past();
    void learn_own_slot(DatastoreIndex datastore, const SlotView& view);
    void learn_own_roster(const RosterRead& read);
    [[nodiscard]] bool learn_past();
    void settle_past();
    void choose_incarnation();
    void load_own_roster();
    void settle_writing();

    // storage_events.cc
    void on(const Tick& tick);
    void on(const SlotWritten& written);
    void on(const SlotsRead& read);
    void on(const RosterWritten& written);
    void on(const RosterRead& read);
    void on(const OrdersWritten& written);
    void on(const OrdersRead& read);
    void learn_slot(const SlotRecord& record);
    void learn_marks(const SlotRecord& record);
    void forget_superseded(const RosterTable::Known& known);

    // beats.cc
    void on(const BeatReceived& received);
    void send_beats();

    // vm_events.cc
    void on(const IncarnationPersisted& persisted);
    void on(const KeeperReport& report);
    void on(const VmSeen& seen);
    void on(const VmListComplete& complete);
    void on(const VmStopped& stopped);
    void on(const VmStarted& started);
    void on(const VmResumed& resumed);
    void on(const VmGone& gone);
    void on(const StartAsked& asked);
    void on(const CapacityReport& report);
    void on(const ShutdownAsked& asked);
    void reconcile_claims();
    void crashed(OwnVm& own);
    void stopped_on_purpose(OwnVm& own);

    // claims.cc: claim, then scan, then start
    void settle_claims();
    void advance_claim(OwnVm& own);
    void begin_start(OwnVm& own, StartKind kind);
    void write_claim(OwnVm& own);
    [[nodiscard]] ClaimCheck check_claim(const OwnVm& own,
                                         StartFailure& failure,
                                         HostId& other) const;
    void claim_is_clean(OwnVm& own);
    void withdraw(OwnVm& own, StartFailure failure, HostId other);
    void start_failed(OwnVm& own, StartFailure failure);
    void running(OwnVm& own);
    void answer_start(OwnVm& own, StartVerdict verdict, HostId other);
    void take_orders(const Orders& orders);
    void take_order(const Orders& orders, const Order& order);
    [[nodiscard]] ClaimNumber greatest_number(VmId vm) const;
    [[nodiscard]] bool certified(const Orders& orders, HostKey key) const;
    [[nodiscard]] const Orders* current_orders() const;
    void read_orders();

    // self_fence.cc: when the lease ends
    void lapse();
    void destroy_held();
    void destroy_strays();
    void settle_lapsed();
    void start_over();
    void settle_keeper();

    // The weaker of what the configuration expects and what the keeper found; only an armed keeper counts, see death_watch.cc.
    [[nodiscard]] WatchdogClass own_watchdog_class() const {
        return keeper.reported ? std::min(core.config.watchdog_class, keeper.report.watchdog_class)
                               : core.config.watchdog_class;
    }

    [[nodiscard]] bool may_claim() const {
        return keeper.armed() || core.config.watchdog_class == WatchdogClass::None ||
               planted(Mutant::KeeperArmedAfterClaim);
    }

    // Until when libvirt may be asked to start or resume something; the executor looks at the clock once more.
    [[nodiscard]] Instant start_until() const {
        return planted(Mutant::StartOutlivesLease) ? kNever : lease.ends();
    }

    // death_watch.cc: who is dead, and by what proof
    void watch_deaths();
    void watch_silence(Peer& peer);
    void watch_reboot(Peer& peer);
    void certify(Peer& peer, const Certificate& certificate);

    // restart_plan.cc: what the leader does about it
    void plan_restarts();
    [[nodiscard]] bool rosters_read_in_office();
    [[nodiscard]] VmStanding standing_of(VmId vm) const;
    void weigh(VmStanding& standing, const Claim& claim, HostKey owner, bool dead) const;
    void gather();
    void want_restart(const Claim& claim);
    void review(Plan& plan);
    void withdraw_order(Plan& plan);
    void give(Plan& plan);
    void look_for_rooms();
    [[nodiscard]] const Claim* entry_of(HostId host, VmId vm) const;

    // output.cc: what must be written and sent
    void put_out();
    void compose_slot();
    void compose_roster();
    void compose_orders();
    void issue_slots();
    void note_usable();
    void announce();
    void settle_shutdown();
    [[nodiscard]] bool may_write() const;

    [[nodiscard]] Sequence next_sequence() const { return sequence.next(); }

    void touch_slot() { ++content; }

    // snapshot.cc
    void fill(Snapshot& snapshot) const;

    Core core;
    HostPhase phase = HostPhase::Reading;
    Instant started_at;
    SlotIo slots;
    PeerTable peers;
    HostLease lease;
    Leadership leadership;
    RosterTable rosters;
    OwnVms vms;
    RegionWriter roster_writer;
    RegionWriter orders_writer;
    Past past;
    Keeper keeper;

    SlotRecord own_slot;
    Roster own_roster;
    Orders own_orders;    // what this host, as leader, orders
    Orders known_orders;  // what the leader orders, as last read
    bool orders_known = false;
    Instant orders_asked_at = kNotYet;
    std::uint8_t orders_asked = 0;  // datastores that owe an answer about orders
    bool orders_taken = false;      // known_orders was looked through

    Incarnation persisted;          // survives a restart of the agent
    Incarnation persist_asked;      // a new boot part is persisted once a majority holds it
    Sequence sequence;              // of the newest slot composed
    std::uint64_t content = 1;      // grows when the slot's content must be written soon
    Sequence incarnation_sequence;  // the first slot that carries the present incarnation
    Instant next_beat_at;
    bool beat_due = false;
    bool rests = false;     // at_rest() after the last step
    bool doorbell = false;  // peers should hear at once
    BeatNumber beat_number;

    Instant lapsed_at = kNotYet;
    bool list_complete = false;
    bool reconciled = false;
    bool stopping = false;
    bool host_goes_down = false;
    Instant stopping_since = kNotYet;
    bool ready_said = false;
    Sequence leaving_sequence;  // the first slot after the agent was told to go
    Capacity capacity;

    bool plan_due = false;
    OrderNumber order_number;
    std::vector<Plan> plans;
    std::vector<Room> rooms;
    FixedList<Mark, kMarksMax> marks;

    std::uint64_t steps_count = 0;
    std::uint64_t beats_ignored_count = 0;
};

}  // namespace holdfast
