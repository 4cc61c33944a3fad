#include "tests/sim/world/keeper.h"

#include <algorithm>

#include "engine/base/mutant.h"

namespace holdfast::sim {

void Keeper::start(WorldTime now,
                   Duration watchdog,
                   WatchdogClass watchdog_class,
                   std::int64_t device_drift_ppm,
                   Duration late) {
    *this = Keeper{};
    watchdog_ = watchdog;
    watchdog_class_ = watchdog_class;
    device_time_ = watchdog + watchdog / 1'000'000 * device_drift_ppm;
    late_ = late;
    period_ = watchdog / 4;
    fed_at_ = now;
}

void Keeper::arm(WorldTime now, const HostClock& clock, std::uint64_t arming, Instant deadline) {
    if (arming > arming_) arming_ = arming;
    move_deadline(now, clock, deadline);
}

void Keeper::move_deadline(WorldTime now, const HostClock& clock, Instant deadline) {
    const bool had_passed = deadline_ != kNever && clock.read(now) >= deadline_;
    deadline_ = deadline;
    if (had_passed) feed_again(now, clock);
}

void Keeper::disarm(WorldTime now, const HostClock& clock) {
    arming_ = 0;
    move_deadline(now, clock, kNever);
}

// Feeding had stopped; the keeper sees that the deadline lies ahead once more.
void Keeper::feed_again(WorldTime now, const HostClock& clock) {
    late_feed_ = Duration::zero();
    if (!frozen_ && clock.read(now) < deadline_) fed_at_ = now;
}

void Keeper::freeze(WorldTime now, const HostClock& clock) {
    if (frozen_) return;
    fed_at_ = last_feed_before(std::min(now, clock.when(deadline_)));
    frozen_ = true;
    frozen_at_ = now;
}

void Keeper::thaw(WorldTime now, const HostClock& clock) {
    if (!frozen_) return;
    frozen_ = false;
    if (clock.read(now) < deadline_) fed_at_ = now;
}

WorldTime Keeper::last_feed_before(WorldTime until) const {
    if (until <= fed_at_) return fed_at_;
    return fed_at_ + (until - fed_at_) / period_ * period_;
}

WorldTime Keeper::fires_at(const HostClock& clock) const {
    if (watchdog_class_ == WatchdogClass::None || watchdog_ == Duration::zero()) return kWorldNever;
    if (frozen_) return fed_at_ + device_time_ + late_;
    if (deadline_ == kNever || planted(Mutant::KeeperFeedsOn)) return kWorldNever;
    const WorldTime last = last_feed_before(clock.when(deadline_));
    return last + std::min(late_feed_, device_time_ * 99 / 100) + device_time_ + late_;
}

}  // namespace holdfast::sim
