// Plan: what one seed's run is made of: the cluster, which kinds of fault it has and how often, and how it ends.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tests/sim/fault/fault_kind.h"
#include "tests/sim/world/cluster_config.h"

namespace holdfast::sim {

struct Plan {
    ClusterConfig cluster;
    std::array<Duration, kFaultKindsCount>
        mean_interval{};               // zero: the run does not have this kind
    std::uint32_t hosts_down_max = 1;  // hosts that may be without power or frozen at the same time
    Duration faults_begin_after{};
    Duration faults_last{};
    bool loses_datastores = false;  // a majority of the voters, for ever
    bool one_stays_dead = false;    // a host never gets its power back
};

// Everything about run `seed`, always the same.
[[nodiscard]] Plan plan_of(std::uint64_t seed);

// "5 hosts, 3 datastores, fast, ...": one line.
[[nodiscard]] std::string describe(const Plan& plan);

}  // namespace holdfast::sim
