// NetCounters: what the net loop has seen, by reason.  Counts since start; they only grow.
//
// Trivially copyable, so that a copy can go through a ring or a seqlock.  Owned by the net loop:
// other threads see copies only.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "net/address.h"
#include "net/beat_reject.h"

namespace holdfast {

struct LinkCounters {
    std::uint64_t datagrams_sent = 0;
    std::uint64_t datagrams_received = 0;
    std::uint64_t beats_accepted = 0;  // the first copy that arrived, of whatever link
    std::uint64_t send_busy = 0;       // dropped: the socket's buffer was full
    std::uint64_t send_failed = 0;     // dropped: no route, interface down, refused …
    std::uint64_t send_link_down =
        0;  // dropped: the link has no socket, or the peer no address on it
    std::uint64_t receive_failed = 0;    // recvmmsg failed
    std::uint64_t receive_overflow = 0;  // dropped by the kernel: the receive buffer was full
    std::int32_t last_send_errno = 0;
    std::int32_t last_receive_errno = 0;
};

// Where the last datagram of one reject came from.  Host and version are as claimed.
struct RejectNote {
    Address source;
    HostId host;
    std::uint16_t version = 0;
    std::uint8_t link = 0;
};

struct NetCounters {
    std::array<LinkCounters, kLinksMax> links{};
    std::array<std::uint64_t, kBeatRejectCount> rejected{};
    std::array<RejectNote, kBeatRejectCount> last_reject{};
    std::uint64_t send_no_member = 0;  // dropped: the receiver is not in the table of members

    [[nodiscard]] std::uint64_t of(BeatReject reject) const {
        return rejected[static_cast<std::size_t>(reject)];
    }

    [[nodiscard]] const RejectNote& note_of(BeatReject reject) const {
        return last_reject[static_cast<std::size_t>(reject)];
    }
};

static_assert(std::is_trivially_copyable_v<NetCounters>);

}  // namespace holdfast
