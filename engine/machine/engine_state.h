// EngineState: the parts of the engine and how one step goes through them:
//     take the event in  ->  settle (what follows from it)  ->  put out (what must be written and sent)
// Each group of functions lives in the file that its comment names; what it changes is in the class of the same subject.
#pragma once

#include <vector>

#include "engine/base/mutant.h"
#include "engine/machine/admission_watch.h"
#include "engine/machine/core.h"
#include "engine/machine/engine.h"
#include "engine/machine/fencing.h"
#include "engine/machine/host_lease.h"
#include "engine/machine/isolation.h"
#include "engine/machine/keeper_state.h"
#include "engine/machine/leadership.h"
#include "engine/machine/membership.h"
#include "engine/machine/own_vms.h"
#include "engine/machine/past.h"
#include "engine/machine/peer_table.h"
#include "engine/machine/placement.h"
#include "engine/machine/plan.h"
#include "engine/machine/region_writer.h"
#include "engine/machine/roster_table.h"
#include "engine/machine/rounds.h"
#include "engine/machine/slot_io.h"
#include "engine/machine/timing_stage.h"

namespace holdfast {

enum class ClaimCheck : std::uint8_t { Wait, Clean, Renumber, Withdraw };

struct EngineState {
    EngineState(const EngineConfig& config, Instant started_at);

    // engine.cc: the order of things
    void step(const Event& event, Actions& actions);
    void settle();
    void judge_peers();
    void say_lost_lines();
    void note_beat_due();
    void change_phase(PhaseInput input);

    // quiet_beat.cc: the short way through a step
    [[nodiscard]] bool at_rest() const;
    [[nodiscard]] bool repeats_itself(const Beat& beat) const;
    void settle_quietly();

    // past.cc: phase Reading and Writing
    void begin_reading();
    void read_past();
    void note_hidden(SlotIo::Disk& disk, const SlotView& view) const;
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

    // config_adoption.cc: how a record comes to be in force here
    void on(const ConfigWritten& written);
    void on(const ConfigRead& read);
    void on(const MembershipKept& kept);
    void read_missing_config();
    void take_config(const ClusterConfig& config);
    void say_how_the_file_differs(HostId from);
    void note_maintenance();
    [[nodiscard]] bool members_agree() const;
    void publish_config();
    void settle_membership();
    void note_blackout();
    [[nodiscard]] LeaseTerms lease_terms() const;
    void settle_timing();
    void say_timing(bool used) const;

    // config_steps.cc: what the leader changes by itself
    void lead_config();
    void begin_step();
    void note_published();
    [[nodiscard]] bool settle_timing_change();
    void say_step(ConfigStep what, HostKey who, std::int64_t detail = 0) const;
    void leave_office_for_maintenance();
    [[nodiscard]] bool review_members();
    [[nodiscard]] ConfigStep step_for(const ClusterMember& member, const Peer& peer) const;

    // config_change.cc: what a person asks it to change
    void on(const ConfigChangeAsked& asked);
    [[nodiscard]] ChangeVerdict change_config(const TimingChange& asked);
    [[nodiscard]] ChangeVerdict change_config(const DatastoreChange& asked);
    [[nodiscard]] ChangeVerdict change_config(const MaintenanceChange& asked);
    [[nodiscard]] ChangeVerdict change_config(const MemberChange& asked);
    [[nodiscard]] ChangeVerdict may_vote(std::size_t datastore) const;
    [[nodiscard]] bool settled_without_rosters() const;
    void answer_change();
    // Leads, and its record of this epoch is in force: what it judges and orders counts.
    [[nodiscard]] bool leads_in_force() const;

    // member_change.cc: hosts that come and go
    [[nodiscard]] FixedList<HostId, kJoinersMax> list_members();
    [[nodiscard]] bool settled_without_roster_of(const Peer& peer) const;

    // lost_list.cc: when a majority of the datastores is lost
    [[nodiscard]] ChangeVerdict drop_list(const DatastoreChange& asked);
    void go_by_new_list(VoterSet voters);
    void record_lost_list();
    [[nodiscard]] bool claims_are_known() const;

    // beats.cc
    void on(const BeatReceived& received);
    void send_beats();

    // star.cc: who beats to whom in a large cluster, and who reads what
    [[nodiscard]] bool in_star() const;
    [[nodiscard]] bool is_hub(HostId host) const;
    [[nodiscard]] bool is_neighbour(HostId host) const;
    [[nodiscard]] bool calls_all() const;
    [[nodiscard]] bool beats_to(Peer& peer, bool to_all) const;
    [[nodiscard]] bool scans_all() const;
    [[nodiscard]] bool watches(HostId host) const;

