// LeaderChecker: promise S2.  Leader leases of two hosts never overlap in true time, and an epoch has one winner.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/types.h"
#include "tests/sim/check/violation.h"

namespace holdfast::sim {

class LeaderChecker {
  public:
    // `leads_now` asks a host's engine whether it holds the leader lease at this moment of its own clock; a host without
    // an engine does not.
    LeaderChecker(std::size_t hosts_count, std::function<bool(HostId)> leads_now)
        : leads_now_(std::move(leads_now)),
          led_(hosts_count + 1, false),
          since_(hosts_count + 1, kWorldNever) {}

    // After a step of `host`.  Leases begin and grow only in steps, so two that overlap are seen here.
    [[nodiscard]] std::optional<std::string> stepped(HostId host,
                                                     bool leads,
                                                     Epoch epoch,
                                                     WorldTime now) {
        const std::size_t self = host.value();
        if (leads != led_[self]) {
            led_[self] = leads;
            since_[self] = leads ? now : kWorldNever;
        }
        if (!leads) return std::nullopt;
        for (std::size_t other = 1; other < led_.size(); ++other) {
            if (other == self || !led_[other]) continue;
            const HostId rival{static_cast<std::uint16_t>(other)};
            if (leads_now_(rival)) {
                return text_of(
                    "host %u leads epoch %llu while the leader lease of host %u still runs",
                    host.value(),
                    static_cast<unsigned long long>(epoch.value()),
                    rival.value());
            }
            led_[other] = false;
            since_[other] = kWorldNever;
        }
        return std::nullopt;
    }

    // Its agent is gone.
    void ended(HostId host) {
        led_[host.value()] = false;
        since_[host.value()] = kWorldNever;
    }

    // A host says that `winner` won `epoch`.
    [[nodiscard]] std::optional<std::string> decided(HostId teller, Epoch epoch, HostKey winner) {
        if (epoch.is_none()) return std::nullopt;
        const auto [it, fresh] = winners_.try_emplace(epoch.value(), winner);
        if (fresh || it->second == winner) return std::nullopt;
        return text_of(
            "epoch %llu was won by host %u (incarnation %llx), but host %u says by host %u "
            "(incarnation %llx)",
            static_cast<unsigned long long>(epoch.value()),
            it->second.host.value(),
            static_cast<unsigned long long>(it->second.incarnation.value()),
            teller.value(),
            winner.host.value(),
            static_cast<unsigned long long>(winner.incarnation.value()));
    }

    // The one host that leads, and since when; none while there is none or it did not step.
    [[nodiscard]] HostId leader() const {
        for (std::size_t host = 1; host < led_.size(); ++host) {
            if (led_[host]) return HostId{static_cast<std::uint16_t>(host)};
        }
        return HostId{};
    }

    [[nodiscard]] WorldTime leading_since(HostId host) const { return since_[host.value()]; }

    [[nodiscard]] std::size_t epochs_count() const { return winners_.size(); }

  private:
    std::function<bool(HostId)> leads_now_;
    std::vector<bool> led_;
    std::vector<WorldTime> since_;
    std::map<std::uint64_t, HostKey> winners_;
};

}  // namespace holdfast::sim
