// A beat on the wire, version 1.  docs/WIRE_FORMAT.md is the prose twin of this file.
//
//   offset  size  field                 rules
//        0     4  magic                 "HFB1" in ASCII, of every version
//        4     2  version               1
//        6     2  length                256: bytes of the whole datagram
//        8    16  cluster_uuid          must equal ours
//       24     4  key_id                which key signed; see beat_auth.h
//       28     2  from                  1..1024
//       30     2  to                    1..1024, not `from`
//       32    16  host_uuid             of the sender, not zero
//       48    16  boot_id               of the sender, not zero
//       64     8  incarnation           of the sender, not zero
//       72     8  number                not zero
//       80     4  flags                 kFlag… below; others zero when written, ignored when read
//       84     1  watchdog_class        1..3
//       85     3  reserved
//       88     8  lease                 nanoseconds, 0..kPromiseMax
//       96     8  watchdog              nanoseconds, 0..kPromiseMax
//      104     8  epoch                 0: none known
//      112     2  winner host           0: none; needs an epoch
//      114     6  reserved
//      120     8  winner incarnation    zero exactly when winner host is
//      128     8  resigned_epoch        0: none
//      136     8  answered_incarnation  0: no answer
//      144     8  answered_number       zero exactly when answered_incarnation is
//      152     8  pill                  0: none
//      160     8  configuration epoch
//      168     8  configuration step
//      176     8  roster_version
//      184     8  orders_version
//      192     8  round_after           0: none
//      200    24  reserved
//      224    32  tag                   keyed BLAKE2b-256 over bytes 0..223
//
// All integers are little-endian and unsigned.  Reserved bytes are zero when written and ignored
// when read (the tag covers them).  Magic, version, length and cluster uuid keep their places for
// ever, so that every agent can say "newer version" instead of "damaged".
//
// Pure functions; no thread, no state, no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/result.h"
#include "engine/machine/beat.h"
#include "net/beat_reject.h"

namespace holdfast {

inline constexpr std::uint16_t kBeatVersion = 1;
inline constexpr std::size_t kBeatBytes = 256;
inline constexpr std::size_t kBeatTagBytes = 32;
inline constexpr std::size_t kBeatSignedBytes = kBeatBytes - kBeatTagBytes;
inline constexpr std::size_t kBeatPrefixBytes = 24;  // what every version begins with
// Whoever receives has room for this much: what a later version may grow to.
inline constexpr std::size_t kDatagramBytesMax = 512;
// A promise longer than this is damage or a mistake, not timing.
inline constexpr Duration kPromiseMax = std::chrono::hours{24};

static_assert(kBeatBytes <= kDatagramBytesMax);

using KeyId = std::uint32_t;

using BeatBytes = std::span<std::uint8_t, kBeatBytes>;
using BeatBytesView = std::span<const std::uint8_t, kBeatBytes>;

// Writes everything but the tag, which becomes zero.
void encode_beat(const Beat& beat, const ClusterUuid& cluster, KeyId key_id, BeatBytes out);

// Magic, version, length and cluster: all that may be looked at before the tag has been checked.
// Takes whatever arrived, of any size.
[[nodiscard]] Result<Nothing, BeatReject> check_envelope(std::span<const std::uint8_t> datagram,
                                                         const ClusterUuid& cluster);

// The fields, each checked for its range.  Only meaningful after check_envelope() and the tag.
[[nodiscard]] Result<Beat, BeatReject> decode_beat(BeatBytesView bytes);

// As claimed, for reports about what was rejected; 0 where the datagram is too short.
[[nodiscard]] std::uint16_t claimed_version(std::span<const std::uint8_t> datagram);
[[nodiscard]] HostId claimed_sender(std::span<const std::uint8_t> datagram);
[[nodiscard]] KeyId key_id_of(BeatBytesView bytes);

}  // namespace holdfast
