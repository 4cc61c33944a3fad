// Core: what every part of the engine shares during one step: the configuration, the time, and where actions go.
//
// RequestIds are the engine's logical clock.  A request issued later has a greater id, so "was this read issued after that
// write was known to be done?" is a comparison of two ids and never of two Instants.
#pragma once

#include <algorithm>

#include "engine/base/prng.h"
#include "engine/machine/action.h"
#include "engine/machine/engine.h"

namespace holdfast {

struct Core {
    explicit Core(const EngineConfig& engine_config, Instant started_at)
        : config(engine_config), now(started_at), prng(engine_config.seed) {}

    EngineConfig config;
    Instant now;
    Instant wakeup = kNever;     // when the next Tick is due; rebuilt by every step
    Actions* actions = nullptr;  // of the running step
    RequestId last_request{};    // the newest request issued
    Incarnation incarnation;     // of this host; none until it is known
    Prng prng;

    // How many voting datastores make a majority.
    [[nodiscard]] unsigned majority() const { return config.voters_count / 2U + 1U; }

    [[nodiscard]] HostKey self_key() const { return {config.self, incarnation}; }

    void emit(const Action& action) const { actions->push(action); }

    [[nodiscard]] RequestId new_request() { return last_request = last_request.next(); }

    void wake_at(Instant instant) { wakeup = std::min(wakeup, instant); }

    // Completes the line with time and host, and emits it.
    void trace(Trace line) const {
        line.at = now;
        line.self = config.self;
        actions->push(TraceLine{line});
    }
};

// The value that at least `majority` of the first `count` elements reach.
template <typename T, typename Get>
[[nodiscard]] T reached_by_majority(std::size_t count, unsigned majority, Get get) {
    std::array<T, kVotersMax> values{};
    for (std::size_t i = 0; i < count; ++i) values[i] = get(i);
    std::sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
    return values[count - majority];
}

}  // namespace holdfast
