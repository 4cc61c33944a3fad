// Stories of FaultDriver: faults that chance alone rarely lines up, told in order.
#include <algorithm>

#include "tests/sim/fault/fault_driver.h"

namespace holdfast::sim {

namespace {

constexpr Duration kPersonTriesAgain = milliseconds{150};

}  // namespace

// `host` hears nobody and is heard by nobody, apart from `other`.
void FaultDriver::cut_off_but_for(HostId host, HostId other, Duration lasts) {
    LinkFault fault;
    fault.cut = true;
    for (std::uint16_t h = 1; h <= world_.hosts_count(); ++h) {
        if (h == host.value() || h == other.value()) continue;
        strike_wire(host, HostId{h}, fault, lasts, FaultKind::NetCutHost);
        strike_wire(HostId{h}, host, fault, lasts, FaultKind::NetCutHost);
    }
}

// Mostly about as long as it takes to find oneself isolated, to decide and to act.
void FaultDriver::begin_isolation(FaultKind kind) {
    ++world_.tally().faults[static_cast<std::size_t>(kind)];
    const Duration after = plan_.cluster.timing.isolation_after;
    const Duration lasts =
        chance_.permille(600) ? after * chance_.between(80, 300) / 100 : around_a_lease();
    const HostId one = kind == FaultKind::NetIsolateHost ? any_host() : HostId{};
    LinkFault cut;
    cut.cut = true;
    for (std::uint16_t from = 1; from <= world_.hosts_count(); ++from) {
        for (std::uint16_t to = 1; to <= world_.hosts_count(); ++to) {
            const bool struck =
                kind == FaultKind::NetDeadForAll || from == one.value() || to == one.value();
            if (kind != FaultKind::IsolationAddressDown && struck)
                strike_wire(HostId{from}, HostId{to}, cut, lasts, FaultKind::NetCutHost);
        }
    }
    world_.set_isolation_address(one, false);
    undo_after(lasts, Undo{kind, one, HostId{}, 0, 0, false, {}});
}

// What `host` writes reaches the disks at once, and it hears of that much later; often it hears of nobody meanwhile.  Whoever
// counted a lease from an answer would run VMs for too long.
void FaultDriver::answer_late(HostId host) {
    const Timing& timing = plan_.cluster.timing;
    PathFault late;
    late.delay = chance_.between(timing.lease / 4, timing.lease * 3);
    late.answers_late = true;
    const Duration lasts = late.delay + around_a_lease();
    for (DatastoreIndex d = 0; d < plan_.cluster.majority(); ++d) {
        strike_path(d, host, late, lasts, FaultKind::DsSlow);
    }
    if (chance_.permille(600)) cut_off_but_for(host, host, lasts);
}

// With a member silent nobody lives on vouching, so that everything hangs on the next leader's answers; or the others
// lose theirs a little later.
void FaultDriver::blind_leader() {
    const HostId leader = world_.leader();
    if (leader.is_none()) return;
    ++world_.tally().faults[static_cast<std::size_t>(FaultKind::LeaderBlind)];
    const Duration lasts = around_a_lease();
    for (DatastoreIndex d = 0; d < plan_.cluster.datastores_count; ++d)
        strike_path(d, leader, {PathMode::Hang, Duration{}, false}, lasts, FaultKind::DsHangHost);
    const std::uint64_t what = chance_.below(4);
    if (what == 0) begin_on_host(FaultKind::PowerOff, any_host());
    if (what == 1) begin_on_host(FaultKind::FreezeLong, any_host());
    if (what == 2) begin_storage(FaultKind::DsHangMajority);
}

// Once in a run, and not in every run that could: little else happens until a person gives them up.
void FaultDriver::lose_datastores() {
    const FaultKind kind = FaultKind::LoseDatastores;
    if (lost_ || !plan_.loses_datastores) return;
    const std::uint64_t first = chance_.below(plan_.cluster.voters_count);
    unsigned lost = 0;
    for (std::size_t i = 0; i < plan_.cluster.majority(); ++i)
        lost |= 1U << (first + i) % plan_.cluster.voters_count;
    // Of a list that has become shorter since, one must be left (seed 25 with --star).
    for (std::uint16_t h = 1; h <= world_.hosts_count(); ++h) {
        if ((world_.voters_of(HostId{h}) & ~lost) == 0) return;
    }
    lost_ = true;
    ++world_.tally().faults[static_cast<std::size_t>(kind)];
    for (DatastoreIndex d = 0; d < plan_.cluster.voters_count; ++d) {
        if ((lost & 1U << d) != 0) world_.lose_datastore(d);
    }
    undo_after(chance_.spread(seconds{1}, seconds{30}),
               Undo{kind, any_host(), HostId{}, 0, 0, false, {}});
}

void FaultDriver::begin_story(FaultKind kind) {
    const Timing& timing = plan_.cluster.timing;
    HostId host = any_host();
    if (!world_.host(host).can_step()) return;
    Undo scene{kind, host, HostId{}, 0, 0, false, {}};
    if (kind == FaultKind::PlannedShutdown) {
        if (!may_take_down(host)) return;
        world_.shut_down(host);
        undo_after(chance_.between(Duration{seconds{5}}, Duration{seconds{40}}), scene);
    } else if (kind == FaultKind::LateAnswers) {
        const HostId leader = world_.leader();
        answer_late(!leader.is_none() && chance_.permille(400) ? leader : host);
    } else if (kind == FaultKind::Lifeline) {
        const HostId leader = world_.leader();
        if (leader.is_none() || leader == host) return;
        const Duration lasts = timing.dead * chance_.between(150, 350) / 100;
        for (DatastoreIndex d = 0; d < plan_.cluster.datastores_count; ++d) {
            strike_path(d, host, {PathMode::Hang, Duration{}, false}, lasts, FaultKind::DsHangHost);
        }
        cut_off_but_for(host, leader, lasts);
        scene.other = leader;
        undo_after(chance_.between(timing.lease / 2, timing.dead * 3 / 2), scene);
    } else {
        if (!may_take_down(host)) return;
        scene.until = world_.now() + timing.dead * 2 + seconds{8};
        if (chance_.permille(500)) {
            // The restart elsewhere is slow, so that the two meet.
            for (std::uint16_t h = 1; h <= world_.hosts_count(); ++h) {
                if (h == host.value()) continue;
                libvirt_until_[h] = std::max(libvirt_until_[h], scene.until);
                world_.set_libvirt(HostId{h}, LibvirtMode::Slow);
                Undo back{FaultKind::LibvirtSlow, HostId{h}, HostId{}, 0, 0, false, {}};
                undo_after(scene.until - world_.now(), back);
            }
        }
        world_.power_off(host);
        world_.power_on(host);
        undo_after(kPersonTriesAgain, scene);
    }
    ++world_.tally().faults[static_cast<std::size_t>(kind)];
}

// Fence devices, and people who vouch for a death with their own eyes.
void FaultDriver::begin_from_outside(FaultKind kind) {
    const HostId host = any_host();
    if (kind == FaultKind::OperatorConfirms) {
        HostId dead;
        for (std::uint16_t h = 1; h <= world_.hosts_count(); ++h) {
            if (!world_.host(HostId{h}).powered) dead = HostId{h};
        }
        if (dead.is_none() || !world_.confirm_dead(dead)) return;
    } else {
        if (!plan_.cluster.hosts[host.value() - 1U].fence_device) return;
        world_.set_fence(host, static_cast<FenceMode>(chance_.between(1, 3)));
        undo_after(chance_.spread(seconds{5}, seconds{60}),
                   Undo{kind, host, HostId{}, 0, 0, false, {}});
    }
    ++world_.tally().faults[static_cast<std::size_t>(kind)];
}

// Somebody migrates a VM, and mostly tries again when that is refused.
void FaultDriver::begin_migration(FaultKind kind) {
    const VmIndex vm = any_vm();
    const HostId from = world_.where(vm);
    const HostId to = any_host();
    if (!world_.migrate(vm, to)) return;
    ++world_.tally().faults[static_cast<std::size_t>(kind)];
    if (kind == FaultKind::PersonMigrates) return;
    const Duration later = chance_.between(Duration::zero(), Duration{seconds{5}});
    undo_after(later, Undo{kind, chance_.permille(500) ? from : to, from, 0, 0, false, {}});
}

// Whatever can happen to a host, and what people do to the VM on the host that it leaves.
void FaultDriver::trouble_migration(const Undo& scene) {
    static constexpr FaultKind kTroubles[] = {FaultKind::PowerOff,
                                              FaultKind::QuickReset,
                                              FaultKind::FreezeShort,
                                              FaultKind::FreezeLong,
                                              FaultKind::AgentStop,
                                              FaultKind::AgentKill,
                                              FaultKind::TrapAgentKill,
                                              FaultKind::TrapPowerOff,
                                              FaultKind::LeaderTrouble};
    const FaultKind trouble = kTroubles[chance_.below(std::size(kTroubles))];
    if (trouble == FaultKind::LeaderTrouble) return trouble_leader();
    begin_on_host(trouble, scene.host);
    const VmIndex vm = any_vm();
    if (chance_.permille(300)) world_.start_by_person(vm, scene.other);
    if (chance_.permille(100)) world_.crash_vm(vm);
}

void FaultDriver::next_scene(const Undo& scene) {
    if (healed_) return;
    switch (scene.kind) {
        case FaultKind::PlannedShutdown:
            // Long enough for a goodbye; people start what they stopped, wherever they like.
            world_.power_off(scene.host);
            world_.power_on(scene.host);
            for (VmIndex vm = 0; vm < world_.vms().size(); ++vm) {
                const Vm& what = world_.vms()[vm];
                if (!what.wanted && what.last_host == scene.host) {
                    world_.start_by_person(vm, any_host());
                }
            }
            return;
        case FaultKind::Lifeline: {
            static constexpr FaultKind kEnds[] = {FaultKind::PowerOff,
                                                  FaultKind::QuickReset,
                                                  FaultKind::FreezeLong,
                                                  FaultKind::AgentStop,
                                                  FaultKind::AgentKill};
            begin_on_host(kEnds[chance_.below(std::size(kEnds))], scene.other);
            return;
        }
        case FaultKind::FenceTrouble: world_.set_fence(scene.host, FenceMode::Ok); return;
        case FaultKind::MigrationTrouble: trouble_migration(scene); return;
        case FaultKind::LoseDatastores:
            world_.give_up_lost_datastores(scene.host);
            undo_after(seconds{8}, Undo{scene.kind, any_host(), HostId{}, 0, 0, false, {}});
            return;
        case FaultKind::Homecoming: {
            const SimHost& host = world_.host(scene.host);
            for (VmIndex vm = 0; vm < world_.vms().size(); ++vm) {
                const Vm& what = world_.vms()[vm];
                if (host.can_step() && what.lost_with_host && what.last_host == scene.host) {
                    world_.start_by_person(vm, scene.host);
                }
            }
            if (world_.now() < scene.until) undo_after(kPersonTriesAgain, scene);
            return;
        }
        case FaultKind::IsolationAddressDown:
        case FaultKind::NetIsolateHost:
        case FaultKind::NetDeadForAll: world_.set_isolation_address(scene.host, true); return;
        default: return;
    }
}

}  // namespace holdfast::sim
