// Strong types for every quantity that two functions could otherwise mix up.
//
// The engine has no clock.  EngineClock deliberately lacks now(), so an Instant can only enter
// through an Event; that is what makes a run replayable from its event log.  In production an
// Instant is CLOCK_BOOTTIME of this host; Instants of two hosts are never compared.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace holdfast {

struct EngineClock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::duration<rep, period>;
    using time_point = std::chrono::time_point<EngineClock>;
    static constexpr bool is_steady = true;
};

using Duration = EngineClock::duration;
using Instant = EngineClock::time_point;

// Later than every Instant that a clock can show.
inline constexpr Instant kNever{Duration::max()};
// Earlier than every Instant that a clock can show: "has not happened".
inline constexpr Instant kNotYet{Duration::min()};

// For people.
[[nodiscard]] constexpr double in_seconds(Duration span) {
    return static_cast<double>(span.count()) / 1e9;
}

// A number that is its own type.  Zero means "none" for every id of this project.
template <typename Tag, typename Rep>
class Id {
  public:
    using value_type = Rep;
    constexpr Id() = default;

    constexpr explicit Id(Rep value) : value_(value) {}

    [[nodiscard]] constexpr Rep value() const { return value_; }

    [[nodiscard]] constexpr bool is_none() const { return value_ == 0; }

    [[nodiscard]] constexpr Id next() const { return Id{static_cast<Rep>(value_ + 1)}; }

    friend constexpr auto operator<=>(const Id&, const Id&) = default;

  private:
    Rep value_ = 0;
};

using HostId = Id<struct HostIdTag, std::uint16_t>;          // 1..kHostsMax; 0 is "no host"
using Epoch = Id<struct EpochTag, std::uint64_t>;            // grows by one per leadership
using Sequence = Id<struct SequenceTag, std::uint64_t>;      // grows with each slot write issued
using BeatNumber = Id<struct BeatNumberTag, std::uint64_t>;  // grows with each network beat sent
using BallotNumber = Id<struct BallotNumberTag, std::uint64_t>;  // see leadership.h
using ClaimNumber = Id<struct ClaimNumberTag, std::uint64_t>;    // grows with each claim of one VM
using OrderNumber = Id<struct OrderNumberTag, std::uint64_t>;  // grows with each order of one epoch
using Version = Id<struct VersionTag, std::uint64_t>;      // of a roster, orders or configuration
using RequestId = Id<struct RequestIdTag, std::uint64_t>;  // matches an answer to its action

// A host's life.  The boot part grows with each boot, the restart part with each start of the agent
// within a boot and with each lapse of the lease (design: "Incarnations").
class Incarnation {
  public:
    constexpr Incarnation() = default;

    constexpr Incarnation(std::uint32_t boot, std::uint32_t restart)
        : value_(std::uint64_t{boot} << 32U | restart) {}

    [[nodiscard]] static constexpr Incarnation from_value(std::uint64_t value) {
        return Incarnation{static_cast<std::uint32_t>(value >> 32U),
                           static_cast<std::uint32_t>(value)};
    }

    [[nodiscard]] constexpr std::uint32_t boot() const {
        return static_cast<std::uint32_t>(value_ >> 32U);
    }

    [[nodiscard]] constexpr std::uint32_t restart() const {
        return static_cast<std::uint32_t>(value_);
    }

    [[nodiscard]] constexpr std::uint64_t value() const { return value_; }

    [[nodiscard]] constexpr bool is_none() const { return value_ == 0; }

    friend constexpr auto operator<=>(const Incarnation&, const Incarnation&) = default;

  private:
    std::uint64_t value_ = 0;
};

// One incarnation of one host: what ballots decide for and certificates name.
struct HostKey {
    HostId host;
    Incarnation incarnation;

    friend constexpr auto operator<=>(const HostKey&, const HostKey&) = default;
};

// 16 bytes, as written in text by RFC 9562: byte 0 is the first pair of digits.
struct Uuid {
    std::array<std::uint8_t, 16> bytes{};

    [[nodiscard]] constexpr bool is_none() const { return *this == Uuid{}; }

    friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
};

using ClusterUuid = Uuid;
using BootId = Uuid;  // the kernel's boot id: differs after every boot
using VmId = Uuid;    // libvirt's domain uuid

// Position of a heartbeat datastore in the configuration, 0-based.
using DatastoreIndex = std::uint8_t;

// What guards this host against a hung kernel.
enum class WatchdogClass : std::uint8_t { None = 1, Soft = 2, Hardware = 3 };

}  // namespace holdfast
