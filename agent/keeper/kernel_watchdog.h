// The kernel's watchdog device (/dev/watchdog) and its reset by sysrq.
#pragma once

#include <string>
#include <string_view>

#include "agent/keeper/watchdog_device.h"

namespace holdfast {

// Opens the device, which starts its countdown, sets the timeout and reads back the real one.  Errors: EBUSY with the
// usual suspects named, no device, a device that refuses to say its timeout.
[[nodiscard]] Result<std::unique_ptr<WatchdogDevice>> open_kernel_watchdog(const std::string& path,
                                                                           Duration timeout);

// Holds /proc/sysrq-trigger open, so that a reset needs no path, memory or file system any more.
[[nodiscard]] Result<std::unique_ptr<ResetDevice>> open_sysrq();

// What a device with this identity is worth.  `soft_noboot` is softdog's parameter of that name: with it softdog only
// prints a line when its time is up.
[[nodiscard]] WatchdogClass classify_watchdog(std::string_view identity, bool soft_noboot);

}  // namespace holdfast
