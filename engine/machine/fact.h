// Fact: what a row of a decision table wants of one fact (peer_verdict.cc, isolation.cc).
#pragma once

#include <cstdint>

namespace holdfast {

enum class Fact : std::uint8_t { No, Yes, Any };

// As the tables write them.
inline constexpr Fact kNo = Fact::No;
inline constexpr Fact kYes = Fact::Yes;
inline constexpr Fact kAny = Fact::Any;

// Whether a row that wants `wanted` speaks of a case in which the fact is `fact`.
[[nodiscard]] constexpr bool fits(Fact wanted, bool fact) {
    return wanted == Fact::Any || (wanted == Fact::Yes) == fact;
}

}  // namespace holdfast
