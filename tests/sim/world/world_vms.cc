// What the VMs of a world need, and what its hosts have for them.
#include <algorithm>

#include "engine/base/name_hash.h"
#include "tests/sim/world/world.h"

namespace holdfast::sim {

namespace {

// "db", or "db:agent": once its guest agent is up.
void take_after(VmRelations& relations, std::size_t place, std::string name) {
    const std::size_t colon = name.rfind(":agent");
    if (colon != std::string::npos) {
        name.resize(colon);
        relations.after_agent = static_cast<std::uint8_t>(relations.after_agent | 1U << place);
    }
    relations.after[place] = name_hash(name);
}

}  // namespace

void World::make_vms() {
    for (const VmConfig& wanted : config_.vms) {
        Vm vm;
        const auto index = static_cast<VmIndex>(vms_.size());
        vm.spec.vm = vm_id_of(index);
        vm.spec.name = VmName{wanted.name};
        vm.spec.memory_mib = wanted.memory_mib;
        vm.spec.cpus = 1;
        vm.spec.priority = wanted.priority;
        vm.spec.datastores = 1;
        vm.spec.xml = XmlRef{wanted.home, index * 4096, 1000, 4000, 0xc0de0000U + index};
        vm.home = wanted.home;
        vm.autostart = wanted.autostart;
        vm.spec.isolation = wanted.isolation;
        VmRelations& relations = vm.spec.relations;
        relations.name = name_hash(wanted.name);
        if (!wanted.apart.empty()) relations.apart = name_hash(wanted.apart);
        if (!wanted.together.empty()) relations.together = name_hash(wanted.together);
        for (std::size_t i = 0; i < wanted.after.size() && i < kAfterMax; ++i)
            take_after(relations, i, wanted.after[i]);
        if (wanted.agent_after > Duration::zero()) vm.spec.agent = GuestAgent::Awaited;
        for (std::size_t i = 0; i < wanted.networks.size() && i < kVmNetworksMax; ++i)
            vm.spec.networks[i] = name_hash(wanted.networks[i]);
        vms_.push_back(vm);
    }
}

Capacity World::capacity_of(HostId id) const {
    const HostConfig& host = config_.hosts[id.value() - 1U];
    Capacity capacity{host.memory_mib, 64, 1, {}};
    capacity.networks.known = config_.networks_known;
    for (const std::string& network : host.networks)
        capacity.networks.hashes.push(name_hash(network));
    std::sort(capacity.networks.hashes.begin(), capacity.networks.hashes.end());
    return capacity;
}

}  // namespace holdfast::sim
