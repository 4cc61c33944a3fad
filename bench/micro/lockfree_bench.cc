// Ring and seqlock: what handing a value to another thread costs.
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

#include <benchmark/benchmark.h>
#include <boost/lockfree/spsc_queue.hpp>

#include "engine/lockfree/ring.h"
#include "engine/lockfree/seqlock.h"
#include "engine/machine/event.h"

namespace holdfast::bench {
namespace {

constexpr std::size_t kCapacity = 64;
constexpr int kAtOnce = 32;

// One thread fills and empties the queue, so that two cores' distance does not hide the difference.  Both queues lie on the
// heap, as the agent's do: on a stack the same instructions differ by a quarter, either way, with the place in the frame.
template <typename T, typename Push, typename Pop>
void hand_over(benchmark::State& state, Push push, Pop pop) {
    T value{};
    for (auto _ : state) {
        for (int i = 0; i < kAtOnce; ++i) benchmark::DoNotOptimize(push(value));
        for (int i = 0; i < kAtOnce; ++i) benchmark::DoNotOptimize(pop(value));
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * kAtOnce);
}

template <typename T>
void ring_of(benchmark::State& state) {
    const auto ring = std::make_unique<Ring<T>>(kCapacity);
    hand_over<T>(
        state,
        [&ring = *ring](const T& value) { return ring.try_push(value); },
        [&ring = *ring](T& value) { return ring.try_pop(value); });
}

template <typename T>
void boost_of(benchmark::State& state) {
    const auto queue = std::make_unique<boost::lockfree::spsc_queue<T>>(kCapacity);
    hand_over<T>(
        state,
        [&queue = *queue](const T& value) { return queue.push(value); },
        [&queue = *queue](T& value) { return queue.pop(value); });
}

// Two threads: the consumer spins.
template <typename T>
void ring_between_threads(benchmark::State& state) {
    Ring<T> ring(4096);
    std::atomic<bool> over{false};
    std::thread consumer([&] {
        T value{};
        while (!over.load(std::memory_order_relaxed)) {
            if (!ring.try_pop(value)) std::this_thread::yield();
        }
    });
    const T value{};
    for (auto _ : state) {
        while (!ring.try_push(value)) std::this_thread::yield();
    }
    over = true;
    consumer.join();
    state.SetItemsProcessed(state.iterations());
}

struct Small {
    std::uint64_t words[2];
};

struct Large {
    std::uint64_t words[1024];
};

// A reader beside a writer that stores as often as an agent in trouble does, far more than a healthy one.
template <typename T>
void seqlock_load(benchmark::State& state) {
    const auto lock = std::make_unique<Seqlock<T>>();
    const auto value = std::make_unique<T>();
    lock->store(*value);
    std::atomic<bool> over{false};
    std::thread writer([&] {
        const auto next = std::make_unique<T>();
        while (!over.load(std::memory_order_relaxed)) {
            ++next->words[0];
            lock->store(*next);
            std::this_thread::sleep_for(std::chrono::microseconds{200});
        }
    });
    std::int64_t misses = 0;
    for (auto _ : state) misses += lock->try_load(*value) ? 0 : 1;
    over = true;
    writer.join();
    state.counters["misses"] = static_cast<double>(misses);
}

template <typename T>
void seqlock_store(benchmark::State& state) {
    const auto lock = std::make_unique<Seqlock<T>>();
    const auto value = std::make_unique<T>();
    for (auto _ : state) lock->store(*value);
}

template <typename T>
void copy_of(benchmark::State& state) {
    const auto from = std::make_unique<T>();
    const auto to = std::make_unique<T>();
    for (auto _ : state) {
        std::memcpy(to.get(), from.get(), sizeof(T));
        benchmark::DoNotOptimize(to->words);
        benchmark::ClobberMemory();
    }
}

BENCHMARK(ring_of<Small>);
BENCHMARK(boost_of<Small>);
BENCHMARK(ring_of<BeatReceived>);
BENCHMARK(boost_of<BeatReceived>);
BENCHMARK(ring_between_threads<Small>)->UseRealTime();
BENCHMARK(seqlock_load<Small>);
BENCHMARK(seqlock_load<Large>);
BENCHMARK(seqlock_store<Large>);
BENCHMARK(copy_of<Large>);

}  // namespace
}  // namespace holdfast::bench

BENCHMARK_MAIN();
