// ReplayWindow: each beat of each sender is accepted once, whatever links its copies arrive on.
//
// Per sender a pair (incarnation, number) is accepted when it has not been accepted before and is
// not older than what the window remembers.  A newer incarnation starts afresh; an older one is
// dropped.  Within an incarnation the newest number may be overtaken by up to 63 others, so that
// links of different speed may reorder.  Numbers have gaps: a sender counts its beats to everybody.
//
// What it does not do: it lives as long as the agent.  After a restart the window is empty, and
// recorded beats are accepted until newer ones arrive.  That must be harmless, and is: the engine
// ignores incarnations older than those it knows from the datastores, and an answer names the
// incarnation of the receiver, which a restart raises.  A replayed beat can at most make a dead
// host seem to beat on the network for as long as somebody replays, which delays a restart and
// never allows one.
//
// Two hosts that were given one id by mistake have different host uuids.  Each gets its own window
// (two per id), so that the engine hears both and can say so, instead of one silencing the other.
//
// Thread safety: owned by one thread.  No allocation after construction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/types.h"
#include "net/beat_reject.h"

namespace holdfast {

class ReplayWindow {
  public:
    static constexpr std::uint64_t kWidth = 64;
    static constexpr std::size_t kUuidsPerHost = 2;

    ReplayWindow();

    // Records the beat; nullopt when it is the first of its kind, else Duplicate, TooOld or
    // OlderIncarnation, and nothing changes.  REQUIRES: 1 <= host <= kHostsMax
    [[nodiscard]] std::optional<BeatReject> accept(HostId host,
                                                   const Uuid& host_uuid,
                                                   Incarnation incarnation,
                                                   BeatNumber number);

  private:
    struct Sender {
        Uuid host_uuid;
        Incarnation incarnation;   // none: unused
        std::uint64_t newest = 0;  // the highest number accepted
        std::uint64_t seen = 0;    // bit i: newest - i was accepted
    };

    using Senders = std::array<Sender, kUuidsPerHost>;

    [[nodiscard]] static Sender* find(Senders& senders,
                                      const Uuid& host_uuid,
                                      Incarnation incarnation);

    std::vector<Senders> hosts_;  // by host id - 1
};

}  // namespace holdfast
