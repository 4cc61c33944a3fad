// Keeper: the process that feeds the watchdog of one host, and the watchdog itself.
//
// It feeds at a quarter of the watchdog's time while the published deadline lies ahead.  Its last feed before the deadline
// bounds when the watchdog fires; within its class the device is right to 1 %.  With late_feeds a keeper that was stopped
// between looking at the clock and feeding feeds once more, as late as the watchdog allows (timing.h): the worst case that
// the dead time is made for.
#pragma once

#include <cstdint>

#include "engine/machine/event.h"
#include "tests/sim/world/chance.h"
#include "tests/sim/world/time.h"

namespace holdfast::sim {

class Keeper {
  public:
    // The host boots at `now`; nobody is armed.  The watchdog fires `late` by more than its own clock is wrong.
    void start(WorldTime now,
               Duration watchdog,
               WatchdogClass watchdog_class,
               std::int64_t device_drift_ppm,
               Duration late = {});

    void arm(WorldTime now, const HostClock& clock, std::uint64_t arming, Instant deadline);
    void move_deadline(WorldTime now, const HostClock& clock, Instant deadline);
    void disarm(WorldTime now, const HostClock& clock);

    // The whole host stands still from now on, and moves again.
    void freeze(WorldTime now, const HostClock& clock);
    void thaw(WorldTime now, const HostClock& clock);

    // When the watchdog fires if nothing changes; kWorldNever while feeding goes on, and without a watchdog.
    [[nodiscard]] WorldTime fires_at(const HostClock& clock) const;

    // The next feeding may come this much later than it should; decided anew for each deadline.
    void set_late_feed(Duration late) { late_feed_ = late; }

    [[nodiscard]] bool fed_late() const { return frozen_ || late_feed_ > Duration::zero(); }

    [[nodiscard]] bool armed() const { return arming_ != 0; }

    [[nodiscard]] std::uint64_t arming() const { return arming_; }

    [[nodiscard]] Instant deadline() const { return deadline_; }

    [[nodiscard]] KeeperReport report() const { return {arming_, watchdog_, watchdog_class_}; }

  private:
    // The last feeding before `until`, or at it.
    [[nodiscard]] WorldTime last_feed_before(WorldTime until) const;
    void feed_again(WorldTime now, const HostClock& clock);

    Duration watchdog_{};
    WatchdogClass watchdog_class_ = WatchdogClass::None;
    Duration device_time_{};  // what the device makes of `watchdog_`
    Duration late_{};         // and then some
    Duration period_{};
    std::uint64_t arming_ = 0;
    Instant deadline_ = kNever;
    WorldTime fed_at_{};  // a feeding from which the rhythm counts
    bool frozen_ = false;
    WorldTime frozen_at_{};
    Duration late_feed_{};
};

}  // namespace holdfast::sim
