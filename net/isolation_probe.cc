#include "net/isolation_probe.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/check.h"

namespace holdfast {

namespace {

// RFC 792 and RFC 4443: type, code, checksum, identifier, sequence; the token follows.
constexpr std::size_t kEchoHeaderBytes = 8;
constexpr std::uint8_t kEchoRequestV4 = 8;
constexpr std::uint8_t kEchoReplyV4 = 0;
constexpr std::uint8_t kEchoRequestV6 = 128;
constexpr std::uint8_t kEchoReplyV6 = 129;
// <linux/icmp.h> has these two, but does not go together with <netinet/in.h>.
constexpr int kSolRaw = 255;
constexpr int kIcmpFilter = 1;
// An answer with the longest IPv4 header and room to spare; longer datagrams are not ours.
constexpr std::size_t kReadBytes = 256;
// Of one call: what is left is reported again by level-triggered epoll.
constexpr int kReadsMax = 64;

// RFC 1071.  The kernel fills in the one of ICMPv6 itself.
std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8U : std::uint32_t{bytes[i]};
    }
    while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

void put16(std::span<std::uint8_t> out, std::size_t offset, std::uint16_t value) {
    out[offset] = static_cast<std::uint8_t>(value >> 8U);
    out[offset + 1] = static_cast<std::uint8_t>(value);
}

// Raw sockets see all ICMP of the host; only echo replies are let through.
void filter_replies(int fd, AddressFamily family) {
    if (family == AddressFamily::V4) {
        const std::uint32_t blocked = ~(std::uint32_t{1} << kEchoReplyV4);
        setsockopt(fd, kSolRaw, kIcmpFilter, &blocked, sizeof(blocked));
    } else {
        icmp6_filter filter{};
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(kEchoReplyV6, &filter);
        setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
    }
}

// The token of an echo reply; empty when the message is none.
std::span<const std::uint8_t> token_in(std::span<const std::uint8_t> message,
                                       AddressFamily family,
                                       bool raw) {
    if (family == AddressFamily::V4 && raw) {
        if (message.empty()) return {};
        const std::size_t header_bytes = (message[0] & 0x0fU) * std::size_t{4};
        if (message.size() < header_bytes) return {};
        message = message.subspan(header_bytes);
    }
    if (message.size() < kEchoHeaderBytes) return {};
    const std::uint8_t reply = family == AddressFamily::V4 ? kEchoReplyV4 : kEchoReplyV6;
    if (message[0] != reply || message[1] != 0) return {};
    return message.subspan(kEchoHeaderBytes);
}

}  // namespace

IsolationProbe::IsolationProbe(std::span<const Address> addresses) {
    HF_CHECK(addresses.size() <= kIsolationAddressesMax);
    HF_CHECK(sodium_init() >= 0);
    randombytes_buf(&identifier_, sizeof(identifier_));
    for (const Address& address : addresses) {
        HF_CHECK(!address.is_none());
        addresses_.push(address);
        if (socket_of(address.family).fd < 0) open_socket(address.family);
    }
}

IsolationProbe::~IsolationProbe() {
    for (const int fd : fds_) close(fd);
}

void IsolationProbe::open_socket(AddressFamily family) {
    const bool v4 = family == AddressFamily::V4;
    const int domain = v4 ? AF_INET : AF_INET6;
    const int protocol = v4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
    Socket& socket_here = socket_of(family);
    socket_here.raw = false;
    socket_here.fd = socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (socket_here.fd < 0) {
        socket_here.raw = true;
        socket_here.fd = socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    }
    if (socket_here.fd < 0) {
        const std::string name = v4 ? "IPv4" : "IPv6";
        const std::string text =
            name + " isolation addresses cannot be asked: socket: " + strerrordesc_np(errno) +
            "; allow it with CAP_NET_RAW or net.ipv4.ping_group_range";
        if (error_.find(text) == std::string::npos) error_ += (error_.empty() ? "" : "; ") + text;
        return;
    }
    if (socket_here.raw) filter_replies(socket_here.fd, family);
    fds_.push(socket_here.fd);
}

IsolationProbe::AddressMask IsolationProbe::send_probe() {
    round_ = (round_ + 1) % kRounds;
    ++sequence_;
    AddressMask sent = 0;
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
        Token& token = tokens_[round_][i];
        randombytes_buf(token.data(), token.size());
        if (send_to(i)) sent |= AddressMask{1} << i;
    }
    return sent;
}

bool IsolationProbe::send_to(std::size_t index) {
    const Address& address = addresses_[index];
    const Socket& from = socket_of(address.family);
    if (from.fd < 0) return false;
    const bool v4 = address.family == AddressFamily::V4;
    const Token& token = tokens_[round_][index];
    std::array<std::uint8_t, kEchoHeaderBytes + kTokenBytes> message{};
    message[0] = v4 ? kEchoRequestV4 : kEchoRequestV6;
    put16(message, 4, identifier_);  // a ping socket replaces it with its own
    put16(message, 6, sequence_);
    std::copy(token.begin(), token.end(), message.begin() + kEchoHeaderBytes);
    if (v4) put16(message, 2, internet_checksum(message));
    const SocketAddress target = to_socket_address(address, 0);
    const auto* name = static_cast<const sockaddr*>(static_cast<const void*>(target.bytes.data()));
    return sendto(from.fd, message.data(), message.size(), MSG_DONTWAIT, name, target.size) ==
           static_cast<ssize_t>(message.size());
}

IsolationProbe::AddressMask IsolationProbe::on_readable() {
    return read_from(v4_, AddressFamily::V4) | read_from(v6_, AddressFamily::V6);
}

IsolationProbe::AddressMask IsolationProbe::read_from(const Socket& socket, AddressFamily family) {
    AddressMask answered = 0;
    if (socket.fd < 0) return answered;
    for (int i = 0; i < kReadsMax; ++i) {
        std::array<std::uint8_t, kReadBytes> message{};
        SocketAddress source;
        socklen_t size = sizeof(source.bytes);
        auto* name = static_cast<sockaddr*>(static_cast<void*>(source.bytes.data()));
        const ssize_t got =
            recvfrom(socket.fd, message.data(), message.size(), MSG_DONTWAIT, name, &size);
        if (got < 0 && errno == EAGAIN) break;
        if (got < 0) continue;  // an error that the kernel had queued; the next read may succeed
        source.size = size;
        const std::span<const std::uint8_t> whole(message.data(), static_cast<std::size_t>(got));
        answered |= match(token_in(whole, family, socket.raw), from_socket_address(source));
    }
    return answered;
}

IsolationProbe::AddressMask IsolationProbe::match(std::span<const std::uint8_t> token,
                                                  const Address& source) const {
    AddressMask answered = 0;
    if (token.size() != kTokenBytes) return answered;
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
        if (addresses_[i] != source) continue;
        for (const auto& round : tokens_) {
            const bool sent = sodium_is_zero(round[i].data(), round[i].size()) == 0;
            if (sent && sodium_memcmp(round[i].data(), token.data(), token.size()) == 0) {
                answered |= AddressMask{1} << i;
            }
        }
    }
    return answered;
}

}  // namespace holdfast
