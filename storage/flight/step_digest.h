// StepDigest: all that a step did, as one number: its actions with every member, and what they had written.
//
// Two engines whose digests agree have asked for the same things in the same order, not only said the same.
#pragma once

#include <cstdint>

#include "engine/machine/engine.h"

namespace holdfast::flight {

class StepDigest {
  public:
    // Adds the step that `engine` has just done.
    void add(const Actions& actions, const Engine& engine);

    void reset() { value_ = kStart; }

    [[nodiscard]] std::uint32_t value() const {
        return static_cast<std::uint32_t>(value_ ^ value_ >> 32U);
    }

  private:
    static constexpr std::uint64_t kStart = 0xcbf29ce484222325U;
    std::uint64_t value_ = kStart;
};

// A number that differs when actions have another layout: digests of another layout cannot be compared.
[[nodiscard]] std::uint64_t action_layout();

}  // namespace holdfast::flight
