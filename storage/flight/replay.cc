#include "storage/flight/replay.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace holdfast::flight {

namespace {

bool same_lines(const std::vector<Trace>& left, const std::vector<Trace>& right) {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(), same_trace);
}

// One engine and what its steps gave.
struct Stepper {
    explicit Stepper(const FlightStart& start)
        : engine(start.config, start.started_at), actions(std::make_unique<Actions>()) {}

    void step(const Event& event) {
        engine.step(event, *actions);
        lines.clear();
        for (const Action& action : *actions) {
            if (const auto* line = std::get_if<TraceLine>(&action)) lines.push_back(line->trace);
        }
        if (!actions->empty()) digest.add(*actions, engine);
    }

    Engine engine;
    std::unique_ptr<Actions> actions;
    StepDigest digest;
    std::vector<Trace> lines;
};

}  // namespace

// By what people read, so that nothing but words can differ unseen.
bool same_trace(const Trace& left, const Trace& right) {
    std::array<char, kTraceTextMax> left_text{};
    std::array<char, kTraceTextMax> right_text{};
    const std::size_t left_size = trace_text(left, left_text.data(), left_text.size());
    const std::size_t right_size = trace_text(right, right_text.data(), right_text.size());
    return left.at == right.at && left.code == right.code && left.self == right.self &&
           left.who == right.who && left.epoch == right.epoch && left.vm == right.vm &&
           left.vm_name == right.vm_name && left.number == right.number && left.a == right.a &&
           left.b == right.b && left.span == right.span &&
           std::string_view(left_text.data(), left_size) ==
               std::string_view(right_text.data(), right_size);
}

ReplayReport replay(const Flight& flight, const ReplayListener& listener) {
    ReplayReport report;
    FlightReader reader(flight);
    Stepper stepper(flight.start());
    const bool digests = flight.segments.front().header.action_layout == action_layout();
    FlightStep step;
    while (true) {
        const FlightRead read = reader.next(step);
        if (read == FlightRead::Sync) {
            stepper.digest.reset();
            continue;
        }
        if (read != FlightRead::Step) {
            report.end = read;
            report.end_text = reader.text();
            return report;
        }
        stepper.step(step.event);
        if (report.steps++ == 0) report.first = step.event.now;
        report.last = step.event.now;
        if (listener) listener(step.lines, stepper.lines);
        const bool lines_equal = same_lines(step.lines, stepper.lines);
        const bool outcome = !stepper.actions->empty();
        const bool actions_equal =
            !digests ||
            (step.outcome == outcome && (!outcome || step.digest == stepper.digest.value()));
        if (!lines_equal || !actions_equal) {
            report.difference = ReplayDifference{
                step.number, step.event.now, step.lines, stepper.lines, !lines_equal};
            return report;
        }
        report.lines += step.lines.size();
        if (step.outcome) ++report.digests;
    }
}

}  // namespace holdfast::flight
