// World: a whole cluster in virtual time: engines, the executors around them, hardware, people.
//
//     Agenda --> World --> Engine::step() --> actions --> IoPaths, Network, Keeper, Hypervisor --> Agenda
//
// Everything follows from ClusterConfig and the calls below; the same calls at the same times give the same run.  After
// every step the checkers look; the first broken promise stops the run.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/machine/engine.h"
#include "tests/sim/check/leader_checker.h"
#include "tests/sim/check/run_checker.h"
#include "tests/sim/check/violation.h"
#include "tests/sim/world/agenda.h"
#include "tests/sim/world/alarms.h"
#include "tests/sim/world/chance.h"
#include "tests/sim/world/cluster_config.h"
#include "tests/sim/world/codecs.h"
#include "tests/sim/world/host.h"
#include "tests/sim/world/io_paths.h"
#include "tests/sim/world/log.h"
#include "tests/sim/world/network.h"
#include "tests/sim/world/tally.h"
#include "tests/sim/world/vm_world.h"

namespace holdfast::sim {

class World : public HypervisorOwner {
  public:
    World(const ClusterConfig& config, Log* log);
    ~World() override = default;
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Every host gets power, its agent and its VMs.
    void start();
    // Until `limit`, or a broken promise.
    void run_until(WorldTime limit);

    [[nodiscard]] WorldTime now() const { return now_; }

    [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }

    void fail(const char* promise, const std::string& text);

    // ---- power, processes, clocks (world_power.cc, world_agents.cc)
    void power_off(HostId host);
    void power_on(HostId host);
    void reset(HostId host, const char* why);
    void freeze(HostId host);
    void thaw(HostId host);
    void stop_agent(HostId host);
    void continue_agent(HostId host);
    void kill_agent(HostId host, Duration restart_after);
    void start_agent(HostId host);
    void upgrade_agent(HostId host);
    // People shut the host down: its VMs are stopped, its agent says goodbye, its power goes.
    void shut_down(HostId host);
    void set_drift(HostId host, std::int64_t drift_ppm);
    void set_trap(HostId host, const Trap& trap);

    // ---- storage and network
    void set_path(DatastoreIndex datastore, HostId host, PathFault fault);
    void set_link(HostId from, HostId to, std::uint8_t link, const LinkFault& fault);
    // None: the isolation address itself; else this host's way to it.
    void set_isolation_address(HostId host, bool answers);

    // ---- VMs
    bool start_by_person(VmIndex vm, HostId host);
    bool stop_by_person(VmIndex vm);
    void crash_vm(VmIndex vm);
    // A person migrates it (world_migration.cc).  False: it runs nowhere, or libvirt is busy with it.
    bool migrate(VmIndex vm, HostId to);
    void set_libvirt(HostId host, LibvirtMode mode);

    // ---- proofs from outside (world_fence.cc)
    void set_fence(HostId host, FenceMode mode);
    // A person types at the leader's that `host` is dead.  False: nobody leads, or the leader does not know the host.
    bool confirm_dead(HostId host);

    // ---- the fault driver's entries in the agenda
    void remind(WorldTime at, std::uint32_t index) { agenda_.put(at, Wake::FaultActs, 0, index); }

    void on_reminder(std::function<void(std::uint32_t)> driver) { driver_ = std::move(driver); }

    // ---- what can be seen
    [[nodiscard]] const ClusterConfig& config() const { return config_; }

    [[nodiscard]] std::size_t hosts_count() const { return hosts_.size(); }

    [[nodiscard]] const SimHost& host(HostId id) const { return hosts_[id.value() - 1U]; }

    [[nodiscard]] std::vector<Vm>& vms() { return vms_; }

    [[nodiscard]] const std::vector<Vm>& vms() const { return vms_; }

    [[nodiscard]] HostId where(VmIndex vm) const { return runs_.where(vm); }

    [[nodiscard]] HostId leader() const;

    [[nodiscard]] const IoPaths& io() const { return io_; }

    [[nodiscard]] const Network& network() const { return network_; }

    [[nodiscard]] Tally& tally() { return tally_; }

