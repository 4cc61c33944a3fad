// A large cluster, once: it forms, hosts full of VMs die, and everything runs again; S1 and S2 are looked at all the while.
#pragma once

#include <cstdint>
#include <cstdio>

namespace holdfast::sim {

struct ScaleRun {
    std::uint32_t hosts_count = 1024;
    std::uint32_t vms_count = 10000;
    std::uint32_t lost_vms_count = 500;  // of the hosts that die at one moment
    std::uint64_t seed = 1;
    bool codecs = false;
};

// Prints what was seen to `out`.  False when a promise was broken, the cluster did not form or a VM did not come back.
[[nodiscard]] bool run_at_scale(const ScaleRun& run, std::FILE* out);

}  // namespace holdfast::sim
