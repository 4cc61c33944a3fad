// Samples: what was measured, and its percentiles.  Every figure here is a percentile, never a mean.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace holdfast::bench {

class Samples {
  public:
    void reserve(std::size_t count) { values_.reserve(count); }

    void add(double value) {
        values_.push_back(value);
        sorted_ = false;
    }

    [[nodiscard]] std::size_t size() const { return values_.size(); }

    // The smallest value that at least this share of the samples does not exceed; 0 when there are none.
    // REQUIRES: 0 < share <= 1
    [[nodiscard]] double quantile(double share) const {
        if (values_.empty()) return 0;
        if (!sorted_) std::sort(values_.begin(), values_.end());
        sorted_ = true;
        const auto rank = static_cast<std::size_t>(share * static_cast<double>(values_.size()));
        return values_[std::min(rank, values_.size() - 1)];
    }

  private:
    mutable std::vector<double> values_;
    mutable bool sorted_ = false;
};

}  // namespace holdfast::bench
