// A story: a scenario's cluster, and what happens in it, checked for what the simulator can do before it begins.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/scenario/statement.h"
#include "tests/sim/world/cluster_config.h"
#include "tests/sim/world/vm_world.h"

namespace holdfast::sim {

struct Story {
    ClusterConfig cluster;
    std::map<std::string, VmIndex> vms;
    std::vector<Statement> acts;  // everything after cluster, host and vm

    [[nodiscard]] Read<VmIndex> vm_of(const Statement& statement) const;
};

[[nodiscard]] Read<Story> read_story(const std::string& path);

}  // namespace holdfast::sim
