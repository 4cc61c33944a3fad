// Seqlock: the latest value of one thread, for any number of readers that must never hold it up.
//
// Thread safety
//   store() belongs to one writer and is wait-free: it never waits for readers and never fails.
//   try_load() may be called by any thread; a reader that meets a store under way tries again, a
//   bounded number of times, and then reports that it has nothing.  It never returns a torn value.
//
// Memory ordering (Boehm, "Can seqlocks get along with programming language memory models?", MSPC
// 2012)
//   The value travels as relaxed atomic words, so that reading it during a store is no data race;
//   the counter tells whether it was.  Odd: a store is under way.  Writer: counter odd; release
//   fence; words; counter even with release.  Reader: counter with acquire; words; acquire fence;
//   counter again.  The fences pair: a reader that saw a word of a store also sees its odd counter
//   on second look.  The release store of the even counter pairs with the first look, so whatever
//   the writer did before store() is visible to whoever loaded that value.
//
// Before the first store() there is nothing to load.  All memory is part of the object; big
// snapshots belong on the heap or in static storage, not on a stack.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "engine/lockfree/cache_line.h"

namespace holdfast {

// Some bytes of a value.
struct BytesPart {
    std::size_t begin = 0;
    std::size_t end = 0;  // the first one behind it; at most the size of the value
};

template <typename T>
class Seqlock {
    static_assert(std::is_trivially_copyable_v<T>, "a value that is copied word by word");

  public:
    static constexpr unsigned kTriesDefault = 16;

    // The writer only.
    void store(const T& value) {
        const BytesPart whole{0, sizeof(T)};
        store_parts(value, {&whole, 1});
    }

    // The writer only.  Of a value that says itself which of its bytes mean something: the others are not copied, so a
    // reader finds there what some earlier store() left, or zeros.
    void store_parts(const T& value, std::span<const BytesPart> parts) {
        const std::uint64_t before = counter_.value.load(std::memory_order_relaxed);
        counter_.value.store(before + 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release);
        const auto* bytes = reinterpret_cast<const std::byte*>(&value);
        for (const BytesPart& part : parts) {
            for (std::size_t i = part.begin / kWordBytes; i * kWordBytes < part.end; ++i) {
                std::uint64_t word = 0;
                std::memcpy(&word, bytes + i * kWordBytes, bytes_in(i));
                words_[i].store(word, std::memory_order_relaxed);
            }
        }
        counter_.value.store(before + 2, std::memory_order_release);
    }

    // Any thread.  True: `value` is the latest whole value at some moment of this call.  False:
    // nothing was stored yet, or every try met a store; `value` then holds no value and must not be
    // used.
    [[nodiscard]] bool try_load(T& value, unsigned tries = kTriesDefault) const {
        for (unsigned attempt = 0; attempt < tries; ++attempt) {
            const std::uint64_t before = counter_.value.load(std::memory_order_acquire);
            if (before == 0) return false;
            if (before % 2 != 0) continue;
            copy_out(value);
            std::atomic_thread_fence(std::memory_order_acquire);
            if (counter_.value.load(std::memory_order_relaxed) == before) return true;
        }
        return false;
    }

    // Any thread.  How many stores have been finished; differs from an earlier answer when there is
    // news.
    [[nodiscard]] std::uint64_t stores_count() const {
        return counter_.value.load(std::memory_order_acquire) / 2;
    }

  private:
    static constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
    static constexpr std::size_t kWords = (sizeof(T) + kWordBytes - 1) / kWordBytes;

    // The last word may be shorter.
    static constexpr std::size_t bytes_in(std::size_t index) {
        const std::size_t left = sizeof(T) - index * kWordBytes;
        return left < kWordBytes ? left : kWordBytes;
    }

    void copy_out(T& value) const {
        auto* bytes = reinterpret_cast<std::byte*>(&value);
        for (std::size_t i = 0; i < kWords; ++i) {
            const std::uint64_t word = words_[i].load(std::memory_order_relaxed);
            std::memcpy(bytes + i * kWordBytes, &word, bytes_in(i));
        }
    }

    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

    OnOwnCacheLine<std::atomic<std::uint64_t>> counter_;
    std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

}  // namespace holdfast
