#include "engine/machine/timing_stage.h"

#include "engine/machine/engine_state.h"

namespace holdfast {

Timing timing_at_start(const EngineConfig& file) {
    if (!file.kept || file.kept->config.number.epoch.is_none() ||
        !is_safe(file.kept->config.timing))
        return file.timing;
    Timing used = file.kept->config.timing;
    const Duration lived =
        file.kept->lease > Duration::zero() ? file.kept->lease : file.timing.lease;
    used.lease = std::min(used.lease, lived);
    used.interval = std::min(used.interval, used.lease / 4);
    return used;
}

TimingStage::TimingStage(const EngineConfig& file, const Timing& used)
    : file_(file.timing), published_(used.lease), living_(used.lease) {
    if (!file.kept || file.kept->lease <= used.lease) return;
    // What the predecessor allowed under a longer lease may still be under way.
    published_ = living_ = file.kept->lease;
    longer_until_ = file.lease_inherited_until;
}

Timing TimingStage::with_lease_of(const Timing& used, const Timing& wanted) {
    Timing next = wanted;
    next.lease = used.lease;
    if (wanted.lease > used.lease) next.interval = std::min(used.interval, wanted.interval);
    return next;
}

bool TimingStage::publish_longer(Duration lease, Sequence sequence) {
    if (published_ >= lease && !published_by_.is_none()) return false;
    published_ = std::max(published_, lease);
    published_by_ = sequence;
    return true;
}

bool TimingStage::publish_shorter(Duration lease) {
    if (published_ <= lease && living_ <= lease) return false;
    published_ = living_ = lease;
    published_by_ = Sequence{};
    return true;
}

void EngineState::say_timing(bool used) const {
    Trace line;
    line.code = TraceCode::TimingUsed;
    line.epoch = membership.number().epoch;
    line.number = membership.number().step;
    line.a = used ? 2 : 1;
    line.span = used ? core.config.timing.lease : timing_stage.published_lease();
    core.trace(line);
}

void EngineState::settle_timing() {
    if (!membership.in_force() || membership.number().epoch.is_none()) return;
    const Timing& wanted = membership.held().timing;
    Timing& used = core.config.timing;
    if (timing_stage.at_rest(used, wanted)) return;
    const Timing before = used;
    used = TimingStage::with_lease_of(used, wanted);
    if (wanted.lease > used.lease && may_write()) {
        if (timing_stage.publish_longer(wanted.lease, next_sequence())) {
            touch_slot();
            doorbell = true;
            say_timing(false);
        } else if (timing_stage.is_public(slots.written_by_majority(core)) ||
                   planted(Mutant::LongerLeaseNotPublished)) {
            used = wanted;
            timing_stage.use_longer(wanted.lease);
        }
    } else if (wanted.lease < used.lease) {
        // Not by a lease that would be over at once: the next renewal will do.
        const bool lives = !lease.held(core.now) ||
                           lease.ends() - used.lease + wanted.lease > core.now + before.interval;
        if (lives) {
            timing_stage.use_shorter(std::max(lease.ends(), leadership.leads_until()));
            used = wanted;
            if (lease.held(core.now)) lease.update(core, slots, lease_terms());
        }
    }
    if (used.lease >= wanted.lease && timing_stage.published_lease() > used.lease) {
        if (core.now < timing_stage.longer_until() &&
            !planted(Mutant::ShorterLeasePublishedAtOnce)) {
            core.wake_at(timing_stage.longer_until());
        } else if (timing_stage.publish_shorter(used.lease)) {
            touch_slot();
        }
    }
    if (used == before) return;
    next_beat_at = std::min(next_beat_at, core.now + used.interval);
    say_timing(true);
}

}  // namespace holdfast
