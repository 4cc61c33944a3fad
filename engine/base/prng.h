// Prng: a small deterministic generator (splitmix64, Steele, Lea and Flood, OOPSLA 2014, figure 17).
// Its seed is configuration of whoever owns it, so that a run can be repeated.
#pragma once

#include <cstdint>

namespace holdfast {

class Prng {
  public:
    explicit Prng(std::uint64_t seed) : state_(seed) {}

    [[nodiscard]] std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
        mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
        return mixed ^ (mixed >> 31U);
    }

    // 0 <= result < bound; 0 when bound is 0.  The bias for small bounds is below 2^-32.
    [[nodiscard]] std::uint64_t below(std::uint64_t bound) {
        return bound == 0 ? 0 : next() % bound;
    }

  private:
    std::uint64_t state_;
};

}  // namespace holdfast
