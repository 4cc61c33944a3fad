#include "storage/flight/what_if.h"

#include <algorithm>
#include <memory>

#include "storage/flight/translator.h"

namespace holdfast::flight {

namespace {

// The recorded engine was this late for its own tick: the host stood still, and so would the other engine have.
constexpr Duration kStill = milliseconds{50};
constexpr Duration kTickMin = milliseconds{1};

bool is_decision(const Trace& line) {
    return trace_level(line) <= TraceLevel::Notice;
}

void keep_decisions(const Actions& actions, std::vector<Trace>& lines) {
    for (const Action& action : actions) {
        const auto* line = std::get_if<TraceLine>(&action);
        if (line != nullptr && is_decision(line->trace)) lines.push_back(line->trace);
    }
}

// The other engine and its own clock ticks.
struct Other {
    Other(const EngineConfig& config, Instant started_at)
        : engine(config, started_at), actions(std::make_unique<Actions>()), now(started_at) {}

    void step(const Event& event, Translator& translator) {
        now = std::max(now, event.now);
        engine.step({now, event.body}, *actions);
        translator.note_other(now, *actions);
        keep_decisions(*actions, lines);
    }

    void tick_until(Instant limit, Translator& translator) {
        while (true) {
            const Instant due = std::max(engine.next_wakeup(), now + kTickMin);
            if (due >= limit) return;
            step({due, Tick{}}, translator);
        }
    }

    Engine engine;
    std::unique_ptr<Actions> actions;
    Instant now;
    std::vector<Trace> lines;
};

bool same_decision(const Trace& left, const Trace& right) {
    return left.code == right.code && left.who.host == right.who.host && left.vm == right.vm &&
           (left.code != TraceCode::VerdictChanged || left.b == right.b) &&
           (left.code != TraceCode::PhaseChanged || left.b == right.b);
}

// Each recorded decision with the first one of the same kind that the other engine took and that has no partner yet.
std::vector<WhatIfLine> pair_up(const std::vector<Trace>& recorded,
                                const std::vector<Trace>& other) {
    std::vector<WhatIfLine> pairs;
    std::vector<bool> taken(other.size());
    for (const Trace& line : recorded) {
        WhatIfLine pair{line, std::nullopt};
        for (std::size_t i = 0; i < other.size() && !pair.other; ++i) {
            if (taken[i] || !same_decision(line, other[i])) continue;
            taken[i] = true;
            pair.other = other[i];
        }
        pairs.push_back(pair);
    }
    for (std::size_t i = 0; i < other.size(); ++i) {
        if (!taken[i]) pairs.push_back({std::nullopt, other[i]});
    }
    std::stable_sort(pairs.begin(), pairs.end(), [](const WhatIfLine& a, const WhatIfLine& b) {
        const auto at = [](const WhatIfLine& one) {
            return one.recorded ? one.recorded->at : one.other->at;
        };
        return at(a) < at(b);
    });
    return pairs;
}

}  // namespace

WhatIfReport what_if(const Flight& flight, const Timing& timing) {
    const FlightStart& start = flight.start();
    EngineConfig changed = start.config;
    changed.timing = timing;
    Translator translator(start.config.timing, timing);
    if (changed.kept) translator.retime(changed.kept->config);
    Engine engine(start.config, start.started_at);
    const auto actions = std::make_unique<Actions>();
    Other other(changed, start.started_at);
    std::vector<Trace> recorded;
    FlightReader reader(flight);
    FlightStep step;
    WhatIfReport report;
    while (true) {
        const FlightRead read = reader.next(step);
        if (read == FlightRead::Sync) continue;
        if (read != FlightRead::Step) {
            report.end = read;
            report.end_text = reader.text();
            break;
        }
        const Instant due = engine.next_wakeup();
        const bool stood_still = step.event.now > due && step.event.now - due > kStill;
        other.tick_until(stood_still ? due : step.event.now, translator);
        engine.step(step.event, *actions);
        keep_decisions(*actions, recorded);
        for (const Event& event : std::vector<Event>(translator.translate(step.event))) {
            other.step(event, translator);
        }
        translator.note_recorded(step.event.now, *actions);
    }
    report.lines = pair_up(recorded, other.lines);
    return report;
}

}  // namespace holdfast::flight
