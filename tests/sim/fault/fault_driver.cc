#include "tests/sim/fault/fault_driver.h"

#include <algorithm>

namespace holdfast::sim {

namespace {

// Indices of the agenda below this are kinds; above, undos.
constexpr std::uint32_t kUndoBase = 1000;

}  // namespace

FaultDriver::FaultDriver(const Plan& plan, World& world)
    : plan_(plan),
      world_(world),
      chance_(plan.cluster.seed ^ 0xfa017),
      path_until_(plan.cluster.datastores_count * (world.hosts_count() + 1)),
      wire_until_((world.hosts_count() + 1) * (world.hosts_count() + 1) * kLinksMax),
      host_until_(world.hosts_count() + 1),
      agent_until_(world.hosts_count() + 1),
      libvirt_until_(world.hosts_count() + 1) {
    world_.on_reminder([this](std::uint32_t index) { act(index); });
}

void FaultDriver::start(WorldTime begin, WorldTime end) {
    end_ = end;
    for (std::size_t kind = 0; kind < kFaultKindsCount; ++kind) {
        const Duration mean = plan_.mean_interval[kind];
        if (mean > Duration::zero()) {
            world_.remind(begin + chance_.between(Duration::zero(), mean),
                          static_cast<std::uint32_t>(kind));
        }
    }
}

void FaultDriver::act(std::uint32_t index) {
    if (index >= kUndoBase) {
        const std::size_t place = index - kUndoBase;
        if (undos_[place].done) return;
        if (undos_[place].kind < FaultKind::PlannedShutdown) {
            undo(undos_[place]);
        } else {
            undos_[place].done = true;
            const Undo scene = undos_[place];
            next_scene(scene);
        }
        return;
    }
    if (healed_ || world_.now() >= end_) return;
    const Duration mean = plan_.mean_interval[index];
    begin(static_cast<FaultKind>(index));
    world_.remind(world_.now() + chance_.between(mean / 10, mean * 19 / 10), index);
}

std::uint32_t FaultDriver::keep(const Undo& what) {
    undos_.push_back(what);
    return kUndoBase + static_cast<std::uint32_t>(undos_.size() - 1);
}

void FaultDriver::undo_after(Duration after, const Undo& what) {
    world_.remind(world_.now() + after, keep(what));
}

// ---- whom and how long

HostId FaultDriver::any_host() {
    return HostId{static_cast<std::uint16_t>(1 + chance_.below(world_.hosts_count()))};
}

VmIndex FaultDriver::any_vm() {
    return static_cast<VmIndex>(chance_.below(world_.vms().size()));
}

// Most of the interesting things happen when a fault lasts about as long as a lease, or as the dead time.
Duration FaultDriver::around_a_lease() {
    const Timing& timing = plan_.cluster.timing;
    switch (chance_.below(4)) {
        case 0: return chance_.spread(milliseconds{20}, timing.lease);
        case 1: return timing.lease * chance_.between(85, 115) / 100;
        case 2: return timing.dead * chance_.between(80, 130) / 100;
        default: return chance_.spread(seconds{1}, seconds{40});
    }
}

bool FaultDriver::may_take_down(HostId host) const {
    if (!world_.host(host).powered || world_.host(host).frozen) return false;
    std::uint32_t down_count = 0;
    for (std::uint16_t h = 1; h <= world_.hosts_count(); ++h) {
        const SimHost& other = world_.host(HostId{h});
        if (!other.powered || other.frozen) ++down_count;
    }
    return down_count < plan_.hosts_down_max;
}

// ---- what strikes

// Every kind by its name, so that the compiler misses a new one.
void FaultDriver::begin(FaultKind kind) {
    switch (kind) {
        case FaultKind::PowerOff:
        case FaultKind::QuickReset:
        case FaultKind::FreezeShort:
        case FaultKind::FreezeLong:
        case FaultKind::AgentStop:
        case FaultKind::AgentKill:
        case FaultKind::AgentUpgrade:
        case FaultKind::TrapFreeze:
        case FaultKind::TrapAgentStop:
        case FaultKind::TrapAgentKill:
        case FaultKind::TrapPowerOff:
        case FaultKind::Drift: return begin_on_host(kind, any_host());
        case FaultKind::LeaderTrouble: return trouble_leader();
        case FaultKind::TwoAtOnce: return begin_on_two();
        case FaultKind::NetCutHost:
        case FaultKind::NetCutOneWay:
        case FaultKind::NetPartition:
        case FaultKind::NetLoss:
        case FaultKind::NetDelay:
        case FaultKind::NetDouble: return begin_network(kind);
        case FaultKind::DsHangOnePath:
        case FaultKind::DsHangHost:
        case FaultKind::DsHangOne:
        case FaultKind::DsHangMajority:
        case FaultKind::DsFailPath:
        case FaultKind::DsFailOne:
        case FaultKind::DsSlow:
        case FaultKind::DsWriteOnly:
        case FaultKind::DsReadOnly:
        case FaultKind::DsFlap: return begin_storage(kind);
        case FaultKind::LibvirtSlow:
        case FaultKind::LibvirtHang:
        case FaultKind::LibvirtFail:
        case FaultKind::LibvirtLie:
        case FaultKind::VmCrash:
        case FaultKind::PersonStops:
        case FaultKind::PersonStarts:
        case FaultKind::PersonStartsTwice: return begin_people(kind);
        case FaultKind::PlannedShutdown:
        case FaultKind::Lifeline:
        case FaultKind::Homecoming:
        case FaultKind::LateAnswers: return begin_story(kind);
        case FaultKind::IsolationAddressDown:
        case FaultKind::NetIsolateHost:
        case FaultKind::NetDeadForAll: return begin_isolation(kind);
        case FaultKind::FenceTrouble:
        case FaultKind::OperatorConfirms: return begin_from_outside(kind);
        case FaultKind::ChangeTiming:
        case FaultKind::ChangeDatastores:
        case FaultKind::ChangeMaintenance:
        case FaultKind::ChangeMembers: return begin_change(kind);
        case FaultKind::LeaderBlind: return blind_leader();
        case FaultKind::LoseDatastores: return lose_datastores();
        case FaultKind::PersonMigrates:
        case FaultKind::MigrationTrouble: return begin_migration(kind);
        case FaultKind::Last_: return;
    }
}

void FaultDriver::begin_on_two() {
    ++world_.tally().faults[static_cast<std::size_t>(FaultKind::TwoAtOnce)];
    const HostId first = any_host();
    for (const HostId host :
         {first, HostId{static_cast<std::uint16_t>(first.value() % world_.hosts_count() + 1)}}) {
        begin_on_host(FaultKind::PowerOff, host);
    }
}

void FaultDriver::trouble_leader() {
    const HostId leader = world_.leader();
    if (leader.is_none()) return;
    ++world_.tally().faults[static_cast<std::size_t>(FaultKind::LeaderTrouble)];
    begin_on_host(
        static_cast<FaultKind>(chance_.below(static_cast<std::uint64_t>(FaultKind::LeaderTrouble))),
        leader);
}

void FaultDriver::begin_on_host(FaultKind kind, HostId host) {
    const Timing& timing = plan_.cluster.timing;
    const SimHost& target = world_.host(host);
    if (!target.powered || target.frozen) return;
    const bool takes_down = kind == FaultKind::PowerOff || kind == FaultKind::QuickReset ||
                            kind == FaultKind::FreezeLong || kind == FaultKind::TrapPowerOff ||
                            kind == FaultKind::TrapFreeze;
    if (takes_down && !may_take_down(host)) return;
    ++world_.tally().faults[static_cast<std::size_t>(kind)];
    const Duration short_while = chance_.spread(milliseconds{1}, timing.watchdog * 9 / 10);
    const Duration long_while = chance_.between(timing.watchdog, timing.dead * 3 / 2);
    const Duration while_stopped = around_a_lease();
    const Undo back{kind, host, HostId{}, 0, 0, false};
    Trap trap;
    trap.actions_left = static_cast<std::uint32_t>(chance_.below(chance_.permille(500) ? 4 : 30));
    switch (kind) {
        case FaultKind::PowerOff:
            world_.power_off(host);
            undo_after(chance_.spread(seconds{1}, seconds{60}), back);
            return;
        case FaultKind::QuickReset: world_.reset(host, "a person pressed the button"); return;
        case FaultKind::FreezeShort:
        case FaultKind::FreezeLong: {
            const Duration lasts = kind == FaultKind::FreezeShort ? short_while : long_while;
            world_.freeze(host);
            host_until_[host.value()] = world_.now() + lasts;
            undo_after(lasts, back);
            return;
        }
        case FaultKind::AgentStop:
            world_.stop_agent(host);
            agent_until_[host.value()] = world_.now() + while_stopped;
            undo_after(while_stopped, back);
            return;
        case FaultKind::AgentKill:
            world_.kill_agent(host,
                              chance_.permille(700)
                                  ? chance_.spread(milliseconds{20}, timing.lease / 2)
                                  : while_stopped);
            return;
        case FaultKind::AgentUpgrade: world_.upgrade_agent(host); return;
        case FaultKind::TrapFreeze:
        case FaultKind::TrapAgentStop:
            trap.kind = kind == FaultKind::TrapFreeze ? TrapKind::FreezeHost : TrapKind::StopAgent;
            trap.undo_after = kind == FaultKind::TrapFreeze && chance_.permille(500)
                                  ? short_while
                                  : while_stopped;
            trap.undo_index = keep(back);
            world_.set_trap(host, trap);
            return;
        case FaultKind::TrapAgentKill:
            trap.kind = TrapKind::KillAgent;
            trap.undo_after = chance_.spread(milliseconds{20}, timing.lease);
            world_.set_trap(host, trap);
            return;
        case FaultKind::TrapPowerOff:
            trap.kind = TrapKind::PowerOff;
            trap.undo_after = chance_.spread(seconds{1}, seconds{40});
            trap.undo_index = keep(back);
            world_.set_trap(host, trap);
            return;
        case FaultKind::Drift:
            world_.set_drift(host, chance_.between(-kDriftPpmMax, kDriftPpmMax));
            return;
        default: return;
    }
}

void FaultDriver::undo(Undo& what) {
    what.done = true;
    const WorldTime now = world_.now();
    switch (what.kind) {
        case FaultKind::PowerOff:
        case FaultKind::TrapPowerOff: world_.power_on(what.host); return;
        case FaultKind::FreezeShort:
        case FaultKind::FreezeLong:
        case FaultKind::TrapFreeze:
            if (now >= host_until_[what.host.value()]) world_.thaw(what.host);
            return;
        case FaultKind::AgentStop:
        case FaultKind::TrapAgentStop:
            if (now >= agent_until_[what.host.value()]) world_.continue_agent(what.host);
            return;
        case FaultKind::NetCutHost:
        case FaultKind::NetCutOneWay:
        case FaultKind::NetPartition:
        case FaultKind::NetLoss:
        case FaultKind::NetDelay:
        case FaultKind::NetDouble: {
            const std::size_t wire =
                (what.host.value() * (world_.hosts_count() + 1) + what.other.value()) * kLinksMax +
                what.link;
            if (now >= wire_until_[wire])
                world_.set_link(what.host, what.other, what.link, LinkFault{});
            return;
        }
        case FaultKind::LibvirtSlow:
        case FaultKind::LibvirtHang:
        case FaultKind::LibvirtFail:
        case FaultKind::LibvirtLie:
            if (now >= libvirt_until_[what.host.value()])
                world_.set_libvirt(what.host, LibvirtMode::Ok);
            return;
        default: {
            const std::size_t path =
                what.datastore * (world_.hosts_count() + 1) + what.host.value();
            if (now >= path_until_[path]) world_.set_path(what.datastore, what.host, PathFault{});
            return;
        }
    }
}

void FaultDriver::heal() {
    healed_ = true;
    if (plan_.one_stays_dead) dead_host_ = any_host();
    const WorldTime now = world_.now();
    for (auto* until : {&path_until_, &wire_until_, &host_until_, &agent_until_, &libvirt_until_}) {
        std::fill(until->begin(), until->end(), now);
    }
    for (Undo& what : undos_) {
        const bool story = what.kind >= FaultKind::PlannedShutdown;
        if (!what.done && !story && what.host != dead_host_) undo(what);
        what.done = true;
    }
    world_.set_isolation_address(HostId{}, true);
    for (std::uint16_t h = 1; h <= world_.hosts_count(); ++h) {
        const HostId host{h};
        world_.set_isolation_address(host, true);
        world_.set_trap(host, Trap{});
        world_.thaw(host);
        world_.continue_agent(host);
        for (DatastoreIndex d = 0; d < plan_.cluster.datastores_count; ++d) {
            world_.set_path(d, HostId{}, PathFault{});
            world_.set_path(d, host, PathFault{});
        }
        for (std::uint16_t other = 1; other <= world_.hosts_count(); ++other) {
            for (std::uint8_t link = 0; link < plan_.cluster.links_count; ++link) {
                world_.set_link(host, HostId{other}, link, LinkFault{});
            }
        }
        world_.set_libvirt(host, LibvirtMode::Ok);
        world_.set_fence(host, FenceMode::Ok);
    }
    for (std::uint16_t h = 1; h <= world_.hosts_count(); ++h) {
        // Whoever is about to leave leaves; and everybody gets power.
        if (world_.host(HostId{h}).leaving) world_.power_off(HostId{h});
        if (!world_.host(HostId{h}).boot_planned) world_.power_on(HostId{h});
    }
    if (!dead_host_.is_none()) world_.power_off(dead_host_);
}

}  // namespace holdfast::sim
