#include "tests/sim/run/final_act.h"

#include <vector>

#include "engine/machine/timing.h"
#include "tests/sim/run/rightful_wait.h"

namespace holdfast::sim {

namespace {

constexpr Duration kLookAtTheEnd = milliseconds{100};

}  // namespace

// The host is called dead `dead` after the last sign of it, or after the end of the last leader's answers; a leader must first be
// missed and replaced.  Then: rank and ballot, reading the rosters, the order, claim and scan, libvirt.
Duration promised_time(const World& world) {
    const ClusterConfig& config = world.config();
    const Timing& timing = world.longest();
    const Duration judged = with_drift(timing.dead) + takeover_after(timing, timing.lease);
    const Duration waited = 2 * timing.interval * static_cast<int>(config.hosts.size() + 4);
    return judged + waited + config.vm_create.high + config.vm_resume.high + seconds{1};
}

void lose_one_host(World& world, Chance& chance) {
    std::vector<HostId> powered;
    for (std::uint16_t h = 1; h <= world.hosts_count(); ++h) {
        if (world.host(HostId{h}).powered) powered.push_back(HostId{h});
    }
    if (powered.size() < 2) return;
    const HostId victim = powered[chance.below(powered.size())];
    world.power_off(victim);
    const Duration promised = promised_time(world) + waiting_time(world);
    const WorldTime until = world.now() + promised;
    while (!world.violation() && world.now() < until) {
        world.run_until(world.now() + kLookAtTheEnd);
        bool all_run = true;
        for (VmIndex vm = 0; vm < world.vms().size(); ++vm) {
            all_run = all_run && (!world.vms()[vm].wanted || !world.where(vm).is_none());
        }
        if (all_run) return;
    }
    for (VmIndex vm = 0; vm < world.vms().size() && !world.violation(); ++vm) {
        if (!world.vms()[vm].wanted || !world.where(vm).is_none()) continue;
        if (waits_rightly(world, vm)) continue;
        world.fail(
            "L1",
            text_of("VM %u does not run %.3f s after its host %u lost its power in a whole cluster",
                    vm + 1,
                    in_seconds(promised),
                    victim.value()));
    }
}

}  // namespace holdfast::sim
