// MiniCluster: a few engines, perfect datastores and a perfect network, with switches for what a directed test needs.
//
// It is no simulator (that is tests/sim): nothing is random here, so that a test reads like the sentence that it proves.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/engine/mini_host.h"

namespace holdfast::testing {

// Whether `action` is one of that kind.
template <typename Kind>
[[nodiscard]] bool is(const Action& action) {
    return std::holds_alternative<Kind>(action);
}

class MiniCluster {
  public:
    MiniCluster(std::size_t hosts_count,
                std::uint8_t voters_count,
                const Timing& timing,
                std::uint8_t spares_count = 0)
        : timing_(timing),
          voters_count_(voters_count),
          disks_(static_cast<std::size_t>(voters_count + spares_count)) {
        for (std::size_t i = 1; i <= hosts_count; ++i)
            members_.push(HostId{static_cast<std::uint16_t>(i)});
        hosts_.resize(hosts_count + 1);
        actions_ = std::make_unique<Actions>();
        for (std::size_t i = 1; i <= hosts_count; ++i) power_on(static_cast<int>(i));
    }

    Duration blackout_limit = std::chrono::minutes{5};  // of agents that start from now on

    MiniHost& host(int id) { return hosts_[static_cast<std::size_t>(id)]; }

    std::vector<MiniDisk>& disks() { return disks_; }

    [[nodiscard]] Instant now() const { return now_; }

    void power_on(int id) {
        MiniHost& machine = host(id);
        machine.powered = true;
        machine.persisted = {0, 1};
        machine.kept.reset();
        machine.config.boot_id = uuid_of(2, static_cast<std::uint8_t>(++boots_));
        start_agent(id, machine.persisted, kNotYet, 0);
    }

    void power_off(int id) {
        host(id).powered = false;
        host(id).engine.reset();
        host(id).running.clear();
        host(id).paused.clear();
        host(id).moving.clear();
        host(id).arming = 0;
        host(id).deadline = kNever;
        ++lives_[id];
    }

    // The agent dies and comes back at once; VMs and keeper go on.
    void restart_agent(int id) {
        MiniHost& machine = host(id);
        ++lives_[id];
        machine.persisted = {machine.persisted.boot(), machine.persisted.restart() + 1};
        start_agent(id,
                    machine.persisted,
                    machine.arming == 0 ? kNotYet : machine.deadline,
                    machine.arming);
    }

    void return_keeper(int id) {
        host(id).keeper_away = false;
        send(id, KeeperReport{host(id).arming, timing_.watchdog, WatchdogClass::Hardware});
    }

    void return_list(int id) {
        MiniHost& machine = host(id);
        for (const auto& [vm, spec] : machine.running) send(id, VmSeen{spec, VmRunState::Running});
        for (const auto& [vm, spec] : machine.paused) send(id, VmSeen{spec, VmRunState::Paused});
        for (const auto& [vm, spec] : host(id).moving) send(id, VmSeen{spec, VmRunState::Moving});
        send(id, VmListComplete{});
    }

    void run_vm(int id, std::uint8_t number) {
        const VmSpec spec = vm_spec(number);
        host(id).running[spec.vm] = spec;
        send(id, VmSeen{spec, VmRunState::Running});
    }

    void send(int id, const decltype(Event::body)& body) {
        later(Duration{}, id, [body](MiniCluster& cluster, int host_id) {
            cluster.step(host_id, body);
        });
    }

    // Hands one event to the engine now, and carries out what it asks for.
    void step(int id, const decltype(Event::body)& body) {
        if (!host(id).engine) return;
        host(id).engine->step({now_, body}, *actions_);
        const std::vector<Action> actions(actions_->begin(), actions_->end());
        for (const Action& action : actions) {
            if (host(id).swallow && host(id).swallow(action)) continue;
            std::visit([this, id](const auto& what) { carry_out(id, what); }, action);
        }
    }

