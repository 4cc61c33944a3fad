#include "tests/sim/world/twin.h"

#include "storage/flight/step_digest.h"
#include "tests/sim/check/violation.h"

namespace holdfast::sim {

namespace {

EngineConfig the_long_way(EngineConfig config) {
    config.quiet_beats = false;
    return config;
}

std::uint32_t digest_of(const Actions& actions, const Engine& engine) {
    flight::StepDigest digest;
    digest.add(actions, engine);
    return digest.value();
}

}  // namespace

Twin::Twin(const EngineConfig& config, Instant started_at)
    : engine_(the_long_way(config), started_at), actions_(std::make_unique<Actions>()) {}

std::optional<std::string> Twin::follow(const Event& event,
                                        const Actions& actions,
                                        const Engine& engine) {
    engine_.step(event, *actions_);
    const char* what = nullptr;
    if (actions.size() != actions_->size()) {
        what = "the number of actions";
    } else if (engine.next_wakeup() != engine_.next_wakeup()) {
        what = "when it wants to be woken";
    } else if (engine.phase() != engine_.phase() || engine.lease_ends() != engine_.lease_ends() ||
               engine.feed_deadline() != engine_.feed_deadline()) {
        what = "phase, lease or keeper";
    } else if (!actions.empty() && digest_of(actions, engine) != digest_of(*actions_, engine_)) {
        what = "an action";
    }
    if (what == nullptr) return std::nullopt;
    return text_of(
        "the short way of a beat is not the long one: at event %zu %s differs (%zu "
        "actions against %zu)",
        event.body.index(),
        what,
        actions.size(),
        actions_->size());
}

}  // namespace holdfast::sim
