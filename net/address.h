// Address: one host's IPv4 or IPv6 address on one link.
//
// Literals only.  Nothing is ever resolved: a name server that is down, or slow, must not be able
// to stop the beats.  An Address has no port; all hosts of a cluster use the same one.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace holdfast {

enum class AddressFamily : std::uint8_t { None = 0, V4 = 4, V6 = 6 };

struct Address {
    AddressFamily family = AddressFamily::None;
    std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 uses the first four

    [[nodiscard]] bool is_none() const { return family == AddressFamily::None; }

    friend auto operator<=>(const Address&, const Address&) = default;
};

// Understands "192.0.2.1" and "2001:db8::1".  Errors name the text and what is wrong with it:
// names, zones ("%eth0"), link-local, mapped, multicast and unspecified addresses are refused,
// because a beat could not be sent to them, or not from every host alike.
[[nodiscard]] Result<Address> parse_address(std::string_view text);

[[nodiscard]] std::string to_string(const Address& address);

// A kernel socket address, so that headers need no <netinet/in.h>.  Big enough for IPv4 and IPv6.
struct alignas(8) SocketAddress {
    std::array<std::uint8_t, 32> bytes{};  // sockaddr_in or sockaddr_in6
    std::uint32_t size = 0;                // 0: none
};

// REQUIRES: !address.is_none()
[[nodiscard]] SocketAddress to_socket_address(const Address& address, std::uint16_t port);

// None for a family that is neither.  The port, where asked for, is in host order.
[[nodiscard]] Address from_socket_address(const SocketAddress& from, std::uint16_t* port = nullptr);

}  // namespace holdfast
