// CopyChoice: which of the two copies the next write of one kind goes to, on one datastore.
//
// Never to the copy that holds the newest record known good there, so that a torn write costs
// nothing but itself, however many of them are torn in a row and whatever numbers were skipped.
// What is known comes from completions and from reading both copies back while no write of that
// kind was under way; the numbers in the records play no part.  Internal to storage/.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/mutant.h"
#include "storage/geometry.h"

namespace holdfast {

class CopyChoice {
  public:
    // Nothing is known yet: nothing may be written.
    constexpr CopyChoice() = default;

    constexpr explicit CopyChoice(std::optional<Copy> next) : next_(next) {}

    // Where the next write goes; nothing when that would be a guess.
    [[nodiscard]] constexpr std::optional<Copy> next() const { return next_; }

    // The write to next() succeeded.  One that failed changes nothing: the copy that it damaged
    // takes the next one too.
    constexpr void written() {
        if (next_) next_ = other_copy(*next_);
    }

    // Both copies were read: `newest` is the one whose record readers take, none when neither is
    // valid.
    void learn(std::optional<Copy> newest) {
        next_ = newest ? other_copy(*newest) : Copy::A;
        if (newest && planted(Mutant::NewestCopyOverwritten)) next_ = *newest;
    }

    // Something else may have written to either copy.
    constexpr void forget() { next_.reset(); }

  private:
    std::optional<Copy> next_;
};

}  // namespace holdfast
