#include "agent/keeper/keeper.h"

#include <algorithm>

#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/mutant.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;

// How soon an arming is acknowledged.
constexpr Duration kPollIntervalMax = milliseconds(20);
// How long after the device's time a reset is asked for by other means.
constexpr Duration kDeviceMargin = milliseconds(100);

}  // namespace

Keeper::Keeper(KeeperPage& page,
               WatchdogDevice& watchdog,
               ResetDevice& reset,
               Surroundings surroundings)
    : page_(page),
      watchdog_(watchdog),
      reset_(reset),
      surroundings_(surroundings),
      feed_interval_(watchdog.timeout() / 4),
      poll_interval_(kPollIntervalMax),
      fed_at_(now()) {
    if (feed_interval_ > Duration::zero()) {
        poll_interval_ = std::min(kPollIntervalMax, feed_interval_ / 2);
    }
    const auto timeout_ms = std::chrono::duration_cast<milliseconds>(watchdog.timeout()).count();
    page_.keeper_pid.store(static_cast<std::uint32_t>(::getpid()), std::memory_order_relaxed);
    page_.watchdog_ms.store(static_cast<std::uint32_t>(timeout_ms), std::memory_order_relaxed);
    page_.watchdog_class.store(static_cast<std::uint32_t>(watchdog.watchdog_class()),
                               std::memory_order_release);
    look_at_page();
    // Opening the device was a feed, so it is judged like one.
    if (now() >= deadline_) reset_host("the deadline had passed when this keeper started");
}

Duration Keeper::poll() {
    look_at_page();
    const Instant at = now();
    page_.polled_ns.store(at.time_since_epoch().count(), std::memory_order_release);
    if (at < deadline_) {
        forget(Line::DeadlinePassed);
        if (at - fed_at_ >= feed_interval_) feed();
        return poll_interval_;
    }
    say(Line::DeadlinePassed,
        "the deadline has passed: not feeding until holdfastd proves the VMs gone [HF-6520]");
    const bool has_device = watchdog_.watchdog_class() != WatchdogClass::None;
    if (has_device && at - fed_at_ >= watchdog_.timeout() + kDeviceMargin) {
        reset_host("the watchdog's time is up and this host still runs");
    }
    return poll_interval_;
}

void Keeper::stop() {
    HF_CHECK(!is_armed());
    page_.armed.store(0, std::memory_order_release);
    page_.watchdog_class.store(0, std::memory_order_release);
    if (!watchdog_.stop()) {
        say(Line::NotFed, "the watchdog cannot be stopped: it will reset this host [HF-6522]");
    }
}

void Keeper::look_at_page() {
    if (!is_intact(page_)) {
        // Whatever the rest says cannot be believed: the last deadline stands, and no arming is acknowledged.
        page_.armed.store(0, std::memory_order_release);
        say(Line::PageDamaged, "the keeper page is damaged: the last deadline stands [HF-6521]");
        return;
    }
    forget(Line::PageDamaged);
    arming_ = page_.arming.load(std::memory_order_acquire);  // pairs with arm_keeper()
    const std::int64_t deadline_ns = page_.deadline_ns.load(std::memory_order_acquire);
    deadline_ = deadline_ns == kNoDeadline ? kNever : Instant{Duration{deadline_ns}};
    page_.armed.store(arming_, std::memory_order_release);
}

void Keeper::feed() {
    const bool taken = watchdog_.feed();
    const Instant done_at = now();
    if (!taken) {
        say(Line::NotFed, "the watchdog does not take a feed: it will reset this host [HF-6523]");
        return;
    }
    forget(Line::NotFed);
    fed_at_ = done_at;
    page_.fed_ns.store(done_at.time_since_epoch().count(), std::memory_order_relaxed);
    page_.feeds.fetch_add(1, std::memory_order_relaxed);
    // This process may have stood still between its look at the clock and the feed: others then count on a reset
    // that the feed has just put off.  holdfastd may also have moved the deadline meanwhile.
    look_at_page();
    if (done_at >= deadline_ && !planted(Mutant::LateFeedNotNoticed))
        reset_host("a feed came after the deadline");
}

void Keeper::reset_host(std::string_view why) {
    page_.resets.fetch_add(1, std::memory_order_relaxed);
    say(Line::Reset, why);
    reset_.reset();
}

void Keeper::say(Line line, std::string_view text) {
    if ((said_ & line) != 0) return;
    said_ |= line;
    if (surroundings_.notice != nullptr) surroundings_.notice(surroundings_.context, text);
}

}  // namespace holdfast
