// WatchdogDevice and ResetDevice: what stands between the keeper and the hardware, so that it can be swapped.
//
// One thread.  feed(), reset() and stop() neither block nor allocate: they run in the keeper's loop.
#pragma once

#include <memory>
#include <string>

#include "engine/base/result.h"
#include "engine/base/types.h"

namespace holdfast {

// A watchdog whose countdown runs from the moment it was opened.
class WatchdogDevice {
  public:
    WatchdogDevice() = default;
    WatchdogDevice(const WatchdogDevice&) = delete;
    WatchdogDevice& operator=(const WatchdogDevice&) = delete;
    virtual ~WatchdogDevice() = default;

    // Restarts the countdown.  False: the device did not take it.
    [[nodiscard]] virtual bool feed() = 0;

    // Ends the countdown for good, where the device can.  False: it goes on, and resets the host.
    [[nodiscard]] virtual bool stop() = 0;

    // As read back from the device; zero for a device that does nothing.
    [[nodiscard]] virtual Duration timeout() const = 0;

    [[nodiscard]] virtual WatchdogClass watchdog_class() const = 0;

    // What it is, for the log.
    [[nodiscard]] virtual std::string description() const = 0;
};

// Resets the host at once, without syncing or stopping anything.
class ResetDevice {
  public:
    ResetDevice() = default;
    ResetDevice(const ResetDevice&) = delete;
    ResetDevice& operator=(const ResetDevice&) = delete;
    virtual ~ResetDevice() = default;

    // Returns only if it does not work.
    virtual void reset() = 0;
};

struct Guard {
    std::unique_ptr<WatchdogDevice> watchdog;
    std::unique_ptr<ResetDevice> reset;
};

// Opens what the configuration's watchdog.device names: a kernel device, "stand-in:PATH" or "none".  Only a kernel
// device comes with sysrq: a test cluster must never reset the machine that it runs on.
[[nodiscard]] Result<Guard> open_guard(const std::string& device, Duration timeout);

}  // namespace holdfast
