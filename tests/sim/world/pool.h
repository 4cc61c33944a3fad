// Pool: objects with stable addresses, named by a small index and used again; nothing is cleared in between.
// SharedPool: the same for large values that several owners hold at once; the last one to let go frees it.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "engine/base/check.h"

namespace holdfast::sim {

template <typename T>
class Pool {
  public:
    std::uint32_t take() {
        if (free_.empty()) {
            items_.emplace_back();
            return static_cast<std::uint32_t>(items_.size() - 1);
        }
        const std::uint32_t index = free_.back();
        free_.pop_back();
        return index;
    }

    void give_back(std::uint32_t index) { free_.push_back(index); }

    [[nodiscard]] T& operator[](std::uint32_t index) { return items_[index]; }

    [[nodiscard]] const T& operator[](std::uint32_t index) const { return items_[index]; }

    [[nodiscard]] std::size_t in_use() const { return items_.size() - free_.size(); }

  private:
    std::deque<T> items_;
    std::vector<std::uint32_t> free_;
};

inline constexpr std::uint32_t kNoBlock = ~std::uint32_t{0};

template <typename T>
class SharedPool {
  public:
    // A block with one owner; its content is whatever was in it last.
    std::uint32_t take() {
        const std::uint32_t index = pool_.take();
        pool_[index].owners_count = 1;
        return index;
    }

    std::uint32_t hold(std::uint32_t index) {
        if (index != kNoBlock) ++pool_[index].owners_count;
        return index;
    }

    void let_go(std::uint32_t index) {
        if (index == kNoBlock) return;
        HF_CHECK(pool_[index].owners_count > 0);
        if (--pool_[index].owners_count == 0) pool_.give_back(index);
    }

    [[nodiscard]] T& operator[](std::uint32_t index) { return pool_[index].value; }

    [[nodiscard]] const T& operator[](std::uint32_t index) const { return pool_[index].value; }

  private:
    struct Block {
        T value;
        std::uint32_t owners_count = 0;
    };

    Pool<Block> pool_;
};

}  // namespace holdfast::sim
