// UdpSocket: one non-blocking UDP socket, bound to one of this host's own addresses.
//
// Bound with IP_FREEBIND: the address need not be there yet (an interface that comes up late, IPv6
// duplicate address detection); sending fails until it is, and then works without anybody's help.
// Without SO_REUSEADDR: a second agent on this host gets an error instead of half of the
// datagrams.  IPv6 sockets are IPv6 only.  Best effort, and silently less where it is refused:
// priority 6, DSCP CS6, 1 MiB buffers.
//
// Thread safety: owned by the net loop.
#pragma once

#include <cstdint>

#include "engine/base/result.h"
#include "net/address.h"

namespace holdfast {

class UdpSocket {
  public:
    // Port 0 takes any free one.  Errors name address, port and what to look at.
    [[nodiscard]] static Result<UdpSocket> open(const Address& own, std::uint16_t port);

    UdpSocket(UdpSocket&& other) noexcept;
    UdpSocket& operator=(UdpSocket&& other) noexcept;
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;
    ~UdpSocket();

    // For epoll and for DatagramBatch; stays the same while the socket lives.
    [[nodiscard]] int fd() const { return fd_; }

    // The port that it is bound to.
    [[nodiscard]] std::uint16_t port() const { return port_; }

  private:
    UdpSocket(int fd, std::uint16_t port) : fd_(fd), port_(port) {}

    int fd_ = -1;
    std::uint16_t port_ = 0;
};

}  // namespace holdfast