    void run(Duration span) {
        const Instant end = now_ + span;
        while (true) {
            Instant next = end;
            for (const Job& job : jobs_) next = std::min(next, job.at);
            for (std::size_t i = 1; i < hosts_.size(); ++i) {
                if (hosts_[i].engine)
                    next = std::min(next, std::max(now_, hosts_[i].engine->next_wakeup()));
            }
            now_ = std::max(now_, next);
            if (now_ >= end) {
                now_ = end;
                return;
            }
            run_jobs();
            for (std::size_t i = 1; i < hosts_.size(); ++i) {
                if (hosts_[i].engine && hosts_[i].engine->next_wakeup() <= now_)
                    step(static_cast<int>(i), Tick{});
            }
            if (++rounds_ > 2'000'000) return;
        }
    }

    [[nodiscard]] int leader() const {
        int found = 0;
        for (std::size_t i = 1; i < hosts_.size(); ++i) {
            if (hosts_[i].engine && hosts_[i].engine->leading(now_))
                found = found == 0 ? static_cast<int>(i) : -1;
        }
        return found;
    }

    [[nodiscard]] int runs_on(std::uint8_t number) const {
        int found = 0;
        for (std::size_t i = 1; i < hosts_.size(); ++i) {
            if (hosts_[i].running.contains(vm_spec(number).vm))
                found = found == 0 ? static_cast<int>(i) : -1;
        }
        return found;
    }

    [[nodiscard]] std::string story(int id) {
        std::string text;
        for (const Trace& trace : host(id).traces) {
            char line[kTraceTextMax];
            trace_text(trace, line, sizeof line);
            text += std::to_string(static_cast<double>(trace.at.time_since_epoch().count()) / 1e9) +
                    " h" + std::to_string(id) + " " + line + "\n";
        }
        return text;
    }

    [[nodiscard]] bool saw(int id, TraceCode code) {
        const auto& traces = host(id).traces;
        return std::any_of(traces.begin(), traces.end(), [code](const Trace& trace) {
            return trace.code == code;
        });
    }

  private:
    struct Job {
        Instant at;
        std::uint64_t order = 0;
        int host = 0;
        int life = 0;
        std::function<void(MiniCluster&, int)> work;
    };

    void start_agent(int id, Incarnation incarnation, Instant lease_until, std::uint64_t arming) {
        MiniHost& machine = host(id);
        EngineConfig config;
        config.self = HostId{static_cast<std::uint16_t>(id)};
        config.host_uuid = uuid_of(1, static_cast<std::uint8_t>(id));
        config.boot_id = machine.config.boot_id;
        config.timing = timing_;
        config.members = members_;
        config.voters_count = voters_count_;
        config.datastores_count = static_cast<std::uint8_t>(disks_.size());
        config.watchdog_class = WatchdogClass::Hardware;
        config.incarnation = incarnation;
        config.blackout_limit = blackout_limit;
        config.kept = machine.kept;
        config.lease_inherited_until = lease_until;
        config.arming_inherited = arming;
        config.seed = static_cast<std::uint64_t>(id);
        if (machine.adjust) machine.adjust(config);
        machine.config = config;
        machine.engine = std::make_unique<Engine>(config, now_);
        send(id, CapacityReport{{1024, 8, 1}});
        if (!machine.keeper_away)
            send(id, KeeperReport{arming, timing_.watchdog, WatchdogClass::Hardware});
        if (!machine.list_away) return_list(id);
    }

    void later(Duration delay, int id, std::function<void(MiniCluster&, int)> work) {
        jobs_.push_back({now_ + delay, ++order_, id, lives_[id], std::move(work)});
    }

    void run_jobs() {
        while (true) {
            auto first = jobs_.end();
            for (auto job = jobs_.begin(); job != jobs_.end(); ++job) {
                if (job->at <= now_ &&
                    (first == jobs_.end() ||
                     std::pair(job->at, job->order) < std::pair(first->at, first->order)))
                    first = job;
            }
            if (first == jobs_.end()) return;
            const Job job = std::move(*first);
            jobs_.erase(first);
            if (job.life == lives_[job.host] && host(job.host).powered) job.work(*this, job.host);
        }
    }

