#include "net/beat_format.h"

#include <algorithm>
#include <array>
#include <type_traits>

namespace holdfast {

namespace {

constexpr std::array<std::uint8_t, 4> kMagic{'H', 'F', 'B', '1'};

// Where a field lies.  Fields are written and read byte by byte, so neither padding nor the
// machine's byte order can get onto the wire.
struct Field {
    std::size_t offset;
    std::size_t size;

    [[nodiscard]] constexpr std::size_t end() const { return offset + size; }
};

constexpr Field kMagicField{0, 4};
constexpr Field kVersion{4, 2};
constexpr Field kLength{6, 2};
constexpr Field kCluster{8, 16};
constexpr Field kKeyId{24, 4};
constexpr Field kFrom{28, 2};
constexpr Field kTo{30, 2};
constexpr Field kHostUuid{32, 16};
constexpr Field kBootId{48, 16};
constexpr Field kIncarnation{64, 8};
constexpr Field kNumber{72, 8};
constexpr Field kFlags{80, 4};
constexpr Field kWatchdogClass{84, 1};
constexpr Field kReserved1{85, 3};
constexpr Field kLease{88, 8};
constexpr Field kWatchdog{96, 8};
constexpr Field kEpoch{104, 8};
constexpr Field kWinnerHost{112, 2};
constexpr Field kReserved2{114, 6};
constexpr Field kWinnerIncarnation{120, 8};
constexpr Field kResignedEpoch{128, 8};
constexpr Field kAnsweredIncarnation{136, 8};
constexpr Field kAnsweredNumber{144, 8};
constexpr Field kPill{152, 8};
constexpr Field kConfigEpoch{160, 8};
constexpr Field kConfigStep{168, 8};
constexpr Field kRosterVersion{176, 8};
constexpr Field kOrdersVersion{184, 8};
constexpr Field kRoundAfter{192, 8};
constexpr Field kReserved3{200, 24};
constexpr Field kTag{224, 32};

constexpr std::array kFields{
    kMagicField,
    kVersion,
    kLength,
    kCluster,
    kKeyId,
    kFrom,
    kTo,
    kHostUuid,
    kBootId,
    kIncarnation,
    kNumber,
    kFlags,
    kWatchdogClass,
    kReserved1,
    kLease,
    kWatchdog,
    kEpoch,
    kWinnerHost,
    kReserved2,
    kWinnerIncarnation,
    kResignedEpoch,
    kAnsweredIncarnation,
    kAnsweredNumber,
    kPill,
    kConfigEpoch,
    kConfigStep,
    kRosterVersion,
    kOrdersVersion,
    kRoundAfter,
    kReserved3,
    kTag,
};

// Each field begins where the one before ends, so nothing overlaps and nothing is left out.
constexpr bool fields_are_gapless() {
    std::size_t at = 0;
    for (const Field& field : kFields) {
        if (field.offset != at) return false;
        at = field.end();
    }
    return at == kBeatBytes;
}

static_assert(fields_are_gapless());
static_assert(kCluster.end() == kBeatPrefixBytes);
static_assert(kTag.offset == kBeatSignedBytes && kTag.size == kBeatTagBytes);
static_assert(kBeatBytes <= 0xffff, "the length field has 16 bits");

constexpr std::uint32_t kFlagArmed = 1U << 0U;
constexpr std::uint32_t kFlagMaintenance = 1U << 1U;
constexpr std::uint32_t kFlagNoVms = 1U << 2U;
constexpr std::uint32_t kFlagIsolated = 1U << 3U;
constexpr std::uint32_t kFlagCleanShutdown = 1U << 4U;
constexpr std::uint32_t kFlagBarred = 1U << 5U;
constexpr std::uint32_t kFlagPartitioned = 1U << 6U;
constexpr std::uint32_t kFlagLeading = 1U << 8U;

void put(std::span<std::uint8_t> out, Field field, std::uint64_t value) {
    for (std::size_t i = 0; i < field.size; ++i) {
        out[field.offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}

void put(std::span<std::uint8_t> out, Field field, const Uuid& uuid) {
    std::copy(uuid.bytes.begin(),
              uuid.bytes.end(),
              out.begin() + static_cast<std::ptrdiff_t>(field.offset));
}

std::uint64_t get(std::span<const std::uint8_t> in, Field field) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < field.size; ++i) {
        value |= std::uint64_t{in[field.offset + i]} << (8 * i);
    }
    return value;
}

std::uint16_t get16(std::span<const std::uint8_t> in, Field field) {
    return static_cast<std::uint16_t>(get(in, field));
}

Uuid get_uuid(std::span<const std::uint8_t> in, Field field) {
    Uuid uuid;
    const auto from = in.subspan(field.offset, field.size);
    std::copy(from.begin(), from.end(), uuid.bytes.begin());
    return uuid;
}

std::uint32_t pack_flags(const Beat& beat) {
    const SlotFlags& flags = beat.flags;
    return (flags.armed ? kFlagArmed : 0U) | (flags.maintenance ? kFlagMaintenance : 0U) |
           (flags.no_vms ? kFlagNoVms : 0U) | (flags.isolated ? kFlagIsolated : 0U) |
           (flags.clean_shutdown ? kFlagCleanShutdown : 0U) | (flags.barred ? kFlagBarred : 0U) |
           (flags.partitioned ? kFlagPartitioned : 0U) | (beat.leading ? kFlagLeading : 0U);
}

void unpack_flags(std::uint32_t bits, Beat& beat) {
    beat.flags.armed = (bits & kFlagArmed) != 0;
    beat.flags.maintenance = (bits & kFlagMaintenance) != 0;
    beat.flags.no_vms = (bits & kFlagNoVms) != 0;
    beat.flags.isolated = (bits & kFlagIsolated) != 0;
    beat.flags.clean_shutdown = (bits & kFlagCleanShutdown) != 0;
    beat.flags.barred = (bits & kFlagBarred) != 0;
    beat.flags.partitioned = (bits & kFlagPartitioned) != 0;
    beat.leading = (bits & kFlagLeading) != 0;
}

bool is_host(HostId host) {
    return host.value() >= 1 && host.value() <= kHostsMax;
}

bool is_promise(std::uint64_t nanoseconds) {
    return nanoseconds <= static_cast<std::uint64_t>(kPromiseMax.count());
}

bool is_watchdog_class(std::uint64_t value) {
    return value >= static_cast<std::uint64_t>(WatchdogClass::None) &&
           value <= static_cast<std::uint64_t>(WatchdogClass::Hardware);
}

bool hosts_make_sense(const Beat& beat) {
    return is_host(beat.from) && is_host(beat.to) && beat.from != beat.to &&
           !beat.host_uuid.is_none() && !beat.boot_id.is_none() && !beat.incarnation.is_none() &&
           !beat.number.is_none();
}

// A winner is whole or absent, belongs to an epoch, and only the winner's own host leads.
bool leadership_makes_sense(const Beat& beat) {
    const bool has_winner = !beat.winner.host.is_none();
    if (has_winner != !beat.winner.incarnation.is_none()) return false;
    if (has_winner && (!is_host(beat.winner.host) || beat.epoch.is_none())) return false;
    return !beat.leading || (has_winner && beat.winner.host == beat.from);
}

}  // namespace

void encode_beat(const Beat& beat, const ClusterUuid& cluster, KeyId key_id, BeatBytes out) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    std::copy(kMagic.begin(), kMagic.end(), out.begin());
    put(out, kVersion, kBeatVersion);
    put(out, kLength, kBeatBytes);
    put(out, kCluster, cluster);
    put(out, kKeyId, key_id);
    put(out, kFrom, beat.from.value());
    put(out, kTo, beat.to.value());
    put(out, kHostUuid, beat.host_uuid);
    put(out, kBootId, beat.boot_id);
    put(out, kIncarnation, beat.incarnation.value());
    put(out, kNumber, beat.number.value());
    put(out, kFlags, pack_flags(beat));
    put(out, kWatchdogClass, static_cast<std::uint64_t>(beat.watchdog_class));
    put(out, kLease, static_cast<std::uint64_t>(beat.lease.count()));
    put(out, kWatchdog, static_cast<std::uint64_t>(beat.watchdog.count()));
    put(out, kEpoch, beat.epoch.value());
    put(out, kWinnerHost, beat.winner.host.value());
    put(out, kWinnerIncarnation, beat.winner.incarnation.value());
    put(out, kResignedEpoch, beat.resigned_epoch.value());
    put(out, kAnsweredIncarnation, beat.answered_incarnation.value());
    put(out, kAnsweredNumber, beat.answered_number.value());
    put(out, kPill, beat.pill.value());
    put(out, kConfigEpoch, beat.config.epoch.value());
    put(out, kConfigStep, beat.config.step);
    put(out, kRosterVersion, beat.roster_version.value());
    put(out, kOrdersVersion, beat.orders_version.value());
    put(out, kRoundAfter, beat.round_after.value());
}

