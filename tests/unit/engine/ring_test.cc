// The ring's contract, and a two-thread test that only holds while its memory ordering does.
#include "engine/lockfree/ring.h"

#include <cstdint>
#include <memory>
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

}  // namespace
}  // namespace holdfast
