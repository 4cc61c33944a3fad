// FixedList<T, N>: a list that never allocates.  Holds up to N values in place.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "engine/base/check.h"

namespace holdfast {

template <typename T, std::size_t N>
class FixedList {
  public:
    static constexpr std::size_t kCapacity = N;

    [[nodiscard]] std::size_t size() const { return size_; }

    [[nodiscard]] bool empty() const { return size_ == 0; }

    [[nodiscard]] bool full() const { return size_ == N; }

    // Appends; false, and nothing happens, when full.
    bool try_push(const T& value) {
        if (full()) return false;
        items_[size_++] = value;
        return true;
    }

    // REQUIRES: !full()
    void push(const T& value) { HF_CHECK(try_push(value)); }

    void clear() { size_ = 0; }

    // Removes by moving the last element into the gap.  REQUIRES: index < size()
    void remove_at(std::size_t index) {
        HF_CHECK(index < size_);
        items_[index] = items_[--size_];
    }

    [[nodiscard]] T& operator[](std::size_t index) {
        HF_CHECK(index < size_);
        return items_[index];
    }

    [[nodiscard]] const T& operator[](std::size_t index) const {
        HF_CHECK(index < size_);
        return items_[index];
    }

    [[nodiscard]] T* begin() { return items_.data(); }

    [[nodiscard]] T* end() { return items_.data() + size_; }

    [[nodiscard]] const T* begin() const { return items_.data(); }

    [[nodiscard]] const T* end() const { return items_.data() + size_; }

    [[nodiscard]] std::span<const T> span() const { return {items_.data(), size_}; }

    friend bool operator==(const FixedList& left, const FixedList& right) {
        if (left.size_ != right.size_) return false;
        for (std::size_t i = 0; i < left.size_; ++i) {
            if (!(left.items_[i] == right.items_[i])) return false;
        }
        return true;
    }

  private:
    std::array<T, N> items_{};
    std::size_t size_ = 0;
};

}  // namespace holdfast
