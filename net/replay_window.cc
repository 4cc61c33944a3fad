#include "net/replay_window.h"

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/mutant.h"

namespace holdfast {

ReplayWindow::ReplayWindow() : hosts_(kHostsMax) {}

// The sender's own entry; else one that is unused; else the one of the oldest incarnation, if that
// is older than the newcomer's; else null.
ReplayWindow::Sender* ReplayWindow::find(Senders& senders,
                                         const Uuid& host_uuid,
                                         Incarnation incarnation) {
    Sender* oldest = &senders[0];
    for (Sender& sender : senders) {
        if (!sender.incarnation.is_none() && sender.host_uuid == host_uuid) return &sender;
        if (sender.incarnation < oldest->incarnation) oldest = &sender;
    }
    return oldest->incarnation < incarnation ? oldest : nullptr;
}

std::optional<BeatReject> ReplayWindow::accept(HostId host,
                                               const Uuid& host_uuid,
                                               Incarnation incarnation,
                                               BeatNumber number) {
    HF_CHECK(host.value() >= 1 && host.value() <= kHostsMax);
    Sender* sender = find(hosts_[host.value() - 1U], host_uuid, incarnation);
    if (sender == nullptr) return BeatReject::OlderIncarnation;
    if (sender->host_uuid != host_uuid || sender->incarnation < incarnation) {
        *sender = Sender{host_uuid, incarnation, number.value(), 1};
        return std::nullopt;
    }
    if (incarnation < sender->incarnation) return BeatReject::OlderIncarnation;

    if (number.value() > sender->newest) {
        const std::uint64_t step = number.value() - sender->newest;
        sender->seen = step < kWidth ? (sender->seen << step) | 1U : 1U;
        sender->newest = number.value();
        return std::nullopt;
    }
    const std::uint64_t behind = sender->newest - number.value();
    if (behind >= kWidth) return BeatReject::TooOld;
    const std::uint64_t bit = std::uint64_t{1} << behind;
    if ((sender->seen & bit) != 0 && !planted(Mutant::ReplayedBeatPasses))
        return BeatReject::Duplicate;
    sender->seen |= bit;
    return std::nullopt;
}

}  // namespace holdfast
