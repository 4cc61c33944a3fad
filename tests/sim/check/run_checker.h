// RunChecker: promise S1.  A VM runs on at most one host, and what a dead host's copy had still in flight to its disks has
// landed before the next copy runs.
//
// A frozen host's VMs count as running: nobody may rely on their standing still.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/types.h"
#include "tests/sim/check/violation.h"
#include "tests/sim/world/vm_world.h"

namespace holdfast::sim {

class RunChecker {
  public:
    RunChecker(std::size_t vms_count, std::size_t hosts_count, Duration landing)
        : landing_(landing), hosts_count_(hosts_count), copies_(vms_count * (hosts_count + 1)) {}

    // A copy of `vm` runs on `host` from now on.  What is broken by that, if something is.
    [[nodiscard]] std::optional<std::string> runs(VmIndex vm, HostId host, WorldTime now) {
        std::optional<std::string> broken;
        for (std::uint16_t h = 1; h <= hosts_count_; ++h) {
            const Copy& other = copy(vm, HostId{h});
            if (h == host.value()) continue;
            if (other.running) {
                broken = text_of("VM %u runs on host %u and on host %u", vm + 1, h, host.value());
            } else if (other.writes_until > now) {
                broken = text_of(
                    "VM %u runs on host %u while writes of its copy on host %u may land for "
                    "another %.3f s",
                    vm + 1,
                    host.value(),
                    h,
                    in_seconds(other.writes_until - now));
            }
        }
        copy(vm, host).running = true;
        return broken;
    }

    // `proved`: no I/O of it is in flight any more, as against a host that lost its power.
    void ended(VmIndex vm, HostId host, WorldTime now, bool proved) {
        copy(vm, host).running = false;
        copy(vm, host).writes_until = proved ? now : now + landing_;
    }

    // Where it runs; none when nowhere.
    [[nodiscard]] HostId where(VmIndex vm) const {
        for (std::uint16_t h = 1; h <= hosts_count_; ++h) {
            if (copies_[vm * (hosts_count_ + 1) + h].running) return HostId{h};
        }
        return HostId{};
    }

  private:
    struct Copy {
        bool running = false;
        WorldTime writes_until{};
    };

    [[nodiscard]] Copy& copy(VmIndex vm, HostId host) {
        return copies_[vm * (hosts_count_ + 1) + host.value()];
    }

    Duration landing_;
    std::size_t hosts_count_;
    std::vector<Copy> copies_;
};

}  // namespace holdfast::sim
