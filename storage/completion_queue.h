// CompletionQueue: completions that a back-end has collected and its user has not yet reaped.
// Fixed size: no more than kIoInFlightMax operations exist, so it cannot overflow.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "engine/base/check.h"
#include "storage/io_backend.h"

namespace holdfast {

class CompletionQueue {
  public:
    void push(const IoCompletion& completion) {
        HF_CHECK(count_ < kIoInFlightMax);
        cells_[(begin_ + count_++) % kIoInFlightMax] = completion;
    }

    [[nodiscard]] bool empty() const { return count_ == 0; }

    [[nodiscard]] std::size_t take(std::span<IoCompletion> out) {
        std::size_t taken = 0;
        while (taken < out.size() && count_ > 0) {
            out[taken++] = cells_[begin_];
            begin_ = (begin_ + 1) % kIoInFlightMax;
            --count_;
        }
        return taken;
    }

  private:
    std::array<IoCompletion, kIoInFlightMax> cells_{};
    std::size_t begin_ = 0;
    std::size_t count_ = 0;
};

}  // namespace holdfast