Result<Nothing, BeatReject> check_envelope(std::span<const std::uint8_t> datagram,
                                           const ClusterUuid& cluster) {
    if (datagram.size() < kBeatPrefixBytes) return Unexpected{BeatReject::TooShort};
    if (!std::equal(kMagic.begin(), kMagic.end(), datagram.begin())) {
        return Unexpected{BeatReject::NotABeat};
    }
    // Before anything that a later version may do otherwise.
    const std::uint16_t version = get16(datagram, kVersion);
    if (version < kBeatVersion) return Unexpected{BeatReject::OlderVersion};
    if (version > kBeatVersion) return Unexpected{BeatReject::NewerVersion};
    if (datagram.size() < kBeatBytes) return Unexpected{BeatReject::TooShort};
    if (datagram.size() > kBeatBytes || get(datagram, kLength) != kBeatBytes) {
        return Unexpected{BeatReject::BadLength};
    }
    if (get_uuid(datagram, kCluster) != cluster) return Unexpected{BeatReject::ForeignCluster};
    return Nothing{};
}

Result<Beat, BeatReject> decode_beat(BeatBytesView bytes) {
    Beat beat;
    beat.from = HostId{get16(bytes, kFrom)};
    beat.to = HostId{get16(bytes, kTo)};
    beat.host_uuid = get_uuid(bytes, kHostUuid);
    beat.boot_id = get_uuid(bytes, kBootId);
    beat.incarnation = Incarnation::from_value(get(bytes, kIncarnation));
    beat.number = BeatNumber{get(bytes, kNumber)};
    if (!hosts_make_sense(beat)) return Unexpected{BeatReject::BadHost};

    unpack_flags(static_cast<std::uint32_t>(get(bytes, kFlags)), beat);
    const std::uint64_t watchdog_class = get(bytes, kWatchdogClass);
    const std::uint64_t lease = get(bytes, kLease);
    const std::uint64_t watchdog = get(bytes, kWatchdog);
    if (!is_watchdog_class(watchdog_class) || !is_promise(lease) || !is_promise(watchdog)) {
        return Unexpected{BeatReject::BadPromise};
    }
    beat.watchdog_class = static_cast<WatchdogClass>(watchdog_class);
    beat.lease = Duration{static_cast<std::int64_t>(lease)};
    beat.watchdog = Duration{static_cast<std::int64_t>(watchdog)};

    beat.epoch = Epoch{get(bytes, kEpoch)};
    beat.winner.host = HostId{get16(bytes, kWinnerHost)};
    beat.winner.incarnation = Incarnation::from_value(get(bytes, kWinnerIncarnation));
    beat.resigned_epoch = Epoch{get(bytes, kResignedEpoch)};
    if (!leadership_makes_sense(beat)) return Unexpected{BeatReject::BadLeadership};

    beat.answered_incarnation = Incarnation::from_value(get(bytes, kAnsweredIncarnation));
    beat.answered_number = BeatNumber{get(bytes, kAnsweredNumber)};
    if (beat.answered_incarnation.is_none() != beat.answered_number.is_none()) {
        return Unexpected{BeatReject::BadAnswer};
    }
    beat.pill = Incarnation::from_value(get(bytes, kPill));
    beat.config.epoch = Epoch{get(bytes, kConfigEpoch)};
    beat.config.step = get(bytes, kConfigStep);
    beat.roster_version = Version{get(bytes, kRosterVersion)};
    beat.orders_version = Version{get(bytes, kOrdersVersion)};
    beat.round_after = BeatNumber{get(bytes, kRoundAfter)};
    return beat;
}

std::uint16_t claimed_version(std::span<const std::uint8_t> datagram) {
    return datagram.size() < kVersion.end() ? std::uint16_t{0} : get16(datagram, kVersion);
}

HostId claimed_sender(std::span<const std::uint8_t> datagram) {
    return datagram.size() < kFrom.end() ? HostId{} : HostId{get16(datagram, kFrom)};
}

KeyId key_id_of(BeatBytesView bytes) {
    return static_cast<KeyId>(get(bytes, kKeyId));
}

}  // namespace holdfast
