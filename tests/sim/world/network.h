// Network: carries beats between agents, and loses, delays, doubles and reorders them when told to.
//
// Each link has its own faults for each direction of each pair of hosts.  A receiver drops what its replay window has
// seen, as net/ does; the window belongs to the agent and starts empty with it.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/machine/beat.h"
#include "tests/sim/world/agenda.h"
#include "tests/sim/world/chance.h"
#include "tests/sim/world/cluster_config.h"
#include "tests/sim/world/pool.h"
#include "tests/sim/world/tally.h"

namespace holdfast::sim {

struct LinkFault {
    bool cut = false;
    std::uint32_t loss_permille = 0;
    std::uint32_t double_permille = 0;
    Duration delay_max{};  // in addition, a random part of it: beats overtake each other

    [[nodiscard]] bool healthy() const {
        return !cut && loss_permille == 0 && double_permille == 0 && delay_max == Duration::zero();
    }
};

struct FlyingBeat {
    Beat beat;
    std::uint8_t link = 0;
};

class Network {
  public:
    Network(const ClusterConfig& config, Agenda& agenda, Chance& chance, Tally& tally);

    void send(WorldTime now, const Beat& beat);

    [[nodiscard]] const FlyingBeat& beat(std::uint32_t index) const { return beats_[index]; }

    void give_back(std::uint32_t index) { beats_.give_back(index); }

    // Whether the receiver's replay window lets it pass; remembers it.
    bool passes_window(const Beat& beat);
    // A new agent of `host` knows nothing.
    void forget_windows(HostId host);

    void set_fault(
        WorldTime now, HostId from, HostId to, std::uint8_t link, const LinkFault& fault);

    [[nodiscard]] const LinkFault& fault(HostId from, HostId to, std::uint8_t link) const {
        return wires_[wire(from, to)].faults[link];
    }

    // The isolation address: whether it answers at all, and whether a host's way to it is open.
    void set_isolation_address(bool up) { address_up_ = up; }

    void set_isolation_way(HostId host, bool open) { way_closed_[host.value() - 1U] = !open; }

    [[nodiscard]] bool reaches_isolation_address(HostId host) const {
        return config_.isolation_address && address_up_ && !way_closed_[host.value() - 1U];
    }

    // Since when beats have flown unharmed both ways between two hosts on some link; kWorldNever: they do not.
    [[nodiscard]] WorldTime whole_since(HostId one, HostId other) const;

  private:
    // The replay window of net/: the highest number of the sender's newest incarnation and the 64 before it.
    struct Window {
        Incarnation incarnation;
        std::uint64_t highest = 0;
        std::uint64_t seen = 0;  // bit i: highest - i
    };

    struct Wire {
        std::array<LinkFault, kLinksMax> faults{};
        std::array<WorldTime, kLinksMax> whole_since{};
        Window window;
    };

    [[nodiscard]] std::size_t wire(HostId from, HostId to) const {
        HF_CHECK(from.value() >= 1 && from.value() <= hosts_count_ && to.value() >= 1 &&
                 to.value() <= hosts_count_);
        return (from.value() - 1U) * hosts_count_ + to.value() - 1U;
    }

    void fly(WorldTime now, const Beat& beat, std::uint8_t link, Duration delay_max);

    const ClusterConfig& config_;
    Agenda& agenda_;
    Chance& chance_;
    Tally& tally_;
    std::size_t hosts_count_;
    std::vector<Wire> wires_;
    bool address_up_ = true;
    std::vector<bool> way_closed_;
    Pool<FlyingBeat> beats_;
};

}  // namespace holdfast::sim
