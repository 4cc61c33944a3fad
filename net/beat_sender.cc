#include "net/beat_sender.h"

namespace holdfast {

// NOLINTNEXTLINE(readability-function-size): the parts of the net loop, once
BeatSender::BeatSender(const ClusterUuid& cluster,
                       std::uint16_t port,
                       const BeatKeys& keys,
                       const MemberTable& members,
                       LinkSet& links,
                       NetCounters& counters)
    : cluster_(cluster),
      port_(port),
      keys_(keys),
      members_(members),
      links_(links),
      counters_(counters),
      batches_(std::make_unique<std::array<SendBatch, kLinksMax>>()) {}

void BeatSender::add(const Beat& beat) {
    const Member* member = members_.find(beat.to);
    if (member == nullptr) {
        ++counters_.send_no_member;
        return;
    }
    std::array<std::uint8_t, kBeatBytes> bytes{};
    encode_beat(beat, cluster_, keys_.sending_id(), bytes);
    keys_.sign(bytes);
    for (std::size_t i = 0; i < kLinksMax; ++i) {
        const Address& target = member->addresses[i];
        if (target.is_none()) continue;
        if (!links_[i].is_up() || links_[i].own().family != target.family) {
            ++counters_.links[i].send_link_down;
            continue;
        }
        SendBatch& batch = (*batches_)[i];
        if (batch.full()) flush_link(i);
        batch.add(to_socket_address(target, port_), bytes);
    }
}

void BeatSender::flush() {
    for (std::size_t i = 0; i < kLinksMax; ++i) flush_link(i);
}

void BeatSender::flush_link(std::size_t link) {
    SendBatch& batch = (*batches_)[link];
    if (!batch.empty()) batch.flush(links_[link].fd(), counters_.links[link]);
}

}  // namespace holdfast
