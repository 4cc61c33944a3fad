// Cost: what a piece of work cost this process, kernel threads that work for it (io_uring workers) included.
#pragma once

#include <cstdint>

#include <sys/resource.h>
#include <time.h>

namespace holdfast::bench {

[[nodiscard]] inline std::int64_t clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

[[nodiscard]] inline std::int64_t wall_ns() {
    return clock_ns(CLOCK_MONOTONIC);
}

struct Cost {
    std::int64_t cpu_ns = 0;
    std::int64_t switches_waiting = 0;  // the work slept
    std::int64_t switches_forced = 0;   // somebody else took the core

    [[nodiscard]] static Cost now() {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return {clock_ns(CLOCK_PROCESS_CPUTIME_ID), usage.ru_nvcsw, usage.ru_nivcsw};
    }

    Cost& operator+=(const Cost& more) {
        cpu_ns += more.cpu_ns;
        switches_waiting += more.switches_waiting;
        switches_forced += more.switches_forced;
        return *this;
    }

    friend Cost operator-(const Cost& left, const Cost& right) {
        return {left.cpu_ns - right.cpu_ns,
                left.switches_waiting - right.switches_waiting,
                left.switches_forced - right.switches_forced};
    }
};

}  // namespace holdfast::bench
