// The faults of FaultDriver that strike wires, paths, libvirt and people.
#include <algorithm>
#include <vector>

#include "tests/sim/fault/fault_driver.h"

namespace holdfast::sim {

void FaultDriver::strike_path(
    DatastoreIndex datastore, HostId host, const PathFault& fault, Duration lasts, FaultKind kind) {
    WorldTime& until = path_until_[datastore * (world_.hosts_count() + 1) + host.value()];
    until = std::max(until, world_.now() + lasts);
    world_.set_path(datastore, host, fault);
    undo_after(lasts, Undo{kind, host, HostId{}, datastore, 0, false});
}

void FaultDriver::strike_wire(
    HostId from, HostId to, const LinkFault& fault, Duration lasts, FaultKind kind) {
    if (from == to) return;
    // Mostly all links at once; with two links a single one is a fault that nobody should notice.
    const bool all_links = chance_.permille(800);
    for (std::uint8_t link = 0; link < plan_.cluster.links_count; ++link) {
        if (!all_links && link > 0) continue;
        const std::size_t wire =
            (from.value() * (world_.hosts_count() + 1) + to.value()) * kLinksMax + link;
        wire_until_[wire] = std::max(wire_until_[wire], world_.now() + lasts);
        world_.set_link(from, to, link, fault);
        undo_after(lasts, Undo{kind, from, to, 0, link, false});
    }
}

void FaultDriver::begin_network(FaultKind kind) {
    ++world_.tally().faults[static_cast<std::size_t>(kind)];
    const Duration lasts = around_a_lease();
    const auto hosts_count = static_cast<std::uint16_t>(world_.hosts_count());
    const HostId one = any_host();
    LinkFault fault;
    fault.cut = kind == FaultKind::NetCutHost || kind == FaultKind::NetCutOneWay ||
                kind == FaultKind::NetPartition;
    if (kind == FaultKind::NetLoss)
        fault.loss_permille = static_cast<std::uint32_t>(chance_.between(50, 900));
    if (kind == FaultKind::NetDelay) fault.delay_max = chance_.spread(milliseconds{20}, seconds{6});
    if (kind == FaultKind::NetDouble) {
        fault.double_permille = static_cast<std::uint32_t>(chance_.between(50, 900));
        fault.delay_max = chance_.spread(milliseconds{1}, milliseconds{600});
    }
    if (kind == FaultKind::NetCutOneWay) {
        strike_wire(one, any_host(), fault, lasts, kind);
        return;
    }
    const bool everybody =
        kind != FaultKind::NetCutHost && kind != FaultKind::NetPartition && chance_.permille(400);
    std::vector<bool> left(hosts_count + 1U, false);
    for (std::uint16_t h = 1; h <= hosts_count; ++h) left[h] = chance_.permille(500);
    for (std::uint16_t from = 1; from <= hosts_count; ++from) {
        for (std::uint16_t to = 1; to <= hosts_count; ++to) {
            const bool of_one = from == one.value() || to == one.value();
            const bool struck =
                kind == FaultKind::NetPartition ? left[from] != left[to] : everybody || of_one;
            if (struck) strike_wire(HostId{from}, HostId{to}, fault, lasts, kind);
        }
    }
}

void FaultDriver::begin_storage(FaultKind kind) {
    ++world_.tally().faults[static_cast<std::size_t>(kind)];
    Duration lasts = around_a_lease();
    const std::uint64_t datastores_count = plan_.cluster.datastores_count;
    const auto first = static_cast<DatastoreIndex>(chance_.below(datastores_count));
    const HostId host = any_host();
    const auto majority = static_cast<DatastoreIndex>(plan_.cluster.majority());
    PathFault hang{PathMode::Hang, Duration{}, false};
    PathFault failing{PathMode::Fail, Duration{}, false};
    switch (kind) {
        case FaultKind::DsHangOnePath: strike_path(first, host, hang, lasts, kind); return;
        case FaultKind::DsHangOne: strike_path(first, HostId{}, hang, lasts, kind); return;
        case FaultKind::DsFailPath: strike_path(first, host, failing, lasts, kind); return;
        case FaultKind::DsFailOne: strike_path(first, HostId{}, failing, lasts, kind); return;
        case FaultKind::DsHangHost:
        case FaultKind::DsHangMajority:
            for (DatastoreIndex d = 0; d < majority; ++d) {
                strike_path(d, kind == FaultKind::DsHangHost ? host : HostId{}, hang, lasts, kind);
            }
            return;
        case FaultKind::DsSlow: {
            const Duration delay = chance_.spread(milliseconds{20}, plan_.cluster.timing.dead);
            strike_path(first,
                        chance_.permille(500) ? host : HostId{},
                        {PathMode::Ok, delay, false},
                        lasts,
                        kind);
            return;
        }
        case FaultKind::DsReadOnly:
            hang.read_only = true;
            // Of one host only, or of everybody but those who write there anyway.
            strike_path(first, chance_.permille(700) ? host : HostId{}, hang, lasts, kind);
            return;
        case FaultKind::DsWriteOnly:
            hang.write_only = true;
            strike_path(first, host, hang, lasts, kind);
            return;
        case FaultKind::DsFlap: {
            // Short outages of changing datastores: minorities that follow one another too fast for a majority.
            lasts = plan_.cluster.timing.interval * chance_.between(1, 5);
            for (DatastoreIndex d = 0; d < datastores_count; ++d) {
                if (chance_.permille(400))
                    strike_path(d, host, chance_.permille(500) ? hang : failing, lasts, kind);
            }
            return;
        }
        default: return;
    }
}

void FaultDriver::begin_people(FaultKind kind) {
    const VmIndex vm = any_vm();
    const HostId host = any_host();
    const HostId where = world_.where(vm);
    const Duration lasts = around_a_lease();
    LibvirtMode mode = LibvirtMode::Ok;
    switch (kind) {
        case FaultKind::LibvirtSlow: mode = LibvirtMode::Slow; break;
        case FaultKind::LibvirtHang: mode = LibvirtMode::Hang; break;
        case FaultKind::LibvirtFail: mode = LibvirtMode::Fail; break;
        case FaultKind::LibvirtLie: mode = LibvirtMode::Lie; break;
        case FaultKind::VmCrash: world_.crash_vm(vm); break;
        case FaultKind::PersonStops: world_.stop_by_person(vm); break;
        case FaultKind::PersonStarts:
            world_.start_by_person(vm, chance_.permille(500) || where.is_none() ? host : where);
            break;
        case FaultKind::PersonStartsTwice:
            world_.start_by_person(vm, host);
            world_.start_by_person(vm, any_host());
            break;
        default: return;
    }
    ++world_.tally().faults[static_cast<std::size_t>(kind)];
    if (mode == LibvirtMode::Ok) return;
    WorldTime& until = libvirt_until_[host.value()];
    until = std::max(until, world_.now() + lasts);
    world_.set_libvirt(host, mode);
    undo_after(lasts, Undo{kind, host, HostId{}, 0, 0, false});
}

}  // namespace holdfast::sim
