// Core: what every part of the engine shares during one step: the configuration, the time, and where actions go.
//
// RequestIds are the engine's logical clock.  A request issued later has a greater id, so "was this read issued after that
// write was known to be done?" is a comparison of two ids and never of two Instants.
#pragma once

#include <algorithm>

#include "engine/base/prng.h"
#include "engine/machine/action.h"
#include "engine/machine/engine.h"
#include "engine/machine/quorum.h"

namespace holdfast {

struct Core {
    explicit Core(const EngineConfig& engine_config, Instant started_at)
        : config(engine_config),
          now(started_at),
          quorum(VoterSet::first(engine_config.voters_count)),
          prng(engine_config.seed) {}

    EngineConfig config;  // `timing` is what this host goes by now, see timing_stage.h
    Instant now;
    Quorum quorum;               // of the voting datastores
    Instant wakeup = kNever;     // when the next Tick is due; rebuilt by every step
    Actions* actions = nullptr;  // of the running step
    RequestId last_request{};    // the newest request issued
    RequestId listed_since{};    // when a member was last added: older scans may not show its slot
    Incarnation incarnation;     // of this host; none until it is known
    Prng prng;
    bool in_maintenance = false;           // this host is, by the record that it holds
    mutable std::uint32_t lines_lost = 0;  // of the running step

    [[nodiscard]] HostKey self_key() const { return {config.self, incarnation}; }

    void emit(const Action& action) const { actions->push(action); }

    [[nodiscard]] RequestId new_request() { return last_request = last_request.next(); }

    void wake_at(Instant instant) { wakeup = std::min(wakeup, instant); }

    // Completes the line with time and host, and emits it.  What a step says beyond its room is counted, for what it does must fit:
    // a thousand hosts that die at once are a thousand lines.
    void trace(Trace line) const {
        if (actions->size() >= kActionsMax - kActionsKept) {
            ++lines_lost;
            return;
        }
        line.at = now;
        line.self = config.self;
        actions->push(TraceLine{line});
    }
};

}  // namespace holdfast
