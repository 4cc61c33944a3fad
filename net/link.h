// Link: one of this host's network paths: its own address there, and the socket bound to it.
//
// A link whose socket cannot be opened is down and tries again every kLinkRetry; nothing waits for
// it.  Thread safety: owned by the net loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/types.h"
#include "net/address.h"
#include "net/udp_socket.h"

namespace holdfast {

inline constexpr Duration kLinkRetry = std::chrono::seconds{2};

class Link {
  public:
    // `own` none: a link that this host does not have; it stays down and asks for nothing.
    Link(const Address& own, std::uint16_t port) : own_(own), port_(port) {}

    // Opens the socket when it is missing and the next attempt is due.  True when it was opened
    // just now.
    [[nodiscard]] bool try_open(Instant now);

    // kNever when there is nothing to open.
    [[nodiscard]] Instant next_attempt() const;

    [[nodiscard]] bool is_up() const { return socket_.has_value(); }

    // -1 while down.
    [[nodiscard]] int fd() const { return socket_ ? socket_->fd() : -1; }

    // Of the socket; 0 while down.
    [[nodiscard]] std::uint16_t port() const {
        return socket_ ? socket_->port() : std::uint16_t{0};
    }

    [[nodiscard]] const Address& own() const { return own_; }

    // Why it is down, for people; empty while up and before the first attempt.
    [[nodiscard]] const std::string& error() const { return error_; }

    // Datagrams that the kernel has dropped on this socket, as last reported.
    [[nodiscard]] std::uint32_t& overflow_seen() { return overflow_seen_; }

  private:
    Address own_;
    std::uint16_t port_;
    std::optional<UdpSocket> socket_;
    Instant next_attempt_ = kNotYet;
    std::string error_;
    std::uint32_t overflow_seen_ = 0;
};

}  // namespace holdfast
