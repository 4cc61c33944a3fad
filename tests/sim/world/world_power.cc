// Power, processes and clocks.
#include <algorithm>
#include <array>

#include "tests/sim/world/world.h"

namespace holdfast::sim {

namespace {

BootId boot_id_of(HostId host, std::uint32_t boot_count) {
    BootId id;
    id.bytes[0] = 0xb0;
    id.bytes[1] = static_cast<std::uint8_t>(host.value());
    id.bytes[14] = static_cast<std::uint8_t>(boot_count >> 8U);
    id.bytes[15] = static_cast<std::uint8_t>(boot_count);
    return id;
}

Uuid host_uuid_of(HostId host) {
    Uuid id;
    id.bytes[0] = 0x40;
    id.bytes[15] = static_cast<std::uint8_t>(host.value());
    return id;
}

}  // namespace

// ---- power

void World::boot(SimHost& host) {
    host.powered = true;
    host.boot_planned = false;
    host.frozen = false;
    host.agent_stopped = false;
    ++host.boot_count;
    host.boot_id = boot_id_of(host.id, host.boot_count);
    host.persisted = Incarnation{};
    host.kept.reset();
    host.lease_end = kNotYet;
    const Duration uptime = chance_.between(Duration{seconds{2}}, Duration{seconds{90}});
    host.clock = HostClock{now_, Instant{uptime}, config_.hosts[host.id.value() - 1U].drift_ppm};
    const std::int64_t device_drift = chance_.between(-5'000, 5'000);
    Duration late{};
    if (config_.late_watchdogs) {
        late = chance_.between(Duration::zero(), config_.timing.granularity * 9 / 10);
        tally_.add(Count::LateWatchdogs);
    }
    host.keeper.start(now_, config_.timing.watchdog, config_.watchdog_class, device_drift, late);
    host.watchdog_planned_at = kWorldNever;
    ++host.watchdog_life;
    host.mail_ready_at = now_;
    tally_.add(Count::HostBoots);
    say(host.id, "boots");
    agenda_.put(now_ + chance_.between(config_.agent_starts.low, config_.agent_starts.high),
                Wake::AgentStarts,
                host.id.value(),
                0,
                host.life);
    for (VmIndex vm = 0; vm < vms_.size(); ++vm) {
        if (config_.vms[vm].runs_before_agent && vms_[vm].home == host.id && host.boot_count == 1) {
            host.hypervisor->define(vm, DomainState::Running);
            vm_runs(host.id, vm, ClaimNumber{}, RunCause::Person);
            continue;
        }
        if (!vms_[vm].autostart || vms_[vm].home != host.id || vms_[vm].last_host.is_none())
            continue;
        // libvirt's autostart does not ask twice, be the agent there or not.
        agenda_.put(now_ + chance_.between(Duration::zero(), Duration{seconds{3}}),
                    Wake::Autostart,
                    host.id.value(),
                    vm,
                    host.power_life);
    }
}

void World::power_on(HostId id) {
    SimHost& host = at(id);
    if (host.powered) return;
    ++host.power_life;
    host.boot_planned = true;
    agenda_.put(now_ + chance_.between(config_.boot.low, config_.boot.high),
                Wake::HostBoots,
                id.value(),
                0,
                host.power_life);
    say(id, "gets power");
}

void World::power_off(HostId id) {
    SimHost& host = at(id);
    if (!host.powered) ++host.power_life;  // a boot under way ends
    host.boot_planned = false;
    if (host.powered) host_dies(host, "loses power");
}

void World::reset(HostId id, const char* why) {
    SimHost& host = at(id);
    if (!host.powered) return;
    ++resets_count_;
    reset_at_[id.value() - 1U] = now_;
    host_dies(host, std::string("is reset: ") + why);
    if (!config_.boots_after_reset) return;
    host.boot_planned = true;
    agenda_.put(now_ + chance_.between(config_.boot.low, config_.boot.high),
                Wake::HostBoots,
                id.value(),
                0,
                host.power_life);
}

void World::host_dies(SimHost& host, const std::string& why) {
    say(host.id, why);
    host.powered = false;
    host.frozen = false;
    host.agent_stopped = false;
    host.trap = Trap{};
    ++host.power_life;
    ++host.watchdog_life;
    agent_dies(host);
    for (const AgendaEntry& entry : host.inbox) discard(entry);
    host.inbox.clear();
    host.hypervisor->host_died();
    io_.host_died(now_, host.id);
    note_all_ways();
}

// ---- standing still

void World::freeze(HostId id) {
    SimHost& host = at(id);
    if (!host.powered || host.frozen) return;
    say(id, "freezes");
    host.frozen = true;
    host.keeper.freeze(now_, host.clock);
    host.watchdog_planned_at = kWorldNever;
    ++host.watchdog_life;
    plan_watchdog(host);
    note_all_ways();
}

void World::thaw(HostId id) {
    SimHost& host = at(id);
    if (!host.powered || !host.frozen) return;
    say(id, "thaws");
    host.frozen = false;
    host.frozen_last_at = now_;
    host.keeper.thaw(now_, host.clock);
    host.watchdog_planned_at = kWorldNever;
    ++host.watchdog_life;
    plan_watchdog(host);
    if (!host.agent_stopped) host.agent_since = host.engine != nullptr ? now_ : kWorldNever;
    note_all_ways();
    drain(host);
}

void World::stop_agent(HostId id) {
    SimHost& host = at(id);
    if (!host.powered || host.agent_stopped || host.engine == nullptr) return;
    say(id, "its agent is stopped");
    host.agent_stopped = true;
    note_all_ways();
}

void World::continue_agent(HostId id) {
    SimHost& host = at(id);
    if (!host.powered || !host.agent_stopped) return;
    say(id, "its agent continues");
    host.agent_stopped = false;
    host.agent_since = host.engine != nullptr ? now_ : kWorldNever;
    note_all_ways();
    drain(host);
}

// What the agent left undone comes first; then everything that waited, kind by kind in any order, as the rings are read.
void World::drain(SimHost& host) {
    if (host.frozen) return;
    if (host.can_step() && !host.unfinished.empty()) {
        const std::vector<Action> unfinished = std::move(host.unfinished);
        host.unfinished.clear();
        const std::uint32_t life = host.life;
        for (const Action& action : unfinished) {
            carry_out_one(host, action);
            if (host.engine == nullptr || host.life != life) break;
        }
    }
    std::vector<AgendaEntry> waiting = std::move(host.inbox);
    host.inbox.clear();
    if (waiting.size() > tally_.of(Count::InboxMax)) {
        tally_.counts[static_cast<std::size_t>(Count::InboxMax)] = waiting.size();
    }
    std::array<std::uint64_t, 16> rank{};
    for (std::uint64_t& value : rank) value = chance_.next();
    std::stable_sort(
        waiting.begin(), waiting.end(), [&rank](const AgendaEntry& left, const AgendaEntry& right) {
            return rank[static_cast<std::size_t>(left.wake)] <
                   rank[static_cast<std::size_t>(right.wake)];
        });
    const bool tick_first = chance_.permille(500);
    if (host.can_step() && tick_first) step(host, Event{host.now(now_), Tick{}});
    for (const AgendaEntry& entry : waiting) {
        if (entry.wake == Wake::VmCallMoves) {
            dispatch(entry);
        } else if (host.can_step()) {
            deliver(host, entry);
        } else if (host.engine != nullptr) {
            host.inbox.push_back(entry);
        } else {
            discard(entry);
        }
    }
    if (host.can_step()) alarms_.advance(host.id, now_);
}

// ---- the agent

void World::start_agent(HostId id) {
    SimHost& host = at(id);
    if (!host.powered || host.engine != nullptr) return;
    if (host.frozen) {
        agenda_.put(
            now_ + Duration{milliseconds{100}}, Wake::AgentStarts, id.value(), 0, host.life);
        return;
    }
    ++host.life;
    EngineConfig config;
    config.quiet_beats = config_.quiet_beats;
    config.star = config_.star;
    config.self = id;
    config.host_uuid = host_uuid_of(id);
    config.boot_id = host.boot_id;
    config.timing = config_.timing;
    for (const SimHost& member : hosts_) {
        const bool named = !config_.hosts[member.id.value() - 1U].joins_later;
        if (named || config_.hosts[id.value() - 1U].joins_later) config.members.push(member.id);
    }
    config.voters_count = config_.voters_count;
    config.datastores_count = config_.datastores_count;
    config.watchdog_class = config_.watchdog_class;
    for (const SimHost& member : hosts_) {
        const bool reachable = config_.hosts[member.id.value() - 1U].fence_device;
        if (reachable && member.id != id) config.fenceable.insert(member.id);
    }
    config.accept_weak_watchdog = config_.accept_weak_watchdog;
    config.asks_isolation_addresses = config_.isolation_address;
    config.shutdown_limit = config_.shutdown_limit;
    host.persisted = Incarnation{host.persisted.boot(), host.persisted.restart() + 1};
    config.incarnation = host.persisted;
    config.blackout_limit = config_.blackout_limit;
    config.kept = host.kept;
    config.arming_inherited = host.keeper.arming();
    config.lease_inherited_until =
        host.keeper.armed() && host.keeper.deadline() != kNever ? host.keeper.deadline() : kNotYet;
    config.seed = chance_.next();
    host.engine = std::make_unique<Engine>(config, host.now(now_));
    if (config_.twins) host.twin = std::make_unique<Twin>(config, host.now(now_));
    if (!config_.record_folder.empty()) {
        host.tape = std::make_unique<Tape>(
            text_of("%s/h%u", config_.record_folder.c_str(), id.value()), config, host.now(now_));
    }
    host.upgrading = false;
    host.leaving = false;
    host.agent_stopped = false;
    host.agent_since = now_;
    host.told_epoch = Epoch{};
    alarms_.set(id, now_);
    network_.forget_windows(id);
    tally_.add(Count::AgentStarts);
    say(id, "its agent starts");
    mail(id, host.life, host.keeper.report());
    mail(id, host.life, CapacityReport{capacity_of(id)});
    host.hypervisor->connect(now_, host.life);
    if (config_.isolation_address)
        agenda_.put(now_ + config_.timing.interval, Wake::ProbeRound, id.value(), 0, host.life);
    note_all_ways();
}

void World::kill_agent(HostId id, Duration restart_after) {
    SimHost& host = at(id);
    if (!host.powered || host.engine == nullptr) return;
    say(id, host.upgrading ? "its agent exits" : "its agent is killed");
    agent_dies(host);
    agenda_.put(now_ + restart_after, Wake::AgentStarts, id.value(), 0, host.life);
    note_all_ways();
}

void World::agent_dies(SimHost& host) {
    if (host.engine == nullptr) return;
    host.engine.reset();
    host.twin.reset();
    host.tape.reset();
    // A renewal whose new deadline never reached the keeper ended with the agent.
    if (host.keeper.armed()) host.lease_end = std::min(host.lease_end, host.keeper.deadline());
    alarms_.set(host.id, kWorldNever);
    host.unfinished.clear();
    host.trap = Trap{};
    host.agent_stopped = false;
    host.agent_since = kWorldNever;
    leaders_.ended(host.id);
    std::vector<AgendaEntry> kept;
    for (const AgendaEntry& entry : host.inbox) {
        if (entry.wake == Wake::VmCallMoves) {
            kept.push_back(entry);
        } else {
            discard(entry);
        }
    }
    host.inbox = std::move(kept);
    host.hypervisor->agent_died(now_, host.life);
}

void World::upgrade_agent(HostId id) {
    SimHost& host = at(id);
    if (host.engine == nullptr || host.upgrading) return;
    say(id, "its agent is asked to go");
    host.upgrading = true;
    mail(id, host.life, ShutdownAsked{false});
}

void World::shut_down(HostId id) {
    SimHost& host = at(id);
    if (host.engine == nullptr || host.leaving || host.upgrading) return;
    say(id, "is shut down by people");
    host.leaving = true;
    mail(id, host.life, ShutdownAsked{true});
    for (VmIndex vm = 0; vm < vms_.size(); ++vm) {
        if (runs_.where(vm) == id) host.hypervisor->stop_by_person(now_, vm);
    }
}

void World::set_drift(HostId id, std::int64_t drift_ppm) {
    SimHost& host = at(id);
    if (!host.powered) return;
    host.clock.set_drift(now_, drift_ppm);
    say(id, text_of("its clock runs %+lld ppm", static_cast<long long>(drift_ppm)));
    if (host.can_step()) alarms_.advance(id, host.clock.when(host.engine->next_wakeup()));
    host.watchdog_planned_at = kWorldNever;
    ++host.watchdog_life;
    plan_watchdog(host);
}

void World::set_trap(HostId id, const Trap& trap) {
    at(id).trap = trap;
}

}  // namespace holdfast::sim
