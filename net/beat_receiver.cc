#include "net/beat_receiver.h"

namespace holdfast {

// NOLINTNEXTLINE(readability-function-size): the parts of the net loop, once
BeatReceiver::BeatReceiver(const ClusterUuid& cluster,
                           HostId self,
                           const BeatKeys& keys,
                           const MemberTable& members,
                           LinkSet& links,
                           NetCounters& counters)
    : cluster_(cluster),
      self_(self),
      keys_(keys),
      members_(members),
      links_(links),
      counters_(counters),
      batch_(std::make_unique<ReceiveBatch>()) {
    accepted_.reserve(ReceiveBatch::kCapacity);
    copies_.reserve(ReceiveBatch::kCapacity);
}

std::span<const BeatReceived> BeatReceiver::receive(std::size_t link) {
    HF_CHECK(link < kLinksMax);
    accepted_.clear();
    copies_.clear();
    Link& from = links_[link];
    if (!from.is_up()) return {};
    const std::size_t count =
        batch_->receive(from.fd(), counters_.links[link], from.overflow_seen());
    for (std::size_t i = 0; i < count; ++i) {
        const Datagram datagram = batch_->datagram(i);
        const Result<Beat, BeatReject> beat = judge(datagram);
        if (!beat) {
            note_reject(beat.error(), datagram, link);
            if (beat.error() == BeatReject::Duplicate) keep_copy(datagram, link);
            continue;
        }
        ++counters_.links[link].beats_accepted;
        accepted_.push_back(BeatReceived{*beat, static_cast<std::uint8_t>(link)});
    }
    return accepted_;
}

Result<Beat, BeatReject> BeatReceiver::judge(const Datagram& datagram) {
    const Result<Nothing, BeatReject> envelope = check_envelope(datagram.bytes, cluster_);
    if (!envelope) return Unexpected{envelope.error()};
    if (datagram.truncated) return Unexpected{BeatReject::BadLength};
    const BeatBytesView bytes = datagram.bytes.first<kBeatBytes>();
    const Result<Nothing, BeatReject> authentic = keys_.check(bytes);
    if (!authentic) return Unexpected{authentic.error()};
    const Result<Beat, BeatReject> beat = decode_beat(bytes);
    if (!beat) return beat;

    if (beat->to != self_) return Unexpected{BeatReject::NotForThisHost};
    if (members_.find(beat->from) == nullptr) return Unexpected{BeatReject::NotAMember};
    const std::optional<BeatReject> replay =
        replay_window_.accept(beat->from, beat->host_uuid, beat->incarnation, beat->number);
    if (replay) return Unexpected{*replay};
    return beat;
}

// A duplicate has passed every check but the last one, so its bytes can be read once more.
void BeatReceiver::keep_copy(const Datagram& datagram, std::size_t link) {
    const Result<Beat, BeatReject> beat = decode_beat(datagram.bytes.first<kBeatBytes>());
    if (beat) copies_.push_back(BeatReceived{*beat, static_cast<std::uint8_t>(link)});
}

void BeatReceiver::note_reject(BeatReject reject, const Datagram& datagram, std::size_t link) {
    const auto index = static_cast<std::size_t>(reject);
    ++counters_.rejected[index];
    counters_.last_reject[index] = RejectNote{
        .source = datagram.source,
        .host = claimed_sender(datagram.bytes),
        .version = claimed_version(datagram.bytes),
        .link = static_cast<std::uint8_t>(link),
    };
}

}  // namespace holdfast
