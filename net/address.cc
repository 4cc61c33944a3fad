#include "net/address.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace holdfast {

namespace {

static_assert(sizeof(sockaddr_in) <= sizeof(SocketAddress::bytes));
static_assert(sizeof(sockaddr_in6) <= sizeof(SocketAddress::bytes));

// The longest literal: eight groups of an IPv6 address whose last two are written as IPv4.
constexpr std::size_t kLiteralMax = INET6_ADDRSTRLEN;

Unexpected<Error> refuse(std::string_view text, std::string_view reason) {
    constexpr std::size_t kShown = 64;
    std::string shown(text.substr(0, kShown));
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return Unexpected{Error{0, "address \"" + shown + "\": " + std::string(reason)}};
}

// Null when a beat can be sent to it, from any host.
const char* unusable_reason(const Address& address) {
    const auto& b = address.bytes;
    if (address.family == AddressFamily::V4) {
        if (b[0] == 0) return "no host has an address that begins with 0";
        if (b[0] >= 224) return "multicast, broadcast and reserved addresses are not of one host";
        return nullptr;
    }
    in6_addr raw{};
    std::memcpy(&raw, b.data(), sizeof(raw));
    if (IN6_IS_ADDR_UNSPECIFIED(&raw)) return "the unspecified address is not of one host";
    if (IN6_IS_ADDR_MULTICAST(&raw)) return "a multicast address is not of one host";
    if (IN6_IS_ADDR_V4MAPPED(&raw)) return "write an IPv4 address as IPv4, without ::ffff:";
    if (IN6_IS_ADDR_LINKLOCAL(&raw)) {
        return "a link-local address means another interface on each host; use a global or unique "
               "local one";
    }
    return nullptr;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
    if (text.find('%') != std::string_view::npos) {
        return refuse(text, "zones are not supported; use a global or unique local address");
    }
    std::array<char, kLiteralMax + 1> terminated{};
    constexpr std::string_view kWanted =
        "not a literal IPv4 or IPv6 address; names are never looked up, write 192.0.2.1 or "
        "2001:db8::1";
    if (text.empty() || text.size() > kLiteralMax) return refuse(text, kWanted);
    if (text.find('\0') != std::string_view::npos) return refuse(text, kWanted);
    std::copy(text.begin(), text.end(), terminated.begin());
    Address address;
    if (inet_pton(AF_INET, terminated.data(), address.bytes.data()) == 1) {
        address.family = AddressFamily::V4;
    } else if (inet_pton(AF_INET6, terminated.data(), address.bytes.data()) == 1) {
        address.family = AddressFamily::V6;
    } else {
        return refuse(text, kWanted);
    }
    const char* reason = unusable_reason(address);
    if (reason != nullptr) return refuse(text, reason);
    return address;
}

std::string to_string(const Address& address) {
    if (address.is_none()) return "none";
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = address.family == AddressFamily::V4 ? AF_INET : AF_INET6;
    if (inet_ntop(family, address.bytes.data(), text.data(), text.size()) == nullptr) return "?";
    return text.data();
}

SocketAddress to_socket_address(const Address& address, std::uint16_t port) {
    HF_CHECK(!address.is_none());
    SocketAddress result;
    if (address.family == AddressFamily::V4) {
        sockaddr_in raw{};
        raw.sin_family = AF_INET;
        raw.sin_port = htons(port);
        std::memcpy(&raw.sin_addr, address.bytes.data(), sizeof(raw.sin_addr));
        std::memcpy(result.bytes.data(), &raw, sizeof(raw));
        result.size = sizeof(raw);
    } else {
        sockaddr_in6 raw{};
        raw.sin6_family = AF_INET6;
        raw.sin6_port = htons(port);
        std::memcpy(&raw.sin6_addr, address.bytes.data(), sizeof(raw.sin6_addr));
        std::memcpy(result.bytes.data(), &raw, sizeof(raw));
        result.size = sizeof(raw);
    }
    return result;
}

Address from_socket_address(const SocketAddress& from, std::uint16_t* port) {
    sa_family_t family = AF_UNSPEC;
    if (from.size >= sizeof(family)) std::memcpy(&family, from.bytes.data(), sizeof(family));
    Address address;
    std::uint16_t network_port = 0;
    if (family == AF_INET && from.size >= sizeof(sockaddr_in)) {
        sockaddr_in raw{};
        std::memcpy(&raw, from.bytes.data(), sizeof(raw));
        std::memcpy(address.bytes.data(), &raw.sin_addr, sizeof(raw.sin_addr));
        address.family = AddressFamily::V4;
        network_port = raw.sin_port;
    } else if (family == AF_INET6 && from.size >= sizeof(sockaddr_in6)) {
        sockaddr_in6 raw{};
        std::memcpy(&raw, from.bytes.data(), sizeof(raw));
        std::memcpy(address.bytes.data(), &raw.sin6_addr, sizeof(raw.sin6_addr));
        address.family = AddressFamily::V6;
        network_port = raw.sin6_port;
    }
    if (port != nullptr) *port = ntohs(network_port);
    return address;
}

}  // namespace holdfast
