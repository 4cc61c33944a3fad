// Alarms: for each host the next moment at which its engine wants to be looked at, and which of them comes first.
//
// A tree of winners over all hosts: a change costs the logarithm of their number, and the next alarm nothing.
#pragma once

#include <bit>
#include <cstddef>
#include <vector>

#include "engine/base/types.h"
#include "tests/sim/world/time.h"

namespace holdfast::sim {

class Alarms {
  public:
    explicit Alarms(std::size_t hosts_count)
        : leaves_(std::bit_ceil(hosts_count)), tree_(2 * leaves_, kWorldNever) {}

    void set(HostId host, WorldTime at) {
        std::size_t node = leaves_ + host.value() - 1U;
        tree_[node] = at;
        while (node > 1) {
            node /= 2;
            tree_[node] = std::min(tree_[2 * node], tree_[2 * node + 1]);
        }
    }

    // The earlier of `at` and what is set.
    void advance(HostId host, WorldTime at) {
        if (at < tree_[leaves_ + host.value() - 1U]) set(host, at);
    }

    [[nodiscard]] WorldTime next_at() const { return tree_[1]; }

    // Whose alarm is next; of several at one time the lowest id.  REQUIRES: next_at() != kWorldNever
    [[nodiscard]] HostId next() const {
        std::size_t node = 1;
        while (node < leaves_) node = 2 * node + (tree_[2 * node] == tree_[1] ? 0U : 1U);
        return HostId{static_cast<std::uint16_t>(node - leaves_ + 1)};
    }

  private:
    std::size_t leaves_;
    std::vector<WorldTime> tree_;  // [1] is the root, the children of [i] are [2i] and [2i+1]
};

}  // namespace holdfast::sim
