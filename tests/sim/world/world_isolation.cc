// Isolation: the address outside the cluster, who is cut off in truth, and whether a VM was stopped for it with reason.
#include <algorithm>

#include "tests/sim/world/world.h"

namespace holdfast::sim {

void World::set_isolation_address(HostId host, bool answers) {
    if (host.is_none()) {
        network_.set_isolation_address(answers);
        if (listening())
            say(HostId{},
                answers ? "the isolation address answers" : "the isolation address is silent");
        return;
    }
    network_.set_isolation_way(host, answers);
}

// As net/ does it: asks only while no beat arrives.
void World::probe_round(SimHost& host, std::uint32_t life) {
    if (!host.powered || host.engine == nullptr || host.life != life) return;
    agenda_.put(now_ + config_.timing.interval, Wake::ProbeRound, host.id.value(), 0, life);
    const bool hears = now_ - std::max(host.heard_last_at, host.agent_since) < config_.timing.fresh;
    if (hears || !host.can_step()) return;
    const bool answered = network_.reaches_isolation_address(host.id);
    mail(host.id, life, ProbeReport{answered});
}

// Whether `host` has got no sign of anybody for as long as a finding of isolation takes, drift aside.
bool World::could_be_isolated(const SimHost& host) const {
    const Duration after = config_.timing.isolation_after * 97 / 100;
    return now_ - host.heard_last_at >= after && now_ - host.addressed_last_at >= after;
}

// Promise L2 for an isolated host that stops a VM: it is cut off, the VM's policy wants it, and somebody who leads, or did so
// a moment ago, was not cut off himself and could start it again.
void World::check_response(SimHost& host, const Trace& line) {
    const VmIndex index = vm_index_of(line.vm);
    Vm& vm = vms_[index];
    const Timing& timing = config_.timing;
    if (!could_be_isolated(host)) {
        fail("L2",
             text_of("host %u stops VM %u as if it were isolated, and is not",
                     host.id.value(),
                     index + 1));
    }
    if (vm.spec.isolation != IsolationResponse::Shutdown &&
        vm.spec.isolation != IsolationResponse::PowerOff) {
        fail("L2", text_of("VM %u is stopped by isolation against its policy", index + 1));
    }
    // What is read is a little old: the leader may have lost its office, or its network, since it wrote.
    const Duration stale = timing.silent + 4 * timing.interval + seconds{1};
    bool somebody = false;
    for (const SimHost& other : hosts_) {
        if (other.id == host.id || other.led_last_at == kWorldNever) continue;
        const WorldTime sign = std::max(other.heard_last_at, other.addressed_last_at);
        const bool connected = network_.reaches_isolation_address(other.id) ||
                               now_ - sign < timing.isolation_after + stale;
        somebody = somebody || (now_ - other.led_last_at < stale && connected);
    }
    if (!somebody) {
        fail("L2",
             text_of("host %u stops VM %u, but nobody could restart it elsewhere",
                     host.id.value(),
                     index + 1));
    }
    vm.stop_allowed_on = host.id;
}

}  // namespace holdfast::sim
