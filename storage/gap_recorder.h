// GapRecorder: how old a lease was each time that it was renewed.
//
// An operation that was issued at `issued` and is done at `now` renews a lease that runs from `issued`; until
// then the lease ran from the renewal before.  So the gap between the issue of the one before and the completion
// of this one is what a lease must outlast, and a lease of length L lapses exactly when a gap is longer than L.
// With at most one operation in flight a stall of any length makes one gap, not many slow operations: gaps may
// be counted and extrapolated, single latencies may not.
//
// Keeps a histogram and the kWorst longest gaps with their times.  Fixed size, trivially copyable, no allocation;
// belongs to one thread (or to shared memory that one process writes).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "engine/base/types.h"
#include "storage/latency_histogram.h"

namespace holdfast {

struct Gap {
    Instant end = kNotYet;  // when the renewal came
    Duration length{};

    friend bool operator==(const Gap&, const Gap&) = default;
};

class GapRecorder {
  public:
    static constexpr std::size_t kWorst = 512;

    // Counting starts: what is renewed first is measured from here.
    void begin(Instant now) { last_issued_ = now; }

    // An operation issued at `issued` is done at `now`.  One that was overtaken by a later one renews nothing.
    void renewed(Instant issued, Instant now) {
        if (last_issued_ == kNotYet) {
            last_issued_ = issued;
            return;
        }
        if (issued <= last_issued_) return;
        add({now, now - last_issued_});
        last_issued_ = issued;
    }

    // How old the lease is at `now`: the gap that is still open.
    [[nodiscard]] Duration open_gap(Instant now) const {
        return last_issued_ == kNotYet ? Duration::zero() : now - last_issued_;
    }

    [[nodiscard]] std::uint64_t count() const { return histogram_.count(); }

    [[nodiscard]] const LatencyHistogram& histogram() const { return histogram_; }

    // The longest gaps, in no order; all of them while there are no more than kWorst.
    [[nodiscard]] std::span<const Gap> worst() const { return {worst_.data(), kept_}; }

  private:
    void add(const Gap& gap) {
        histogram_.record(gap.length);
        const auto longer = [](const Gap& a, const Gap& b) { return a.length > b.length; };
        const auto begin = worst_.begin();
        if (kept_ < kWorst) {
            worst_[kept_++] = gap;
            std::push_heap(begin, begin + static_cast<std::ptrdiff_t>(kept_), longer);
        } else if (gap.length > worst_.front().length) {
            std::pop_heap(begin, worst_.end(), longer);
            worst_.back() = gap;
            std::push_heap(begin, worst_.end(), longer);
        }
    }

    Instant last_issued_ = kNotYet;
    LatencyHistogram histogram_;
    std::array<Gap, kWorst> worst_{};  // a heap, the shortest first
    std::size_t kept_ = 0;
};

static_assert(std::is_trivially_copyable_v<GapRecorder>);

}  // namespace holdfast
