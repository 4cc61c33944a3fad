// BeatSender: encodes, signs and sends beats, to every address of the receiver, in batches.
//
//     for each SendBeat action:  sender.add(beat);
//     then once:                 sender.flush();
//
// A beat that cannot be sent is counted and dropped; the next one replaces it.  Nothing blocks,
// nothing allocates after construction.  Links are paired by number: a peer's address on link i is
// sent to from our socket of link i, and only when both are of one family.
//
// Thread safety: owned by the net loop.  What it refers to must outlive it; the loop may replace
// the contents of keys and members in place between calls (key rotation, configuration).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "engine/machine/beat.h"
#include "net/beat_auth.h"
#include "net/datagram_batch.h"
#include "net/link_set.h"
#include "net/members.h"
#include "net/net_counters.h"

namespace holdfast {

class BeatSender {
  public:
    // `port` is where the peers listen.
    // NOLINTNEXTLINE(readability-function-size): the parts of the net loop, once
    BeatSender(const ClusterUuid& cluster,
               std::uint16_t port,
               const BeatKeys& keys,
               const MemberTable& members,
               LinkSet& links,
               NetCounters& counters);

    // Queues the beat for every address of beat.to, sending what is queued when a batch is full.  A
    // receiver that is no member has no address: nothing is sent.
    void add(const Beat& beat);

    // Sends whatever is queued.
    void flush();

  private:
    void flush_link(std::size_t link);

    ClusterUuid cluster_;
    std::uint16_t port_;
    const BeatKeys& keys_;
    const MemberTable& members_;
    LinkSet& links_;
    NetCounters& counters_;
    std::unique_ptr<std::array<SendBatch, kLinksMax>> batches_;
};

}  // namespace holdfast
