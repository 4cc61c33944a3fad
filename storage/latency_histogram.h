// LatencyHistogram: how long operations took.  Fixed log-linear buckets from 1 µs to 64 s, each at
// most 12.5 % wide; no allocation.  Belongs to one thread; copy it to hand it to another.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "engine/base/types.h"

namespace holdfast {

class LatencyHistogram {
  public:
    static constexpr std::size_t kBucketsPerDoubling = 8;
    static constexpr std::size_t kDoublings = 26;
    static constexpr std::size_t kBuckets = kBucketsPerDoubling * (kDoublings + 1);

    void record(Duration latency);

    [[nodiscard]] std::uint64_t count() const { return count_; }

    [[nodiscard]] Duration max() const { return Duration{max_ns_}; }

    [[nodiscard]] Duration mean() const;

    // The upper edge of the bucket in which the share lies (0.99: 99 % took no longer); zero when
    // empty.  REQUIRES: 0 <= share <= 1
    [[nodiscard]] Duration quantile(double share) const;

    void merge(const LatencyHistogram& other);

    [[nodiscard]] const std::array<std::uint64_t, kBuckets>& buckets() const { return buckets_; }

    // Exclusive upper edge of a bucket.
    [[nodiscard]] static Duration upper_edge(std::size_t bucket);

  private:
    [[nodiscard]] static std::size_t bucket_of(std::uint64_t microseconds);

    std::array<std::uint64_t, kBuckets> buckets_{};
    std::uint64_t count_ = 0;
    std::int64_t sum_ns_ = 0;
    std::int64_t max_ns_ = 0;
};

}  // namespace holdfast
