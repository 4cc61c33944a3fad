// Keeper: feeds the watchdog while the deadline that holdfastd publishes lies ahead, and never after.
//
//     holdfastd dies          nothing moves the deadline: feeding ends with the lease, the device resets the host
//     holdfastd comes back    it moves the deadline again before it passes: nothing happens
//     VMs proved gone         holdfastd takes the deadline away: feeding goes on
//     the keeper is frozen    the first feed afterwards comes late: the host is reset at once
//     the device does nothing the time for its reset passes: the keeper asks for the reset itself
//
// The keeper does not judge why a deadline passed.  One thread; poll() neither blocks nor allocates, apart from
// writing a line where a person must know.
#pragma once

#include <string_view>

#include "agent/keeper/watchdog_device.h"
#include "agent/keeper_page.h"
#include "engine/base/types.h"

namespace holdfast {

class Keeper {
  public:
    using Clock = Instant (*)(void* context);
    using Notice = void (*)(void* context, std::string_view line);

    struct Surroundings {
        Clock clock = nullptr;  // CLOCK_BOOTTIME
        Notice notice = nullptr;
        void* context = nullptr;
    };

    // Publishes the device.  REQUIRES: the page is intact; all arguments outlive the keeper.
    Keeper(KeeperPage& page,
           WatchdogDevice& watchdog,
           ResetDevice& reset,
           Surroundings surroundings);

    // Looks at the page and the clock, and feeds when it is time and allowed.  Returns how long to wait before the
    // next call; calling earlier is harmless.
    Duration poll();

    // Whether a deadline is in force, as of the last poll().
    [[nodiscard]] bool is_armed() const { return deadline_ != kNever; }

    // Stops the device for a clean end.  REQUIRES: !is_armed()
    void stop();

  private:
    void look_at_page();
    void feed();
    void reset_host(std::string_view why);

    [[nodiscard]] Instant now() const { return surroundings_.clock(surroundings_.context); }

    // Says each kind of line once, until forget() says that it is over.
    enum Line : unsigned { PageDamaged = 1U, NotFed = 2U, DeadlinePassed = 4U, Reset = 8U };

    void say(Line line, std::string_view text);

    void forget(Line line) { said_ &= ~static_cast<unsigned>(line); }

    KeeperPage& page_;
    WatchdogDevice& watchdog_;
    ResetDevice& reset_;
    Surroundings surroundings_;
    Duration feed_interval_;
    Duration poll_interval_;
    std::uint64_t arming_ = 0;
    Instant deadline_ = kNever;
    Instant fed_at_;  // the device counts from here at the latest
    unsigned said_ = 0;
};

}  // namespace holdfast
