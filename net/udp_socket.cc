#include "net/udp_socket.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast {

namespace {

constexpr int kBufferBytes =
    1 << 20;                  // a burst of a thousand hosts' beats, with the kernel's overhead
constexpr int kPriority = 6;  // the highest that needs no privilege
constexpr int kTrafficClass = 0xc0;  // DSCP CS6, network control
constexpr int kOn = 1;

bool set_option(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

// Nothing here is worth refusing to work for.
void tune(int fd, AddressFamily family) {
    if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kBufferBytes)) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, kBufferBytes);
    }
    if (!set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, kBufferBytes)) {
        set_option(fd, SOL_SOCKET, SO_SNDBUF, kBufferBytes);
    }
    set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, kOn);
    if (family == AddressFamily::V4) {
        set_option(fd, IPPROTO_IP, IP_TOS, kTrafficClass);
        set_option(fd, IPPROTO_IP, IP_FREEBIND, kOn);
    } else {
        set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, kTrafficClass);
        set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, kOn);
    }
    // After the traffic class, which sets a priority of its own.
    set_option(fd, SOL_SOCKET, SO_PRIORITY, kPriority);
}

const char* advice_for(int error) {
    switch (error) {
        case EADDRINUSE: return "; is another agent running here? Try: ss -ulpn";
        case EADDRNOTAVAIL: return "; this host does not have that address. Try: ip address";
        case EAFNOSUPPORT: return "; this kernel has that address family switched off";
        default: return "";
    }
}

Unexpected<Error> fail(const Address& own, std::uint16_t port, const char* call, int error) {
    std::string text = "beats on " + to_string(own) + " port " + std::to_string(port) + ": " +
                       call + ": " + strerrordesc_np(error) + advice_for(error);
    return Unexpected{Error{error, std::move(text)}};
}

const sockaddr* sockaddr_of(const SocketAddress& address) {
    return static_cast<const sockaddr*>(static_cast<const void*>(address.bytes.data()));
}

std::uint16_t bound_port(int fd) {
    SocketAddress bound;
    socklen_t size = sizeof(bound.bytes);
    auto* name = static_cast<sockaddr*>(static_cast<void*>(bound.bytes.data()));
    if (getsockname(fd, name, &size) != 0) return 0;
    bound.size = size;
    std::uint16_t port = 0;
    (void)from_socket_address(bound, &port);
    return port;
}

}  // namespace

Result<UdpSocket> UdpSocket::open(const Address& own, std::uint16_t port) {
    HF_CHECK(!own.is_none());
    const int family = own.family == AddressFamily::V4 ? AF_INET : AF_INET6;
    const int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0) return fail(own, port, "socket", errno);
    UdpSocket opened(fd, port);
    if (own.family == AddressFamily::V6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, kOn)) {
        return fail(own, port, "IPV6_V6ONLY", errno);
    }
    tune(fd, own.family);
    const SocketAddress address = to_socket_address(own, port);
    if (bind(fd, sockaddr_of(address), address.size) != 0) {
        return fail(own, port, "bind", errno);
    }
    opened.port_ = bound_port(fd);
    return opened;
}

UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), port_(std::exchange(other.port_, std::uint16_t{0})) {}

UdpSocket& UdpSocket::operator=(UdpSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(port_, other.port_);
    return *this;
}

UdpSocket::~UdpSocket() {
    if (fd_ >= 0) close(fd_);
}

}  // namespace holdfast
