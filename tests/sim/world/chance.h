// Chance: the engine's Prng, with the questions that a simulated world asks of it.
#pragma once

#include <cstdint>

#include "engine/base/prng.h"
#include "tests/sim/world/time.h"

namespace holdfast::sim {

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : prng_(seed) {}

    [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return prng_.below(bound); }

    [[nodiscard]] std::uint64_t next() { return prng_.next(); }

    // low <= result <= high
    [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high) {
        return low +
               static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(high - low + 1)));
    }

    [[nodiscard]] Duration between(Duration low, Duration high) {
        return Duration{between(low.count(), high.count())};
    }

    [[nodiscard]] bool permille(std::uint64_t parts) { return prng_.below(1000) < parts; }

    // A span between low and high in which each order of magnitude is equally likely.
    [[nodiscard]] Duration spread(Duration low, Duration high);

  private:
    Prng prng_;
};

inline Duration Chance::spread(Duration low, Duration high) {
    std::int64_t top = low.count();
    int doublings_max = 0;
    while (top < high.count()) {
        top *= 2;
        ++doublings_max;
    }
    const std::int64_t base =
        low.count() << static_cast<int>(below(static_cast<std::uint64_t>(doublings_max) + 1));
    const Duration span = between(Duration{base}, Duration{base * 2});
    return span < high ? span : high;
}

}  // namespace holdfast::sim
