// Quorum: what "a majority" means.
//
// A majority is always one of the configured voters, never of those that answer; a voter that this host does not have counts
// among them and never answers.  While the list of datastores changes, a majority of the old list *and* one of the new is
// needed (design section 6): lists that differ by one datastore have no two majorities that miss each other anyway, and what
// was written under one list is found by whoever still reads by the other.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "engine/base/limits.h"
#include "engine/base/mutant.h"
#include "engine/base/types.h"

namespace holdfast {

// The datastores that vote: bit d for the datastore at position d of this host's own list.
struct VoterSet {
    std::uint8_t mask = 0;
    std::uint8_t size = 0;  // of the whole list, those included that this host does not have

    // Datastores 0..count-1, all of them at hand.
    [[nodiscard]] static constexpr VoterSet first(std::uint8_t count) {
        return {static_cast<std::uint8_t>((1U << count) - 1U), count};
    }

    [[nodiscard]] constexpr unsigned majority() const { return size / 2U + 1U; }

    [[nodiscard]] constexpr bool holds(std::uint8_t answered) const {
        return static_cast<unsigned>(std::popcount(static_cast<unsigned>(answered & mask))) >=
               majority();
    }

    friend constexpr bool operator==(const VoterSet&, const VoterSet&) = default;
};

class Quorum {
  public:
    explicit constexpr Quorum(VoterSet voters) : old_(voters), new_(voters) {}

    // From now on a majority of both is needed; end_change() leaves the new one alone.
    constexpr void begin_change(VoterSet next) {
        old_ = new_;
        new_ = next;
    }

    constexpr void end_change() { old_ = new_; }

    [[nodiscard]] constexpr bool changing() const { return !(old_ == new_); }

    [[nodiscard]] constexpr VoterSet voters() const { return new_; }

    // Whether datastore `d` has a vote in either list.
    [[nodiscard]] constexpr bool votes(std::size_t d) const {
        return ((unsigned{mask()} >> d) & 1U) != 0;
    }

    [[nodiscard]] constexpr std::uint8_t mask() const {
        return static_cast<std::uint8_t>(old_.mask | new_.mask);
    }

    // Whether the datastores of `answered` are a majority.
    [[nodiscard]] constexpr bool holds(std::uint8_t answered) const {
        return new_.holds(answered) && (old_.holds(answered) || planted(Mutant::OldListForgotten));
    }

    // One that a single vote makes: no rule of the product wants it, mutants do.
    [[nodiscard]] constexpr Quorum of_one() const { return Quorum{VoterSet{mask(), 1}}; }

    // Of how many one speaks to people: a majority of the list that will stay.
    [[nodiscard]] constexpr unsigned majority() const { return new_.majority(); }

    // The value that a majority reaches, where get(d) is what datastore d reached.  T is an id, or an Instant.
    template <typename T, typename Get>
    [[nodiscard]] T reached(Get get) const {
        const T value = reached_by<T>(new_, get);
        return changing() ? std::min(value, reached_by<T>(old_, get)) : value;
    }

  private:
    template <typename T, typename Get>
    [[nodiscard]] static T reached_by(VoterSet voters, Get get) {
        T none{};
        if constexpr (std::is_same_v<T, Instant>) none = kNotYet;
        std::array<T, kDatastoresMax> values;
        for (std::size_t d = 0; d < kDatastoresMax; ++d)
            values[d] = ((unsigned{voters.mask} >> d) & 1U) != 0 ? get(d) : none;
        std::sort(values.begin(), values.end());
        return values[kDatastoresMax - voters.majority()];
    }

    VoterSet old_;
    VoterSet new_;
};

}  // namespace holdfast
