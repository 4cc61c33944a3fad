// Why a datagram did not become a BeatReceived.  Each reason has its own counter and its own words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

// In the order in which they are checked.  Up to BadTag the bytes are not authenticated: whatever
// is reported with such a reject may be a lie.
enum class BeatReject : std::uint8_t {
    TooShort = 0,    // fewer bytes than version 1 has, or than any version's prefix
    NotABeat,        // the magic is not there
    OlderVersion,    // a version that this agent no longer understands
    NewerVersion,    // a version that this agent does not understand yet
    BadLength,       // more bytes than this version has, or a length field that says otherwise
    ForeignCluster,  // another cluster's beat
    UnknownKey,      // signed with a key that is in neither line of the key file
    BadTag,          // a known key's id, but the tag does not match: damaged or forged
    BadHost,     // sender or receiver is no host id, or both are the same, or an identity is zero
    BadPromise,  // lease, watchdog or watchdog class out of range
    BadLeadership,     // epoch, winner and leading contradict each other
    BadAnswer,         // an answer with a number but no incarnation, or the other way round
    NotForThisHost,    // addressed to another host
    NotAMember,        // the sender is not in the table of members
    Duplicate,         // seen before: the copy of another link, or a replay
    TooOld,            // further behind the newest number than the replay window reaches
    OlderIncarnation,  // of a former life of the sender
};

inline constexpr std::size_t kBeatRejectCount = 17;

// A short lower-case phrase for logs and metrics, such as "newer version".
[[nodiscard]] std::string_view to_string(BeatReject reject);

// The same as one word, for metric labels and JSON, such as "newer_version".
[[nodiscard]] std::string_view label_of(BeatReject reject);

}  // namespace holdfast
