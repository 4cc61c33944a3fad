// HostSet: a set of host ids, as one bit a host.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/types.h"

namespace holdfast {

class HostSet {
  public:
    static constexpr std::size_t kWords = kHostsMax / 64;

    [[nodiscard]] bool contains(HostId host) const {
        return in_range(host) && (words_[word(host)] >> bit(host) & 1U) != 0;
    }

    // REQUIRES: 1 <= host <= kHostsMax
    void insert(HostId host) {
        HF_CHECK(in_range(host));
        words_[word(host)] |= std::uint64_t{1} << bit(host);
    }

    void erase(HostId host) {
        if (in_range(host)) words_[word(host)] &= ~(std::uint64_t{1} << bit(host));
    }

    void clear() { words_ = {}; }

    [[nodiscard]] HostSet common(const HostSet& other) const {
        HostSet both;
        for (std::size_t w = 0; w < kWords; ++w) both.words_[w] = words_[w] & other.words_[w];
        return both;
    }

    // Calls visit(host) for every member in ascending order; it may erase that host.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (std::size_t w = 0; w < kWords; ++w) {
            for (std::uint64_t left = words_[w]; left != 0; left &= left - 1) {
                const std::size_t host = w * 64 + static_cast<std::size_t>(std::countr_zero(left));
                visit(HostId{static_cast<std::uint16_t>(host + 1)});
            }
        }
    }

    [[nodiscard]] std::size_t size() const {
        std::size_t count = 0;
        for (const std::uint64_t bits : words_)
            count += static_cast<std::size_t>(std::popcount(bits));
        return count;
    }

    [[nodiscard]] bool empty() const { return size() == 0; }

    // Bit i of word w stands for host w * 64 + i + 1: the on-disk form.
    [[nodiscard]] const std::array<std::uint64_t, kWords>& words() const { return words_; }

    [[nodiscard]] std::array<std::uint64_t, kWords>& words() { return words_; }

    friend bool operator==(const HostSet&, const HostSet&) = default;

  private:
    static bool in_range(HostId host) { return host.value() >= 1 && host.value() <= kHostsMax; }

    static std::size_t word(HostId host) { return (host.value() - 1U) / 64U; }

    static unsigned bit(HostId host) { return (host.value() - 1U) % 64U; }

    std::array<std::uint64_t, kWords> words_{};
};

}  // namespace holdfast
