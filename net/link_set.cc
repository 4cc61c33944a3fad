#include "net/link_set.h"

#include <algorithm>

namespace holdfast {

LinkSet::LinkSet(const LinkAddresses& own, std::uint16_t port) {
    links_.reserve(own.size());
    for (const Address& address : own) links_.emplace_back(address, port);
}

std::uint32_t LinkSet::open_missing(Instant now) {
    std::uint32_t opened = 0;
    for (std::size_t i = 0; i < links_.size(); ++i) {
        if (links_[i].try_open(now)) opened |= std::uint32_t{1} << i;
    }
    return opened;
}

Instant LinkSet::next_attempt() const {
    Instant earliest = kNever;
    for (const Link& link : links_) earliest = std::min(earliest, link.next_attempt());
    return earliest;
}

std::size_t LinkSet::up_count() const {
    return static_cast<std::size_t>(
        std::count_if(links_.begin(), links_.end(), [](const Link& link) { return link.is_up(); }));
}

}  // namespace holdfast