    // An I/O takes effect and answers after kVmTime, unless this host's disks hang.
    template <typename Work>
    void io(int id, Work work) {
        if (host(id).disks_hang) return;
        later(host(id).io_time, id, work);
    }

    void carry_out(int id, const WriteSlot& write) {
        const SlotRecord record = host(id).engine->own_slot();
        io(id, [write, record](MiniCluster& cluster, int self) {
            cluster.disks_[write.datastore].slots[self] = record;
            cluster.step(self, SlotWritten{write.datastore, write.request, IoStatus::Done});
        });
    }

    void carry_out(int id, const ScanSlots& scan) {
        io(id, [scan](MiniCluster& cluster, int self) {
            std::vector<SlotView> views;
            for (int i = scan.first.value(); i <= scan.last.value(); ++i) {
                const auto& slots = cluster.disks_[scan.datastore].slots;
                const auto found = slots.find(i);
                SlotView view;
                view.reading = found == slots.end() ? SlotReading::Unwritten : SlotReading::Valid;
                if (found != slots.end()) view.record = found->second;
                views.push_back(view);
            }
            cluster.step(
                self, SlotsRead{scan.datastore, scan.request, IoStatus::Done, scan.first, views});
        });
    }

    void carry_out(int id, const WriteRoster& write) {
        const Roster roster = host(id).engine->own_roster();
        io(id, [write, roster](MiniCluster& cluster, int self) {
            cluster.disks_[write.datastore].rosters[self] = roster;
            cluster.step(self, RosterWritten{write.datastore, write.request, IoStatus::Done});
        });
    }

    void carry_out(int id, const ReadRoster& read) {
        io(id, [read](MiniCluster& cluster, int self) {
            const auto& rosters = cluster.disks_[read.datastore].rosters;
            const auto found = rosters.find(read.host.value());
            const bool none = found == rosters.end();
            cluster.step(self,
                         RosterRead{read.datastore,
                                    read.request,
                                    read.host,
                                    none ? RegionReading::Unwritten : RegionReading::Valid,
                                    none ? nullptr : &found->second});
        });
    }

    void carry_out(int id, const WriteOrders& write) {
        const auto orders = std::make_shared<Orders>(host(id).engine->own_orders());
        io(id, [write, orders](MiniCluster& cluster, int self) {
            cluster.disks_[write.datastore].orders[self] = *orders;
            cluster.step(self, OrdersWritten{write.datastore, write.request, IoStatus::Done});
        });
    }

    void carry_out(int id, const ReadOrders& read) {
        io(id, [read](MiniCluster& cluster, int self) {
            const auto& orders = cluster.disks_[read.datastore].orders;
            const auto found = orders.find(read.host.value());
            const bool none = found == orders.end();
            cluster.step(self,
                         OrdersRead{read.datastore,
                                    read.request,
                                    read.host,
                                    none ? RegionReading::Unwritten : RegionReading::Valid,
                                    none ? nullptr : &found->second});
        });
    }

    void carry_out(int id, const WriteConfig& write) {
        const auto copy = std::make_shared<const ConfigCopy>(host(id).engine->own_config());
        io(id, [write, copy](MiniCluster& cluster, int self) {
            cluster.disks_[write.datastore].configs[self] = copy;
            cluster.step(self, ConfigWritten{write.datastore, write.request, IoStatus::Done});
        });
    }

    void carry_out(int id, const ReadConfig& read) {
        io(id, [read](MiniCluster& cluster, int self) {
            const auto found = cluster.disks_[read.datastore].configs.find(read.host.value());
            const bool none = found == cluster.disks_[read.datastore].configs.end();
            const auto copy = none ? nullptr : found->second;
            cluster.step(self,
                         ConfigRead{read.datastore,
                                    read.request,
                                    read.host,
                                    none ? RegionReading::Unwritten : RegionReading::Valid,
                                    copy.get()});
        });
    }

    void carry_out(int id, const KeepMembership& keep) {
        host(id).kept = host(id).engine->kept();
        send(id, MembershipKept{keep.serial});
    }

    void carry_out(int id, const MemberListed& listed) { host(id).listed.push_back(listed.host); }

