#include "storage/latency_histogram.h"

#include <algorithm>

#include "engine/base/check.h"

namespace holdfast {

// Values below 8 µs have a bucket each; from there every doubling is cut into eight.
std::size_t LatencyHistogram::bucket_of(std::uint64_t microseconds) {
    if (microseconds < kBucketsPerDoubling) return static_cast<std::size_t>(microseconds);
    const auto doubling = static_cast<std::size_t>(std::bit_width(microseconds)) - 3;  // 8..15 is 1
    const auto within =
        static_cast<std::size_t>(microseconds >> (doubling - 1)) - kBucketsPerDoubling;
    return std::min(doubling * kBucketsPerDoubling + within, kBuckets - 1);
}

Duration LatencyHistogram::upper_edge(std::size_t bucket) {
    HF_CHECK(bucket < kBuckets);
    const std::size_t doubling = bucket / kBucketsPerDoubling;
    const std::size_t within = bucket % kBucketsPerDoubling;
    if (doubling == 0) return std::chrono::microseconds{within + 1};
    return std::chrono::microseconds{(kBucketsPerDoubling + within + 1) << (doubling - 1)};
}

void LatencyHistogram::record(Duration latency) {
    const std::int64_t ns = std::max<std::int64_t>(latency.count(), 0);
    ++buckets_[bucket_of(static_cast<std::uint64_t>(ns / 1000))];
    ++count_;
    sum_ns_ += ns;
    max_ns_ = std::max(max_ns_, ns);
}

Duration LatencyHistogram::mean() const {
    return Duration{count_ == 0 ? 0 : sum_ns_ / static_cast<std::int64_t>(count_)};
}

Duration LatencyHistogram::quantile(double share) const {
    HF_CHECK(share >= 0.0 && share <= 1.0);
    if (count_ == 0) return Duration::zero();
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_ - 1)) + 1;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
        seen += buckets_[i];
        if (seen >= wanted) return std::min(upper_edge(i), std::max(max(), Duration{1}));
    }
    return max();
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ns_ += other.sum_ns_;
    max_ns_ = std::max(max_ns_, other.max_ns_);
}

}  // namespace holdfast
