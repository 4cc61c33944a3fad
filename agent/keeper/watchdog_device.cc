#include "agent/keeper/watchdog_device.h"

#include <string_view>
#include <utility>

#include "agent/keeper/kernel_watchdog.h"
#include "agent/keeper/stand_in_watchdog.h"

namespace holdfast {
namespace {

constexpr std::string_view kStandInPrefix = "stand-in:";

class NoWatchdog final : public WatchdogDevice {
  public:
    [[nodiscard]] bool feed() override { return true; }

    [[nodiscard]] bool stop() override { return true; }

    [[nodiscard]] Duration timeout() const override { return Duration::zero(); }

    [[nodiscard]] WatchdogClass watchdog_class() const override { return WatchdogClass::None; }

    [[nodiscard]] std::string description() const override { return "no watchdog"; }
};

class NoReset final : public ResetDevice {
  public:
    void reset() override {}
};

}  // namespace

Result<Guard> open_guard(const std::string& device, Duration timeout) {
    if (device == "none") return Guard{std::make_unique<NoWatchdog>(), std::make_unique<NoReset>()};
    if (device.starts_with(kStandInPrefix)) {
        return open_stand_in(device.substr(kStandInPrefix.size()), timeout);
    }
    // First the way to reset, then the countdown: what fails between the two must not leave it running.
    Result<std::unique_ptr<ResetDevice>> reset = open_sysrq();
    if (!reset) return Unexpected{reset.error()};
    Result<std::unique_ptr<WatchdogDevice>> watchdog = open_kernel_watchdog(device, timeout);
    if (!watchdog) return Unexpected{watchdog.error()};
    return Guard{std::move(*watchdog), std::move(*reset)};
}

}  // namespace holdfast
