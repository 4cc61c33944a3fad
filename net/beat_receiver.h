// BeatReceiver: takes datagrams from the links and lets through what is an authentic, fresh beat
// for this host.  Everything else is counted by its reason, noted (net_counters.h) and dropped; no
// datagram can do more than that.
//
// Where a datagram came from does not matter: the key decides who belongs to the cluster, and
// `from` in the beat names the host.
//
// Thread safety: owned by the net loop.  No allocation after construction, nothing blocks.  What it
// refers to must outlive it; the loop may replace the contents of keys and members in place between
// calls.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/types.h"
#include "engine/machine/event.h"
#include "net/beat_auth.h"
#include "net/datagram_batch.h"
#include "net/link_set.h"
#include "net/members.h"
#include "net/net_counters.h"
#include "net/replay_window.h"

namespace holdfast {

class BeatReceiver {
  public:
    // NOLINTNEXTLINE(readability-function-size): the parts of the net loop, once
    BeatReceiver(const ClusterUuid& cluster,
                 HostId self,
                 const BeatKeys& keys,
                 const MemberTable& members,
                 LinkSet& links,
                 NetCounters& counters);

    // Takes up to one batch (ReceiveBatch::kCapacity) from link `link`; call it when that link's fd
    // is readable.  One batch a call keeps a flood on one link from starving the other links: with
    // level-triggered epoll the rest is reported again.  The span is valid until the next call.
    // REQUIRES: link < kLinksMax
    [[nodiscard]] std::span<const BeatReceived> receive(std::size_t link);

    // Authentic beats of the last receive() of which a copy had come before, by whatever link; valid as long.
    [[nodiscard]] std::span<const BeatReceived> copies() const { return copies_; }

    // The same for one datagram, without a socket: for tests and fuzzing.
    [[nodiscard]] Result<Beat, BeatReject> judge(const Datagram& datagram);

  private:
    void keep_copy(const Datagram& datagram, std::size_t link);
    void note_reject(BeatReject reject, const Datagram& datagram, std::size_t link);

    ClusterUuid cluster_;
    HostId self_;
    const BeatKeys& keys_;
    const MemberTable& members_;
    LinkSet& links_;
    NetCounters& counters_;
    ReplayWindow replay_window_;
    std::unique_ptr<ReceiveBatch> batch_;
    std::vector<BeatReceived> accepted_;  // reserved once
    std::vector<BeatReceived> copies_;    // reserved once
};

}  // namespace holdfast
