// For tests of threads and processes: waits for what they do, and for nothing else.
#pragma once

#include <chrono>
#include <thread>

namespace holdfast {

// Promise: true as soon as `condition()` is, false once it has not been for a whole minute.  The pause between two looks is no
// time that a test counts on; a slow machine only looks again.
template <typename Condition>
[[nodiscard]] bool eventually(const Condition& condition) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point give_up = Clock::now() + std::chrono::minutes{1};
    while (!condition()) {
        if (Clock::now() >= give_up) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    return true;
}

}  // namespace holdfast
