#include "net/members.h"

#include <string>

namespace holdfast {

namespace {

Unexpected<Error> refuse(const std::string& text) {
    return Unexpected{Error{0, text}};
}

// "" when no address of `member` is used by `other`.
std::string shared_address(const Member& member, const Member& other) {
    for (const Address& address : member.addresses) {
        if (address.is_none()) continue;
        for (const Address& taken : other.addresses) {
            if (address == taken) return to_string(address);
        }
    }
    return "";
}

}  // namespace

MemberTable::MemberTable() : members_(kHostsMax) {}

Result<Nothing> MemberTable::add(const Member& member) {
    const std::uint16_t id = member.host.value();
    const std::string name = "member " + std::to_string(id);
    if (id < 1 || id > kHostsMax) {
        return refuse(name + ": host ids are 1 to " + std::to_string(kHostsMax));
    }
    if (find(member.host) != nullptr) return refuse(name + " is listed twice");
    for (std::size_t i = 0; i < member.addresses.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (!member.addresses[i].is_none() && member.addresses[i] == member.addresses[j]) {
                return refuse(name + ": links " + std::to_string(j + 1) + " and " +
                              std::to_string(i + 1) + " have the same address " +
                              to_string(member.addresses[i]));
            }
        }
    }
    for (const Member& other : members_) {
        if (other.host.is_none()) continue;
        const std::string shared = shared_address(member, other);
        if (!shared.empty()) {
            std::string text = name + " and member ";
            text += std::to_string(other.host.value()) + " both have the address " + shared;
            return refuse(text);
        }
    }
    members_[id - 1U] = member;
    ++count_;
    return Nothing{};
}

void MemberTable::remove(HostId host) {
    if (find(host) == nullptr) return;
    members_[host.value() - 1U] = Member{};
    --count_;
}

void MemberTable::clear() {
    members_.assign(kHostsMax, Member{});
    count_ = 0;
}

const Member* MemberTable::find(HostId host) const {
    if (host.value() < 1 || host.value() > kHostsMax) return nullptr;
    const Member& member = members_[host.value() - 1U];
    return member.host.is_none() ? nullptr : &member;
}

}  // namespace holdfast
