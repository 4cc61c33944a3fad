// Timeline: the longest value of each stretch of a measurement, for pictures.  Fixed size however long it lasts:
// when the bins are used up, two become one.  Trivially copyable, no allocation, one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/types.h"

namespace holdfast::measure {

class Timeline {
  public:
    static constexpr std::size_t kBins = 600;

    // `at`: since the beginning of the measurement.
    void record(Duration at, Duration value) {
        std::size_t bin = bin_of(at);
        while (bin >= kBins) {
            halve();
            bin = bin_of(at);
        }
        used_ = std::max(used_, bin + 1);
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(value).count();
        longest_us_[bin] = std::max(longest_us_[bin], std::max<std::int64_t>(us, 1));
    }

    [[nodiscard]] Duration bin_width() const { return width_; }

    [[nodiscard]] std::size_t used() const { return used_; }

    // Microseconds; 0: nothing happened in this bin.
    [[nodiscard]] std::int64_t longest_us(std::size_t bin) const { return longest_us_[bin]; }

  private:
    [[nodiscard]] std::size_t bin_of(Duration at) const {
        return static_cast<std::size_t>(std::max<std::int64_t>(at.count(), 0) / width_.count());
    }

    void halve() {
        for (std::size_t i = 0; i < kBins / 2; ++i) {
            longest_us_[i] = std::max(longest_us_[2 * i], longest_us_[2 * i + 1]);
        }
        std::fill(longest_us_.begin() + kBins / 2, longest_us_.end(), 0);
        used_ = (used_ + 1) / 2;
        width_ *= 2;
    }

    Duration width_ = std::chrono::milliseconds{100};
    std::size_t used_ = 0;
    std::array<std::int64_t, kBins> longest_us_{};
};

}  // namespace holdfast::measure