    [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

    // Since the start: resets of hosts, and running VMs that an engine destroyed.
    [[nodiscard]] std::uint64_t resets_count() const { return resets_count_; }

    [[nodiscard]] std::uint64_t kills_count() const { return kills_count_; }

    [[nodiscard]] std::uint64_t refusals_of(VmIndex vm, HostId host) const;

    // A person asks `host` to change the cluster's configuration (world_config.cc); what was answered last.
    void ask_change(HostId host, const ConfigChange& change);
    // Asks the leader to take back what keeps hosts out of work: maintenance, or that they are no members.
    void end_maintenance();
    void restore_members();
    // Gone for everybody, and never back; and what a person makes of it once a majority is.
    void lose_datastore(DatastoreIndex datastore);
    // Bit d: datastore d votes, by the record that the agent of `host` holds.
    [[nodiscard]] std::uint8_t voters_of(HostId host) const;
    void give_up_lost_datastores(HostId at);
    // What a person types to make `host` a member.
    [[nodiscard]] static MemberChange member_added(HostId host);
    [[nodiscard]] bool in_maintenance(HostId host) const;

    // The shortest and the longest of every part of the timings that this run has had.
    [[nodiscard]] const Timing& shortest() const { return shortest_; }

    [[nodiscard]] const Timing& longest() const { return longest_; }

    [[nodiscard]] const std::optional<AnswerChange>& change_answer() const {
        return change_answer_;
    }

    [[nodiscard]] WorldTime reset_at(HostId host) const { return reset_at_[host.value() - 1U]; }

    // What one host's steps cost this computer from now on; changes nothing else.
    struct StepCost {
        HostId host;
        std::uint64_t steps = 0;
        double all_ms = 0;
        double step_max_ms = 0;
        double plan_max_ms = 0;  // of a step that gave orders
        double since_death_ms =
            0;                   // of the step that declared the first host dead, and all after it
        double plan_all_ms = 0;  // of those up to the last that gave orders
    };

    void watch_cpu(HostId host) { watched_ = StepCost{host}; }

    [[nodiscard]] const StepCost& watched() const { return watched_; }

    void say(HostId host, const std::string& text);

    [[nodiscard]] bool listening() const { return log_ != nullptr; }

  private:
    [[nodiscard]] SimHost& at(HostId id) { return hosts_[id.value() - 1U]; }

    void make_vms();

    // ---- the loop (world.cc)
    void dispatch(const AgendaEntry& entry);
    void tick(SimHost& host);
    void io_done(SimHost& host, const AgendaEntry& entry);
    void beat_arrives(SimHost& host, const AgendaEntry& entry);
    void mail_arrives(SimHost& host, const AgendaEntry& entry);
    void deliver(SimHost& host, const AgendaEntry& entry);
    void deliver_io(SimHost& host, std::uint32_t index);
    void discard(const AgendaEntry& entry);
    void step(SimHost& host, const Event& event);
    void step_watched(SimHost& host, const Event& event);
    void person_acts(const AgendaEntry& entry);
    void probe_round(SimHost& host, std::uint32_t life);

    // ---- carrying out (world_actions.cc)
    void carry_out(SimHost& host);
    void carry_out_one(SimHost& host, const Action& action);
    // Through the shipped formats, and that they change nothing.
    template <typename Record>
    Record& through_codecs(Record& record);
    void carry_out_keeper(SimHost& host, const Action& action);
    void change_answered(HostId host, const AnswerChange& answer);
    void trace(SimHost& host, const Trace& line);
    void spring_trap(SimHost& host);
    void keeper_changed(SimHost& host, bool report);
    void plan_watchdog(SimHost& host);
    void watchdog_looks(SimHost& host, std::uint32_t life);

    void carry_out(SimHost& host, const FenceHost& action);
    void carry_out(SimHost& host, const AnswerConfirm& answer);
    void fence_moves(SimHost& asker, std::uint32_t index);
    void check_fence(const SimHost& target);

    // ---- power and processes
    void boot(SimHost& host);
    void host_dies(SimHost& host, const std::string& why);
    void agent_dies(SimHost& host);
    [[nodiscard]] Capacity capacity_of(HostId id) const;
    void drain(SimHost& host);

    // ---- HypervisorOwner
    void mail(HostId host, std::uint32_t life, const decltype(Event::body)& body) override;
    void vm_runs(HostId host, VmIndex vm, ClaimNumber claim, RunCause cause) override;
    void vm_handed(HostId host, VmIndex vm) override;
    void vm_ended(HostId host, VmIndex vm, EndCause cause) override;
    void start_refused(HostId host, VmIndex vm, const char* why) override;
    [[nodiscard]] bool agent_answers(HostId host) const override;
    [[nodiscard]] Instant local_now(HostId host) const override;

    // ---- checkers (world_checks.cc)
    void check_step(SimHost& host);
    void check_regularly();
    void check_claim(HostId host, VmIndex vm);
    // Whether the response of an isolated host was right (world_isolation.cc).
    void check_response(SimHost& host, const Trace& line);
    [[nodiscard]] bool could_be_isolated(const SimHost& host) const;
    void note_stops(HostId host);
    void check_reset(SimHost& host, const char* why);
    // Whether the lease of `host` that ended at `end` could have been kept; why not, if it could.
    [[nodiscard]] std::optional<std::string> lapse_without_need(const SimHost& host,
                                                                Instant end) const;
    void note_ways(HostId host);
    void note_all_ways();

    ClusterConfig config_;
    Log* log_;
    Agenda agenda_;
    Chance chance_;
    Tally tally_;
    WorldTime now_{};
    IoPaths io_;
    Network network_;
    std::vector<Vm> vms_;
    std::vector<SimHost> hosts_;
    Alarms alarms_;  // when engines want a tick
    Pool<decltype(Event::body)> mails_;

    // One use of a fence device: `off` if that was asked, then `status`.
    struct FenceCall {
        FenceHost order;
        std::uint32_t life = 0;  // of the agent that asked
        std::uint32_t power_life = 0;
        bool off_over = false;
        FenceReply off = FenceReply::NotRun;
    };

    Pool<FenceCall> fence_calls_;

    enum class Scene : std::uint8_t {
        LettingIn,
        Launching,
        Copying,
        HandedOver,
        Leaving,
        GivingUp
    };

    struct Migration {
        VmIndex vm = 0;
        HostId from;
        HostId to;
        std::uint32_t from_life = 0;  // of the power state
        std::uint32_t to_life = 0;
        Scene scene = Scene::LettingIn;
        int looks = 0;
        bool fails = false;  // while memory is copied
        bool hangs = false;  // the copying does not come to an end for long
        bool slow = false;   // between the source's pause and the target's start, and after
        bool client_goes_on = false;  // the target is told to run it although the source is gone
        bool forgotten = false;       // nobody ends the paused copy of the source
        bool ends_as_crash = false;   // and who ends it calls it a crash
    };

    void put_migration(std::uint32_t index, const Span& span);
    void migration_moves(std::uint32_t index);
    [[nodiscard]] std::optional<Span> next_scene(Migration& move);
    [[nodiscard]] bool stands_still(const SimHost& host, std::uint32_t life) const;

    [[nodiscard]] std::string name_of(VmIndex vm) const {
        return std::string(vms_[vm].spec.name.view());
    }

    Pool<Migration> migrations_;
    std::unique_ptr<Actions> actions_;
    std::unique_ptr<Codecs> codecs_;  // null unless configured
    std::function<void(std::uint32_t)> driver_;

    RunChecker runs_;
    LeaderChecker leaders_;
    std::optional<Violation> violation_;
    WorldTime next_check_at_{};
    std::uint64_t fingerprint_ = 0x9e3779b97f4a7c15U;
    bool stops_pending_ = false;  // people have stopped a VM in this run
    StepCost watched_;
    std::uint64_t resets_count_ = 0;
    std::uint64_t kills_count_ = 0;
    std::uint64_t changes_asked_ = 0;
    std::optional<AnswerChange> change_answer_;
    std::uint8_t datastores_lost_ = 0;  // bit d: datastore d, for ever
    std::uint32_t end_turns_ = 0;
    Timing shortest_;
    Timing longest_;
    bool voters_changed_ = false;  // another list of datastores was asked for
    std::vector<WorldTime> reset_at_;
    std::map<std::pair<VmIndex, HostId>, std::uint64_t> refusals_;
};

}  // namespace holdfast::sim
