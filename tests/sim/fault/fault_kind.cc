#include "tests/sim/fault/fault_kind.h"

#include <array>

#include "tests/sim/world/tally.h"

namespace holdfast::sim {

static_assert(kFaultKindsCount <= kFaultKindsMax, "the tally has room for every kind");

const char* name_of(FaultKind kind) {
    static constexpr std::array<const char*, kFaultKindsCount> kNames = {
        "power off",
        "quick reset",
        "short freeze",
        "long freeze",
        "agent stopped",
        "agent killed",
        "agent upgraded",
        "freeze inside a step",
        "agent stopped inside a step",
        "agent killed inside a step",
        "power off inside a step",
        "trouble for the leader",
        "two hosts at once",
        "clock drift",
        "network: host cut off",
        "network: one way cut",
        "network: partition",
        "network: loss",
        "network: delay",
        "network: doubled beats",
        "datastore: one path hangs",
        "datastore: majority hangs for one host",
        "datastore: one hangs for all",
        "datastore: majority hangs for all",
        "datastore: errors on one path",
        "datastore: errors for all",
        "datastore: slow",
        "datastore: writes hang",
        "datastore: reads hang",
        "datastore: flaps",
        "libvirt slow",
        "libvirt hangs",
        "libvirt fails",
        "libvirt lies",
        "VM crash",
        "person stops a VM",
        "person starts a VM",
        "person starts a VM on two hosts",
        "planned shutdown of a host",
        "story: the leader was a host's lifeline",
        "story: a host comes home during its failover",
        "isolation address: silent for all",
        "network: host isolated",
        "network: dead for everybody",
        "fence device fails, hangs or lies",
        "operator confirms a death",
        "story: datastores obey at once and answer late",
        "operator changes the timing",
        "operator adds or retires a datastore",
        "operator begins or ends maintenance",
        "person migrates a VM",
        "story: trouble for the hosts of a migration",
        "story: a majority of the datastores is lost for ever",
        "operator adds or removes a member",
        "story: the leader loses its storage",
    };
    return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace holdfast::sim
