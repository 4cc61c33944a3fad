#include "tests/sim/run/wholeness.h"

#include "tests/sim/run/rightful_wait.h"

namespace holdfast::sim {

std::optional<std::string> missing_for_wholeness(const World& world) {
    int leaders_count = 0;
    for (std::uint16_t h = 1; h <= world.hosts_count(); ++h) {
        const SimHost& host = world.host(HostId{h});
        if (!host.powered) continue;
        if (host.engine == nullptr) return text_of("host %u has no agent", h);
        if (host.engine->leading(host.now(world.now()))) ++leaders_count;
        if (host.engine->phase() != HostPhase::Member) {
            return text_of(
                "host %u is not a member: its phase is %s", h, to_string(host.engine->phase()));
        }
        if (host.engine->barred()) return text_of("host %u is barred", h);
    }
    for (std::uint16_t h = 1; h <= world.hosts_count(); ++h) {
        if (world.in_maintenance(HostId{h})) return text_of("host %u is in maintenance", h);
    }
    if (leaders_count != 1) return text_of("%d hosts lead", leaders_count);
    for (VmIndex vm = 0; vm < world.vms().size(); ++vm) {
        const Vm& what = world.vms()[vm];
        if (what.wanted && world.where(vm).is_none() && has_place(world, vm)) {
            return text_of("VM %s should run, and runs nowhere; it ran on host %u last",
                           std::string(what.spec.name.view()).c_str(),
                           what.last_host.value());
        }
    }
    return std::nullopt;
}

// Hosts boot, leases and offices of the past run out, a dead host is judged, VMs are ordered, claimed and started; the rest
// is for starts that were tried in vain just before and wait for their next turn (design section 9: 0, 2, 6, 14, 30 minutes).
Duration wholeness_limit(const World& world) {
    const ClusterConfig& config = world.config();
    return config.boot.high + 2 * config.blackout_limit + 4 * world.longest().dead + seconds{60} +
           std::chrono::minutes{35};
}

}  // namespace holdfast::sim
