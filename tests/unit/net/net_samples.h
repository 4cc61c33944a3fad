// What the tests of net/ share: one cluster, its keys, one beat with every field set, bytes and
// hex.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/machine/beat.h"
#include "net/address.h"
#include "net/beat_auth.h"
#include "net/beat_format.h"

namespace holdfast::samples {

using Bytes = std::array<std::uint8_t, kBeatBytes>;

inline constexpr std::string_view kFirstKey =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
inline constexpr std::string_view kSecondKey =
    "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

inline Uuid uuid_from(std::uint8_t first) {
    Uuid uuid;
    for (std::uint8_t& byte : uuid.bytes) byte = first++;
    return uuid;
}

inline ClusterUuid cluster() {
    return uuid_from(0x10);
}

inline BeatKeys keys(std::string_view first, std::string_view second = "") {
    std::string text(first);
    if (!second.empty()) text += "\n" + std::string(second);
    return std::move(BeatKeys::parse(text + "\n", "test").value());
}

// Every field differs from every other and from zero.
inline Beat beat() {
    Beat beat;
    beat.from = HostId{3};
    beat.to = HostId{1024};
    beat.host_uuid = uuid_from(0x20);
    beat.boot_id = uuid_from(0x30);
    beat.incarnation = Incarnation{7, 2};
    beat.number = BeatNumber{0x0102030405060708};
    beat.flags.armed = true;
    beat.flags.no_vms = true;
    beat.flags.barred = true;
    beat.lease = std::chrono::seconds{2};
    beat.watchdog = std::chrono::seconds{1};
    beat.watchdog_class = WatchdogClass::Hardware;
    beat.epoch = Epoch{9};
    beat.winner = HostKey{HostId{3}, Incarnation{7, 2}};
    beat.leading = true;
    beat.resigned_epoch = Epoch{4};
    beat.answered_incarnation = Incarnation{5, 1};
    beat.answered_number = BeatNumber{77};
    beat.pill = Incarnation{6, 3};
    beat.config = ConfigNumber{Epoch{8}, 12};
    beat.roster_version = Version{21};
    beat.orders_version = Version{22};
    beat.round_after = BeatNumber{76};
    return beat;
}

inline Bytes signed_bytes(const Beat& beat, const BeatKeys& keys) {
    Bytes bytes{};
    encode_beat(beat, cluster(), keys.sending_id(), bytes);
    keys.sign(bytes);
    return bytes;
}

inline std::string hex(const std::uint8_t* bytes, std::size_t size) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
        text += kDigits[bytes[i] >> 4U];
        text += kDigits[bytes[i] & 0x0fU];
    }
    return text;
}

inline Address address(std::string_view text) {
    return parse_address(text).value();
}

}  // namespace holdfast::samples