    // lost_storage.cc: a leader without storage
    void begin_round();
    [[nodiscard]] bool storage_is_gone() const;
    void settle_lost_storage();

    // isolation_response.cc
    void on(const ProbeReport& report) { isolation.learn(core, report); }

    void settle_isolation();
    void settle_response(OwnVm& own);
    void say_held_back();
    [[nodiscard]] IsolationResponse response_of(const VmSpec& spec) const;
    [[nodiscard]] bool is_connected_since(const Peer& peer, Instant since) const;
    [[nodiscard]] bool gives_way_to_connected() const;
    [[nodiscard]] bool leader_could_restart() const;

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
    [[nodiscard]] bool is_end_of_run_before(OwnVm& own, StopCause cause);
    void crashed(OwnVm& own);
    void stopped_on_purpose(OwnVm& own);
    void left_behind(OwnVm& own);

    // claims.cc: claim, then scan, then start
    void settle_claims();
    void advance_claim(OwnVm& own);
    void begin_start(OwnVm& own, StartKind kind);
    void write_claim(OwnVm& own);
    [[nodiscard]] ClaimCheck check_claim(const OwnVm& own,
                                         StartFailure& failure,
                                         HostId& other) const;
    void claim_is_clean(OwnVm& own);
    void wait_for_libvirt(OwnVm& own);

    // migration.cc: two hosts agree through their claims
    [[nodiscard]] bool is_void(HostId host, Incarnation incarnation) const;
    void ask_arrival(OwnVm& own, const StartAsked& asked);
    [[nodiscard]] bool learn_source(OwnVm& own) const;
    [[nodiscard]] ClaimCheck check_source(const OwnVm& own,
                                          const RosterTable::Known& known,
                                          const Claim& source) const;
    void wait_for_arrival(OwnVm& own);
    void arrival_failed(OwnVm& own);
    void keep_arriving(OwnVm& own);
    [[nodiscard]] const Claim* handed_to(const OwnVm& own, HostId& host) const;
    [[nodiscard]] bool target_is_settled(const OwnVm& own);
    void settle_hand_overs();
    void leave_to(OwnVm& own, HostId other, bool runs_there);
    void name_target(OwnVm& own);
    void left_for_target(OwnVm& own);

    void give_claim_back(OwnVm& own);
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
    void disarm_keeper();
    [[nodiscard]] WatchdogClass own_watchdog_class() const;
    [[nodiscard]] Duration published_watchdog() const;
    [[nodiscard]] bool may_claim() const;
    [[nodiscard]] Instant start_until() const;

    // death_watch.cc: who is dead, and by what proof
    void look_again(HostId host);
    void watch_deaths();
    void watch_death(Peer& peer);
    void watch_silence(Peer& peer);
    [[nodiscard]] bool rests_until_next_beat(const Peer& peer) const;
    [[nodiscard]] Instant silence_began(const Peer& peer) const;
    [[nodiscard]] bool silent_since(const Peer& peer, Instant due, std::uint8_t& readings);
    [[nodiscard]] bool has_rebooted(const Peer& peer) const;
    void watch_reboot(Peer& peer);
    void certify(Peer& peer, const Certificate& certificate);
    void remember_mark(const Mark& mark);
    bool keep_certificate(const Peer& peer);
    void look_for_unread_dead();
    void add_hosts_in_the_way(VmId vm, HostSet& hosts) const;
    [[nodiscard]] HostSet hosts_orders_rest_on() const;
    bool certificates_for(const Plan& plan);

    // fencing.cc: proofs from outside
    void on(const FenceAnswered& answered);
    void on(const ConfirmDead& confirmed);
    void watch_from_outside(Peer& peer);
    void fence(Peer& peer, Fence& fence, std::uint8_t readings);
    void ask_fence(const Peer& peer, Fence& fence, FenceTask task);
    void proved_outside(const Peer& peer, Fence& fence, Proof proof);
    [[nodiscard]] bool is_at_stake(const Peer& peer) const;
    [[nodiscard]] Fence& fence_of(const Peer& peer);
    [[nodiscard]] const Fence& fence_of(const Peer& peer) const;

    // restart_plan.cc: what the leader does about it
    void plan_restarts();
    void begin_planning();
    [[nodiscard]] bool rosters_read_in_office();
    [[nodiscard]] bool may_plan();
    void go_through_plans();
    [[nodiscard]] VmStanding standing_of(VmId vm) const;
    void weigh(VmStanding& standing, const Claim& claim, HostKey owner, bool dead) const;
    void gather();
    void want_restart(const Claim& claim);
    void review(Plan& plan);
    void withdraw_order(Plan& plan);
    void give(Plan& plan);
    void look_for_rooms();
    void add_room(HostId host, const Capacity& of_host, std::uint64_t used_mib);
    [[nodiscard]] Room* room_of(HostId host);
    [[nodiscard]] const Claim* entry_of(HostId host, VmId vm) const;

