// MemberTable: where each host can be reached, link by link.
//
// addresses[i] is the host's address on link i; links are in the same order on every host.  A host
// without an address on a link has a none Address there.
//
// Thread safety: owned by the net loop; replaced as a whole when the configuration changes.  No
// allocation after construction.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/base/types.h"
#include "net/address.h"

namespace holdfast {

using LinkAddresses = std::array<Address, kLinksMax>;

struct Member {
    HostId host;
    LinkAddresses addresses{};
};

class MemberTable {
  public:
    MemberTable();

    // Adds a member, this host included.  Errors: host id out of range, or already there; an
    // address that another member or another link uses.
    [[nodiscard]] Result<Nothing> add(const Member& member);

    // The member of that id, if there is one, is none any more.
    void remove(HostId host);

    void clear();

    // Null when `host` is no member, or no host id at all.
    [[nodiscard]] const Member* find(HostId host) const;

    [[nodiscard]] std::size_t size() const { return count_; }

    // By host id: members()[id - 1]; those without host are no members.
    [[nodiscard]] const std::vector<Member>& members() const { return members_; }

  private:
    std::vector<Member> members_;  // kHostsMax entries
    std::size_t count_ = 0;
};

}  // namespace holdfast