    void carry_out(int id, const AnswerChange& answer) { host(id).changes.push_back(answer); }

    void carry_out(int id, const SendBeat& send_beat) {
        const int to = send_beat.beat.to.value();
        if (!host(id).net_out) return;
        later(kNetTime, to, [send_beat](MiniCluster& cluster, int self) {
            if (cluster.host(self).net_in) cluster.step(self, BeatReceived{send_beat.beat, 0});
        });
    }

    void carry_out(int id, const PersistIncarnation& persist) {
        host(id).persisted = persist.incarnation;
        send(id, IncarnationPersisted{persist.incarnation});
    }

    void carry_out(int id, const ArmKeeper& arm) {
        host(id).arming = arm.arming;
        host(id).deadline = arm.deadline;
        if (host(id).keeper_away) return;
        send(id, KeeperReport{arm.arming, timing_.watchdog, WatchdogClass::Hardware});
    }

    void carry_out(int id, const MoveDeadline& move) { host(id).deadline = move.deadline; }

    void carry_out(int id, const DisarmKeeper&) {
        host(id).deadline = kNever;
        host(id).arming = 0;
        send(id, KeeperReport{0, timing_.watchdog, WatchdogClass::Hardware});
    }

    void carry_out(int id, const StartVm& start) {
        if (host(id).vm_side_hangs) return;
        later(kVmTime, id, [start](MiniCluster& cluster, int self) {
            cluster.host(self).paused[start.spec.vm] = start.spec;
            cluster.step(self, VmStarted{start.spec.vm, start.claim, StartFailure::None});
        });
    }

    void carry_out(int id, const ResumeVm& resume) {
        later(kVmTime, id, [resume](MiniCluster& cluster, int self) {
            MiniHost& machine = cluster.host(self);
            machine.running[resume.vm] = machine.paused[resume.vm];
            machine.paused.erase(resume.vm);
            cluster.step(self, VmResumed{resume.vm, resume.claim, StartFailure::None});
        });
    }

    void carry_out(int id, const DestroyVm& destroy) {
        host(id).destroyed.push_back(destroy);
        if (host(id).vm_side_hangs) return;
        later(kVmTime, id, [destroy](MiniCluster& cluster, int self) {
            cluster.host(self).running.erase(destroy.vm);
            cluster.host(self).paused.erase(destroy.vm);
            cluster.host(self).moving.erase(destroy.vm);
            cluster.step(self, VmGone{destroy.vm});
        });
    }

    // A guest that shuts down at once, or that does not listen and is destroyed at the limit.
    void carry_out(int id, const ShutdownVm& shutdown) {
        host(id).shut_down.push_back(shutdown);
        const Duration takes = host(id).guests_are_deaf ? shutdown.limit : kVmTime;
        later(takes, id, [shutdown](MiniCluster& cluster, int self) {
            if (!cluster.host(self).running.contains(shutdown.vm)) return;
            cluster.host(self).running.erase(shutdown.vm);
            cluster.step(self, VmGone{shutdown.vm});
        });
    }

    void carry_out(int id, const ResetHost&) { host(id).reset_asked = true; }

    void carry_out(int id, const AnswerStart& answer) { host(id).answers.push_back(answer); }

    void carry_out(int id, const FenceHost& fence) { host(id).fences.push_back(fence); }

    void carry_out(int id, const AnswerConfirm& answer) { host(id).confirms.push_back(answer); }

    void carry_out(int id, const ShutdownReady&) { host(id).shutdown_ready = true; }

    void carry_out(int id, const TraceLine& line) { host(id).traces.push_back(line.trace); }

    Timing timing_;
    std::uint8_t voters_count_ = 0;
    FixedList<HostId, kHostsMax> members_;
    std::vector<MiniDisk> disks_;
    std::vector<MiniHost> hosts_;
    std::unique_ptr<Actions> actions_;
    std::vector<Job> jobs_;
    std::map<int, int> lives_;
    Instant now_{seconds{100}};
    std::uint64_t order_ = 0;
    int boots_ = 0;
    std::uint64_t rounds_ = 0;
};

}  // namespace holdfast::testing
