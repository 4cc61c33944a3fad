// People who change the configuration at the wrong moment.
#include <algorithm>

#include "tests/sim/fault/fault_driver.h"

namespace holdfast::sim {

// Safe, and as tight as it may be, half of the time.  What depends on the hardware stays what it is.
Timing FaultDriver::another_timing() {
    Timing timing = chance_.permille(500) ? kTimingFast : kTimingStandard;
    if (chance_.permille(400)) {
        const std::int64_t percent = chance_.between(60, 250);
        for (Duration* part : {&timing.interval,
                               &timing.fresh,
                               &timing.silent,
                               &timing.isolation_after,
                               &timing.lease})
            *part = *part * percent / 100;
        // The parts of it need not grow together.
        if (chance_.permille(400)) timing.lease = timing.lease * chance_.between(100, 300) / 100;
        timing.lease = std::max(timing.lease, 4 * timing.interval);
        timing.fresh = std::max(timing.fresh, 2 * timing.interval);
    }
    const Timing& hardware = plan_.cluster.timing;
    timing.watchdog = hardware.watchdog;
    timing.granularity = hardware.granularity;
    timing.landing = hardware.landing;
    timing.dead = dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing);
    if (chance_.permille(500)) timing.dead = timing.dead * chance_.between(100, 150) / 100;
    return timing;
}

DatastoreChange FaultDriver::another_list(HostId host) {
    const std::uint64_t datastore = chance_.below(plan_.cluster.datastores_count);
    const auto digit = static_cast<char>('1' + datastore);
    const DatastoreName name{std::string_view{&digit, 1}};
    const auto& voters = world_.host(host).engine->kept().config.voters;
    const bool votes = std::find(voters.begin(), voters.end(), name) != voters.end();
    return {name, votes};
}

// Who is no member becomes one; of the others mostly one that is off, as a host that lives is not removed.
MemberChange FaultDriver::another_member(HostId asked) {
    HostId host = any_host();
    for (std::uint16_t h = 1; h <= world_.hosts_count(); ++h) {
        const bool idle = !world_.host(HostId{h}).powered || !belongs(asked, HostId{h});
        if (idle && chance_.permille(700)) host = HostId{h};
    }
    MemberChange change = World::member_added(host);
    change.remove = belongs(asked, host);
    return change;
}

// As `asked` sees it.
bool FaultDriver::belongs(HostId asked, HostId host) const {
    const ClusterMember* member = world_.host(asked).engine->kept().config.find(host);
    return member != nullptr && !member->removed;
}

// Often the leader is struck while it makes the step.
void FaultDriver::begin_change(FaultKind kind) {
    HostId host = world_.leader();
    if (host.is_none() || chance_.permille(100)) host = any_host();
    if (!world_.host(host).can_step()) return;
    // What hung on the last datastore may hang for ever, and then it must not be one of few.
    if (kind == FaultKind::ChangeDatastores && plan_.cluster.lost_answers) return;
    ++world_.tally().faults[static_cast<std::size_t>(kind)];
    if (kind == FaultKind::ChangeTiming) {
        world_.ask_change(host, TimingChange{another_timing()});
    } else if (kind == FaultKind::ChangeDatastores) {
        world_.ask_change(host, another_list(host));
    } else if (kind == FaultKind::ChangeMembers) {
        world_.ask_change(host, another_member(host));
    } else {
        const HostId other = any_host();
        const ClusterMember* member = world_.host(host).engine->kept().config.find(other);
        world_.ask_change(host,
                          MaintenanceChange{other, member == nullptr || !member->maintenance});
    }
    if (!chance_.permille(350)) return;
    static constexpr FaultKind kMidway[] = {FaultKind::TrapAgentKill,
                                            FaultKind::TrapPowerOff,
                                            FaultKind::TrapAgentStop,
                                            FaultKind::TrapFreeze};
    begin_on_host(kMidway[chance_.below(std::size(kMidway))], host);
}

}  // namespace holdfast::sim
