#include "agent/seqpacket.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/failed_call.h"

namespace holdfast {
namespace {

constexpr int kBacklog = 16;

bool fill_address(const std::string& path, sockaddr_un* address) {
    *address = {};
    address->sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address->sun_path)) return false;
    std::memcpy(address->sun_path, path.data(), path.size());
    return true;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

// A packet must fit the send buffer as a whole; the kernel counts its own overhead, too.
void set_send_buffer(int descriptor, std::size_t packet_bytes_max) {
    const int size = static_cast<int>(packet_bytes_max * 2);
    if (::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0) {
        ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
}

int new_socket() {
    return ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

}  // namespace

Result<Seqpacket> Seqpacket::connect(const std::string& path, std::size_t packet_bytes_max) {
    sockaddr_un address{};
    if (!fill_address(path, &address)) {
        return failed("cannot use the socket path", path, ENAMETOOLONG);
    }
    Seqpacket socket(new_socket(), packet_bytes_max);
    if (socket.descriptor_ < 0) return failed("cannot make a socket for", path, errno);
    if (::connect(socket.descriptor_, generic(address), sizeof(address)) != 0) {
        return failed("cannot connect to", path, errno);
    }
    return socket;
}

Seqpacket::Seqpacket(int descriptor, std::size_t packet_bytes_max)
    : descriptor_(descriptor), buffer_(packet_bytes_max) {
    if (descriptor_ >= 0) set_send_buffer(descriptor_, packet_bytes_max);
}

Seqpacket::Seqpacket(Seqpacket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}

Seqpacket& Seqpacket::operator=(Seqpacket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(buffer_, other.buffer_);
    return *this;
}

Seqpacket::~Seqpacket() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes the connection
SendStatus Seqpacket::send(std::span<const std::uint8_t> packet) {
    for (;;) {
        const ssize_t sent = ::send(
            descriptor_, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR);
        if (sent >= 0) return SendStatus::Sent;
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) return SendStatus::WouldBlock;
        return errno == EMSGSIZE ? SendStatus::TooLarge : SendStatus::Closed;
    }
}

ReceiveStatus Seqpacket::receive(std::span<const std::uint8_t>* packet) {
    for (;;) {
        const ssize_t received =
            ::recv(descriptor_, buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC);
        if (received < 0 && errno == EINTR) continue;
        if (received < 0) {
            return errno == EAGAIN ? ReceiveStatus::Nothing : ReceiveStatus::Closed;
        }
        if (received == 0) return ReceiveStatus::Closed;
        const auto size = static_cast<std::size_t>(received);
        if (size > buffer_.size()) return ReceiveStatus::TooLarge;
        *packet = std::span<const std::uint8_t>(buffer_.data(), size);
        return ReceiveStatus::Received;
    }
}

std::optional<Seqpacket::Peer> Seqpacket::peer() const {
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (::getsockopt(descriptor_, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return std::nullopt;
    }
    return Peer{credentials.pid, credentials.uid};
}

Result<SeqpacketListener> SeqpacketListener::listen(const std::string& path,
                                                    std::size_t packet_bytes_max) {
    sockaddr_un address{};
    if (!fill_address(path, &address)) {
        return failed("cannot use the socket path", path, ENAMETOOLONG);
    }
    SeqpacketListener listener(new_socket(), packet_bytes_max);
    if (listener.descriptor_ < 0) return failed("cannot make a socket for", path, errno);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return failed("cannot replace", path, errno);
    }
    // The mode of the socket's file comes from that of the descriptor, so it is never open to others.
    ::fchmod(listener.descriptor_, S_IRUSR | S_IWUSR);
    if (::bind(listener.descriptor_, generic(address), sizeof(address)) != 0) {
        return failed("cannot bind", path, errno);
    }
    if (::listen(listener.descriptor_, kBacklog) != 0) {
        return failed("cannot listen on", path, errno);
    }
    return listener;
}

SeqpacketListener::SeqpacketListener(SeqpacketListener&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      packet_bytes_max_(other.packet_bytes_max_) {}

SeqpacketListener& SeqpacketListener::operator=(SeqpacketListener&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(packet_bytes_max_, other.packet_bytes_max_);
    return *this;
}

SeqpacketListener::~SeqpacketListener() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes the backlog
std::optional<Seqpacket> SeqpacketListener::accept() {
    const int descriptor = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) return std::nullopt;
    return Seqpacket(descriptor, packet_bytes_max_);
}

}  // namespace holdfast
