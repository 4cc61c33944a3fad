// LinkSet: all links of this host.  Beats go out on every link that is up, and count from whichever
// they arrive on first.
//
// The net loop calls open_missing() at start and whenever next_attempt() is due, and puts the
// descriptors of links that came up into its epoll set (level-triggered, EPOLLIN).  Thread safety:
// owned by the net loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "net/link.h"
#include "net/members.h"

namespace holdfast {

class LinkSet {
  public:
    // `own` are this host's addresses, by link.
    LinkSet(const LinkAddresses& own, std::uint16_t port);

    // Opens what is missing and due.  Bit i of the result: link i came up just now.
    [[nodiscard]] std::uint32_t open_missing(Instant now);

    // When to call open_missing() again; kNever while nothing is missing.
    [[nodiscard]] Instant next_attempt() const;

    // Always kLinksMax; links that this host does not have are down for ever.
    [[nodiscard]] std::size_t size() const { return links_.size(); }

    // REQUIRES: index < size()
    [[nodiscard]] Link& operator[](std::size_t index) { return links_.at(index); }

    [[nodiscard]] const Link& operator[](std::size_t index) const { return links_.at(index); }

    [[nodiscard]] std::size_t up_count() const;

  private:
    std::vector<Link> links_;
};

}  // namespace holdfast