    // start_order.cc: in which order, and what a start waits for
    void order_plans();
    void look_for_names();
    [[nodiscard]] AwaitedName* awaited(std::uint32_t name);
    [[nodiscard]] bool may_start_now(std::size_t place);
    [[nodiscard]] bool begins_circle(std::size_t first);
    void waits_no_longer(Plan& plan, std::uint8_t why);
    void look_for_groups();
    void add_group_spot(HostId host, const VmSpec& spec);
    void hosts_of_groups(const VmSpec& spec, HostSet& apart, HostSet& together) const;

    // admission_watch.cc: which failures could be absorbed
    void watch_admission();
    void begin_admission();
    [[nodiscard]] std::size_t gather_home();
    [[nodiscard]] std::uint64_t admission_depends_on() const;
    [[nodiscard]] std::uint64_t claims_known() const;
    void say_absorption();

    // output.cc: what must be written and sent
    void put_out();
    void compose_slot();
    void compose_roster();
    void compose_config();
    void compose_orders();
    void issue_slots();
    void note_usable();
    void announce();
    void settle_shutdown();
    void settle_departure();

    // Told to go, for an upgrade or with its host: nothing new begins here.
    [[nodiscard]] bool departing() const { return stopping || host_goes_down; }

    // Nothing of this incarnation is left to be written before it may say that it is over.
    [[nodiscard]] bool is_over() const;

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
    std::vector<Certificate> proofs;  // of each peer's death in this office, in their order
    std::vector<Fence> fences;        // one for each peer, in their order
    HostSet restless;                 // whom watch_deaths() looks at in every step
    bool watching = false;            // the last step did
    HostLease lease;
    Leadership leadership;
    Rounds rounds;
    Isolation isolation;
    bool responding = false;      // isolated, and somebody could restart what is stopped here
    bool held_back_said = false;  // isolated, and nobody could
    RosterTable rosters;
    OwnVms vms;
    Membership membership;
    TimingStage timing_stage;
    RegionWriter config_writer;
    RegionWriter roster_writer;
    RegionWriter orders_writer;
    Past past;
    Keeper keeper;
    SlotRecord own_slot;
    Roster own_roster;
    ConfigCopy own_config;           // what lies in this host's own region
    ClusterConfig config_step;       // what the leader is about to make
    std::uint64_t change_token = 0;  // of the change that a person asked for; 0: none is under way
    bool change_waits_for_all = false;    // it is done only once every counted member publishes it
    Instant published_since = kNotYet;    // since when all counted members publish the number held
    Sequence config_sequence;             // the first slot that published own_config
    Instant config_asked_at = kNotYet;    // when a missing record was last asked for
    std::uint8_t config_asked = 0;        // datastores that owe an answer about it
    bool members_known = true;            // members_agree() about what is held
    Instant voters_changed_at = kNotYet;  // when another list of datastores came to be in force
    VoterNames voters_left;               // to be recorded, as the old list is lost; empty: nothing
    Instant office_at = kNotYet;          // since when this host leads
    Orders own_orders;                    // what this host, as leader, orders
    Orders known_orders;                  // what the leader orders, as last read
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
    bool hand_overs_due = false;  // a roster changed, or a VM is on its way: somebody may wait
    bool list_complete = false;
    bool reconciled = false;
    bool stopping = false;
    bool host_goes_down = false;
    Instant stopping_since = kNotYet;
    bool ready_said = false;
    Sequence leaving_over;      // the first slot that says that this incarnation is over
    BeatNumber leaving_beat;    // the first beat that says so
    Sequence leaving_sequence;  // the first slot after the agent was told to go
    Capacity capacity;

    bool plan_due = false;
    Instant planned_at = kNotYet;  // when plans were last gone through
    HostSet unread;                // whose roster was not read yet in this office
    OrderNumber order_number;
    std::vector<Plan> plans;
    std::vector<Room> rooms;
    AdmissionWatch admission;
    std::vector<AwaitedName> awaited_names;
    std::vector<GroupSpot> group_spots;
    HostSet dead_unread;
    std::vector<std::uint8_t> circle_seen;
    std::vector<std::uint16_t> circle_stack;
    FixedList<Mark, kMarksMax> marks;
    std::uint64_t steps_count = 0;
    std::uint64_t beats_ignored_count = 0;
};

}  // namespace holdfast
