// RunChecker: promise S1.  A VM runs on at most one host, and what a dead host's copy had still in flight to its disks has
// landed before the next copy runs.
//
// A frozen host's VMs count as running: nobody may rely on their standing still.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/types.h"
#include "tests/sim/check/violation.h"
#include "tests/sim/world/vm_world.h"

namespace holdfast::sim {

class RunChecker {
  public:
    RunChecker(std::size_t vms_count, Duration landing) : landing_(landing), copies_(vms_count) {}

    // A copy of `vm` runs on `host` from now on.  What is broken by that, if something is.
    [[nodiscard]] std::optional<std::string> runs(VmIndex vm, HostId host, WorldTime now) {
        std::optional<std::string> broken;
        for (const auto& [other_host, other] : copies_[vm]) {
            if (other_host == host) continue;
            if (other.running) {
                broken = text_of("VM %u runs on host %u and on host %u",
                                 vm + 1,
                                 other_host.value(),
                                 host.value());
            } else if (other.writes_until > now) {
                broken = text_of(
                    "VM %u runs on host %u while writes of its copy on host %u may land for "
                    "another %.3f s",
                    vm + 1,
                    host.value(),
                    other_host.value(),
                    in_seconds(other.writes_until - now));
            }
        }
        copies_[vm][host].running = true;
        return broken;
    }

    // `proved`: no I/O of it is in flight any more, as against a host that lost its power.
    void ended(VmIndex vm, HostId host, WorldTime now, bool proved) {
        copies_[vm][host] = {false, proved ? now : now + landing_};
    }

    // Where it runs; none when nowhere.
    [[nodiscard]] HostId where(VmIndex vm) const {
        for (const auto& [host, copy] : copies_[vm]) {
            if (copy.running) return host;
        }
        return HostId{};
    }

  private:
    struct Copy {
        bool running = false;
        WorldTime writes_until{};
    };

    Duration landing_;
    std::vector<std::map<HostId, Copy>> copies_;  // by VM: where it has ever run
};

}  // namespace holdfast::sim
