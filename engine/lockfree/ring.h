// Ring: bounded, wait-free hand-over of values from one thread to one other thread.  The one
// wrapper around boost::lockfree::spsc_queue; nothing else of the project includes Boost.Lockfree.
//
// Thread safety
//   try_push(), try_push_all() and writable() belong to the producer, try_pop(), pop_many(),
//   consume_all() and readable() to the consumer.  Two producers, or two consumers, are a bug that only TSan finds: see
//   ring_test.cc.
//
// Memory ordering
//   Writing a cell happens before the release store of the write index; the consumer's acquire load
//   of it pairs with that store.  So whatever the producer did before try_push() is visible to
//   whoever popped the value, also what a popped pointer points to.  The same pairing runs
//   backwards through the read index, so that the producer never overwrites a cell that is still
//   being copied out.
//
// Full means full
//   try_push() returns false and the caller counts the loss: the ring never blocks, grows or
//   overwrites, because its producer may be a thread that renews a lease.  Beats may be lost that
//   way, the next one replaces them.  Completions and results may not: size their ring from the
//   in-flight limit, so that full is impossible, and HF_CHECK it.
//
// Values
//   Copied in and moved out, so copying must neither throw nor allocate: trivially copyable values,
//   and handles such as std::shared_ptr<const T>.  Ownership can also be handed over as a plain
//   pointer.
//
// All memory is allocated by the constructor.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include <boost/lockfree/spsc_queue.hpp>

#include "engine/base/check.h"

namespace holdfast {

template <typename T>
class Ring {
    static_assert(
        std::is_nothrow_copy_constructible_v<T> && std::is_nothrow_move_assignable_v<T>,
        "copying into a ring must neither throw nor allocate: hand over a pointer instead");

  public:
    // REQUIRES: capacity > 0
    explicit Ring(std::size_t capacity) : capacity_(capacity), queue_(capacity) {
        HF_CHECK(capacity > 0);
    }

    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    Ring(Ring&&) = delete;
    Ring& operator=(Ring&&) = delete;
    ~Ring() = default;

    // Producer.  False, and nothing happened, when full.
    [[nodiscard]] bool try_push(const T& value) { return queue_.push(value); }

    // Producer.  All of them become readable at one moment, or, when they do not fit, false and nothing happened.
    [[nodiscard]] bool try_push_all(std::span<const T> values) {
        return queue_.write_available() >= values.size() &&
               queue_.push(values.data(), values.size()) == values.size();
    }

    // Consumer.  Fills `values` from the front as far as there is something, and returns how many that were.
    [[nodiscard]] std::size_t pop_many(std::span<T> values) {
        return queue_.pop(values.data(), values.size());
    }

    // Consumer.  False, and `value` is as it was, when empty.
    [[nodiscard]] bool try_pop(T& value) {
        if constexpr (std::is_trivially_copyable_v<T>) {
            return queue_.pop(value);
        } else {
            return queue_.consume_one([&value](T& cell) { value = std::move(cell); });
        }
    }

    // Consumer.  Calls take(T&) for what is there now, oldest first, and returns how many that
    // were.  Their cells become free together, after the last call.
    template <typename Take>
    std::size_t consume_all(Take&& take) {
        return queue_.consume_all(take);
    }

    // Consumer: at least so many can be popped now.
    [[nodiscard]] std::size_t readable() const { return queue_.read_available(); }

    // Producer: at least so many can be pushed now.
    [[nodiscard]] std::size_t writable() const { return queue_.write_available(); }

    [[nodiscard]] std::size_t capacity() const { return capacity_; }

  private:
    std::size_t capacity_;
    boost::lockfree::spsc_queue<T> queue_;
};

}  // namespace holdfast
