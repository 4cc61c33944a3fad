// The ring's contract, and a two-thread test that only holds while its memory ordering does.
#include "engine/lockfree/ring.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Ring, GivesBackInOrderWhatWasPushed) {
    Ring<int> ring(3);
    EXPECT_EQ(ring.capacity(), 3U);
    for (int round = 0; round < 10; ++round) {
        EXPECT_TRUE(ring.try_push(round));
        EXPECT_TRUE(ring.try_push(round + 100));
        int value = 0;
        ASSERT_TRUE(ring.try_pop(value));
        EXPECT_EQ(value, round);
        ASSERT_TRUE(ring.try_pop(value));
        EXPECT_EQ(value, round + 100);
    }
}

// Why: the ring of completions is sized so that full is impossible; that must be exact.
TEST(Ring, HoldsExactlyItsCapacityAndThenRefuses) {
    Ring<int> ring(4);
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(ring.try_push(i));
    EXPECT_EQ(ring.writable(), 0U);
    EXPECT_EQ(ring.readable(), 4U);
    EXPECT_FALSE(ring.try_push(99));
    int value = -1;
    ASSERT_TRUE(ring.try_pop(value));
    EXPECT_EQ(value, 0);
    EXPECT_TRUE(ring.try_push(4));
    EXPECT_FALSE(ring.try_push(99));
    std::vector<int> rest;
    EXPECT_EQ(ring.consume_all([&rest](int taken) { rest.push_back(taken); }), 4U);
    EXPECT_EQ(rest, (std::vector<int>{1, 2, 3, 4}));
}

TEST(Ring, PopOfAnEmptyRingChangesNothing) {
    Ring<int> ring(1);
    int value = 7;
    EXPECT_FALSE(ring.try_pop(value));
    EXPECT_EQ(value, 7);
    EXPECT_EQ(ring.consume_all([](int) { FAIL(); }), 0U);
}

TEST(Ring, PoppingGivesUpTheRingsShareOfAHandle) {
    Ring<std::shared_ptr<const int>> ring(2);
    auto handle = std::make_shared<const int>(5);
    ASSERT_TRUE(ring.try_push(handle));
    EXPECT_EQ(handle.use_count(), 2);
    std::shared_ptr<const int> popped;
    ASSERT_TRUE(ring.try_pop(popped));
    popped.reset();
    EXPECT_EQ(handle.use_count(), 1);
}

// Three words that belong together, and a pointer whose target the producer wrote before pushing.
struct Parcel {
    std::uint64_t number = 0;
    std::uint64_t square = 0;
    const std::uint64_t* outside = nullptr;
};

// Why: a value must be whole when it is popped, and so must be what the producer did before it.
// How: one producer, one consumer, a ring so small that both often meet at its ends.  Each cell is
// reused many thousand times, so TSan sees every pairing of the indices, in both directions.
TEST(Ring, HandsOverWholeValuesBetweenTwoThreads) {
    constexpr std::uint64_t kCount = 200'000;
    Ring<Parcel> ring(8);
    std::vector<std::uint64_t> outside(kCount);
    std::thread producer([&] {
        for (std::uint64_t i = 0; i < kCount; ++i) {
            outside[i] = i + 1;
            while (!ring.try_push(Parcel{i, i * i, &outside[i]})) std::this_thread::yield();
        }
    });
    std::uint64_t wrong = 0;
    for (std::uint64_t expected = 0; expected < kCount;) {
        Parcel parcel;
        if (!ring.try_pop(parcel)) {
            std::this_thread::yield();
            continue;
        }
        const bool whole = parcel.number == expected && parcel.square == expected * expected &&
                           *parcel.outside == expected + 1;
        if (!whole) ++wrong;
        ++expected;
    }
    producer.join();
    EXPECT_EQ(wrong, 0U);
    EXPECT_EQ(ring.readable(), 0U);
}

// Why: a record of several cells must never be seen by half, since its length tells where the next one begins.
// How: records of 1 to 7 cells through a ring of 16, so that they wrap and do not fit in every position.
TEST(Ring, HandsOverWholeRecordsBetweenTwoThreads) {
    constexpr std::uint8_t kRounds = 100;
    constexpr std::size_t kRecords = 40'000;
    Ring<std::uint8_t> ring(16);
    std::atomic<bool> done{false};
    std::thread producer([&] {
        std::array<std::uint8_t, 7> record{};
        for (std::size_t i = 0; i < kRecords; ++i) {
            const std::size_t size = i % record.size() + 1;
            record.fill(static_cast<std::uint8_t>(i % kRounds));
            record[0] = static_cast<std::uint8_t>(size);
            while (!ring.try_push_all(std::span(record).first(size))) std::this_thread::yield();
        }
        done.store(true);
    });
    std::uint64_t wrong = 0;
    for (std::size_t i = 0; i < kRecords && wrong == 0;) {
        std::array<std::uint8_t, 7> record{};
        if (ring.pop_many(std::span(record).first(1)) == 0) {
            std::this_thread::yield();
            continue;
        }
        const std::size_t size = i % record.size() + 1;
        if (record[0] != size) ++wrong;
        if (ring.pop_many(std::span(record).subspan(1, size - 1)) != size - 1) ++wrong;
        for (std::size_t k = 1; k < size; ++k) {
            if (record[k] != i % kRounds) ++wrong;
        }
        ++i;
    }
    // After a mistake nothing fits any more, and the producer must still come to its end.
    while (!done.load()) {
        ring.consume_all([](std::uint8_t) {});
        std::this_thread::yield();
    }
    producer.join();
    EXPECT_EQ(wrong, 0U);
    std::array<std::uint8_t, 20> large{};
    EXPECT_FALSE(ring.try_push_all(large));
}

}  // namespace
}  // namespace holdfast
