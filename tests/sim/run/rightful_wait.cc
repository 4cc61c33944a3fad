#include "tests/sim/run/rightful_wait.h"

#include <algorithm>
#include <vector>

namespace holdfast::sim {

namespace {

bool could_run_on(const World& world, HostId id, const VmSpec& wanted) {
    const SimHost& host = world.host(id);
    if (!host.powered || host.engine == nullptr || world.in_maintenance(id)) return false;
    std::uint64_t used = wanted.memory_mib;
    for (VmIndex other = 0; other < world.vms().size(); ++other) {
        if (world.where(other) != id) continue;
        const VmSpec& spec = world.vms()[other].spec;
        const std::uint32_t apart = wanted.relations.apart;
        if (apart != 0 && spec.relations.apart == apart) return false;
        used += spec.memory_mib;
    }
    return used <= world.config().hosts[id.value() - 1U].memory_mib;
}

bool waits(const World& world, VmIndex vm, std::vector<bool>& seen) {
    if (!has_place(world, vm)) return true;
    seen[vm] = true;
    const VmRelations& relations = world.vms()[vm].spec.relations;
    for (VmIndex other = 0; other < world.vms().size(); ++other) {
        const Vm& what = world.vms()[other];
        const bool named =
            std::find(relations.after.begin(), relations.after.end(), what.spec.relations.name) !=
            relations.after.end();
        if (!named || seen[other] || !what.wanted || !world.where(other).is_none()) continue;
        if (waits(world, other, seen)) return true;
    }
    return false;
}

}  // namespace

bool has_place(const World& world, VmIndex vm) {
    for (std::uint16_t h = 1; h <= world.hosts_count(); ++h) {
        if (could_run_on(world, HostId{h}, world.vms()[vm].spec)) return true;
    }
    return false;
}

bool waits_rightly(const World& world, VmIndex vm) {
    std::vector<bool> seen(world.vms().size());
    return waits(world, vm, seen);
}

Duration waiting_time(const World& world) {
    const ClusterConfig& config = world.config();
    Duration time{};
    for (const VmConfig& vm : config.vms) {
        if (vm.after.empty() && vm.agent_after == Duration::zero()) continue;
        // The one before it has come up, the leader reads it, and the order and the claim take their course.
        time += 12 * world.longest().interval + config.vm_create.high + config.vm_resume.high +
                vm.agent_after;
    }
    return time;
}

}  // namespace holdfast::sim
