// The seqlock's contract, and two-thread tests that only hold while its ordering does.
#include "engine/lockfree/seqlock.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Seqlock, HasNothingBeforeTheFirstStore) {
    const Seqlock<int> seqlock;
    int value = 0;
    EXPECT_FALSE(seqlock.try_load(value));
    EXPECT_EQ(seqlock.stores_count(), 0U);
}

TEST(Seqlock, GivesTheLatestValueAsOftenAsAsked) {
    Seqlock<int> seqlock;
    for (int i = 1; i <= 3; ++i) seqlock.store(i * 11);
    for (int i = 0; i < 2; ++i) {
        int value = 0;
        ASSERT_TRUE(seqlock.try_load(value));
        EXPECT_EQ(value, 33);
    }
    EXPECT_EQ(seqlock.stores_count(), 3U);
}

// Why: the value travels in words of eight bytes; sizes that are no multiple must not lose their
// tail.
TEST(Seqlock, KeepsEveryByteOfAnOddSize) {
    using Odd = std::array<std::uint8_t, 13>;
    Seqlock<Odd> seqlock;
    const Odd stored{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    seqlock.store(stored);
    Odd loaded{};
    ASSERT_TRUE(seqlock.try_load(loaded));
    EXPECT_EQ(loaded, stored);
}

// Why: the snapshot is large and mostly empty; what means nothing is not copied, and what does must be whole.
TEST(Seqlock, StoresThePartsThatMeanSomething) {
    struct Lists {
        std::uint32_t first_count;
        std::array<std::uint8_t, 11> first;
        std::array<std::uint8_t, 33> second;
    };

    Seqlock<Lists> seqlock;
    Lists stored{3, {1, 2, 3}, {4, 5}};
    const std::array<BytesPart, 2> parts{
        {{0, offsetof(Lists, first) + 3}, {offsetof(Lists, second), offsetof(Lists, second) + 2}}};
    seqlock.store_parts(stored, parts);
    stored.first[0] = 9;
    stored.second[1] = 8;
    stored.second[32] = 7;
    seqlock.store_parts(stored, parts);
    Lists loaded{};
    ASSERT_TRUE(seqlock.try_load(loaded));
    EXPECT_EQ(loaded.first_count, 3U);
    EXPECT_EQ(loaded.first[0], 9);
    EXPECT_EQ(loaded.first[2], 3);
    EXPECT_EQ(loaded.second[1], 8);
    EXPECT_EQ(loaded.second[32], 0) << "a byte that belongs to no part was copied";
    EXPECT_EQ(seqlock.stores_count(), 2U);
}

TEST(Seqlock, ReaderWithoutTriesGetsNothing) {
    Seqlock<int> seqlock;
    seqlock.store(1);
    int value = 0;
    EXPECT_FALSE(seqlock.try_load(value, 0));
}

// Every word of one store is the same number, so a mixture of two stores shows.
struct Big {
    std::array<std::uint64_t, 512> words{};
};

// Why: a torn snapshot would show a cluster that never was.
// How: one writer that never pauses, two readers that check every word of what they got.
TEST(Seqlock, NeverShowsAMixtureOfTwoStores) {
    constexpr std::uint64_t kStores = 20'000;
    auto seqlock = std::make_unique<Seqlock<Big>>();
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> torn{0};
    const auto read = [&] {
        auto big = std::make_unique<Big>();
        std::uint64_t newest = 0;
        bool last_round = false;
        while (!last_round) {
            last_round = done.load();
            if (!seqlock->try_load(*big)) continue;
            for (const std::uint64_t word : big->words) {
                if (word != big->words[0]) torn.fetch_add(1);
            }
            if (big->words[0] < newest) torn.fetch_add(1);
            newest = big->words[0];
        }
        EXPECT_EQ(newest, kStores);
    };
    std::thread first(read);
    std::thread second(read);
    auto big = std::make_unique<Big>();
    for (std::uint64_t i = 1; i <= kStores; ++i) {
        big->words.fill(i);
        seqlock->store(*big);
    }
    done.store(true);
    first.join();
    second.join();
    EXPECT_EQ(torn.load(), 0U);
}

// Why: what the writer did before store() must be visible to whoever loaded that value.  How: plain
// memory, written before the store that names it.  Without the release and acquire of the counter
// nothing orders the two, and TSan reports the race.
TEST(Seqlock, StorePublishesWhatHappenedBeforeIt) {
    constexpr std::uint32_t kCount = 20'000;
    std::vector<std::uint32_t> outside(kCount + 1);
    Seqlock<std::uint32_t> seqlock;
    std::thread writer([&] {
        for (std::uint32_t i = 1; i <= kCount; ++i) {
            outside[i] = i * 3;
            seqlock.store(i);
        }
    });
    std::uint32_t index = 0;
    while (index < kCount) {
        if (!seqlock.try_load(index)) {
            index = 0;
            std::this_thread::yield();
            continue;
        }
        ASSERT_EQ(outside[index], index * 3);
    }
    writer.join();
}

}  // namespace
}  // namespace holdfast
