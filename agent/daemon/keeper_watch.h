// KeeperWatch: looks at the keeper's page for the engine, and tells people when the keeper that the configuration calls for is not
// there or holds no watchdog.
//
// Belongs to the engine loop's thread.  Neither blocks nor allocates.
#pragma once

#include <optional>
#include <string>

#include "agent/daemon/log_sink.h"
#include "agent/keeper_page.h"
#include "engine/machine/event.h"

namespace holdfast {

// How long a keeper may be missing before people are told: longer than a host takes to start its services in any order.
inline constexpr Duration kKeeperPatience = std::chrono::seconds{5};

class KeeperWatch {
  public:
    // `device` is [watchdog] device; `page` and `sink` outlive the watch.
    KeeperWatch(const KeeperPage& page, const std::string& device, LogSink& sink, Instant now);

    // The report for the engine when it differs from the one before; the first call always has one.
    [[nodiscard]] std::optional<KeeperReport> look(Instant now);

    // Whether something of the keeper is awaited: that it acknowledges, or that it is there at all.
    [[nodiscard]] bool awaited() const;

  private:
    enum class Finding : std::uint8_t { Missing, NoDevice, Good };

    void judge(const KeeperReport& report, Instant now);

    const KeeperPage& page_;
    const bool expected_;
    const std::string no_device_text_;
    LogSink& sink_;
    std::optional<KeeperReport> said_to_engine_;
    Instant bad_since_;
    bool missed_ = true;           // the keeper that is expected was not there at the last look
    std::optional<Finding> told_;  // what people know
    WatchdogClass class_told_ = WatchdogClass::None;
};

}  // namespace holdfast
