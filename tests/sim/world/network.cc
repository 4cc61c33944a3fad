#include "tests/sim/world/network.h"

#include <algorithm>

namespace holdfast::sim {

Network::Network(const ClusterConfig& config, Agenda& agenda, Chance& chance, Tally& tally)
    : config_(config),
      agenda_(agenda),
      chance_(chance),
      tally_(tally),
      hosts_count_(config.hosts.size()),
      wires_(hosts_count_ * hosts_count_),
      way_closed_(hosts_count_, false) {}

void Network::send(WorldTime now, const Beat& beat) {
    tally_.add(Count::BeatsSent);
    const Wire& path = wires_[wire(beat.from, beat.to)];
    for (std::uint8_t link = 0; link < config_.links_count; ++link) {
        const LinkFault& fault = path.faults[link];
        if (fault.cut || (fault.loss_permille != 0 && chance_.permille(fault.loss_permille))) {
            tally_.add(Count::BeatsLost);
            continue;
        }
        fly(now, beat, link, fault.delay_max);
        if (fault.double_permille != 0 && chance_.permille(fault.double_permille)) {
            tally_.add(Count::BeatsDoubled);
            fly(now, beat, link, fault.delay_max + config_.net_latency.high);
        }
    }
}

void Network::fly(WorldTime now, const Beat& beat, std::uint8_t link, Duration delay_max) {
    const std::uint32_t index = beats_.take();
    beats_[index].beat = beat;
    beats_[index].link = link;
    Duration latency = chance_.between(config_.net_latency.low, config_.net_latency.high);
    if (delay_max > Duration::zero()) latency += chance_.between(Duration::zero(), delay_max);
    agenda_.put(now + latency, Wake::BeatArrives, beat.to.value(), index);
}

bool Network::passes_window(const Beat& beat) {
    Window& window = wires_[wire(beat.from, beat.to)].window;
    if (beat.incarnation < window.incarnation) return false;
    if (beat.incarnation > window.incarnation) window = {beat.incarnation, 0, 0};
    const std::uint64_t number = beat.number.value();
    if (number > window.highest) {
        const std::uint64_t ahead = number - window.highest;
        window.seen = ahead >= 64 ? 1 : window.seen << ahead | 1;
        window.highest = number;
        return true;
    }
    tally_.add(Count::BeatsOvertaken);
    const std::uint64_t behind = window.highest - number;
    if (behind >= 64 || (window.seen >> behind & 1U) != 0) return false;
    window.seen |= std::uint64_t{1} << behind;
    return true;
}

void Network::forget_windows(HostId host) {
    for (std::uint16_t from = 1; from <= hosts_count_; ++from)
        wires_[wire(HostId{from}, host)].window = {};
}

void Network::set_fault(
    WorldTime now, HostId from, HostId to, std::uint8_t link, const LinkFault& fault) {
    Wire& path = wires_[wire(from, to)];
    path.faults[link] = fault;
    if (!fault.healthy()) {
        path.whole_since[link] = kWorldNever;
    } else if (path.whole_since[link] == kWorldNever) {
        path.whole_since[link] = now;
    }
}

WorldTime Network::whole_since(HostId one, HostId other) const {
    const Wire& there = wires_[wire(one, other)];
    const Wire& back = wires_[wire(other, one)];
    WorldTime best = kWorldNever;
    for (std::uint8_t link = 0; link < config_.links_count; ++link) {
        best = std::min(best, std::max(there.whole_since[link], back.whole_since[link]));
    }
    return best;
}

}  // namespace holdfast::sim
