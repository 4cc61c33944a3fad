// Links: sockets that open late, errors that say what to look at, datagrams that cannot be sent.
#include "net/link.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/net/net_host.h"

namespace holdfast {
namespace {

using samples::address;
using testing::HasSubstr;

constexpr Instant kStart{std::chrono::seconds{100}};

int option_of(int fd, int level, int option) {
    int value = -1;
    socklen_t size = sizeof(value);
    return getsockopt(fd, level, option, &value, &size) == 0 ? value : -1;
}

TEST(UdpSocket, IsSetUpAsPromised) {
    const Result<UdpSocket> v4 = UdpSocket::open(address("127.0.0.1"), 0);
    ASSERT_TRUE(v4) << v4.error().text;
    EXPECT_NE(v4->port(), 0);
    EXPECT_EQ(option_of(v4->fd(), SOL_SOCKET, SO_REUSEADDR), 0);
    EXPECT_EQ(option_of(v4->fd(), SOL_SOCKET, SO_PRIORITY), 6);
    EXPECT_EQ(option_of(v4->fd(), IPPROTO_IP, IP_TOS), 0xc0);
    EXPECT_EQ(option_of(v4->fd(), SOL_SOCKET, SO_RXQ_OVFL), 1);
    const Result<UdpSocket> v6 = UdpSocket::open(address("::1"), 0);
    ASSERT_TRUE(v6) << v6.error().text;
    EXPECT_EQ(option_of(v6->fd(), IPPROTO_IPV6, IPV6_V6ONLY), 1);
    EXPECT_EQ(option_of(v6->fd(), SOL_SOCKET, SO_PRIORITY), 6);
}

TEST(UdpSocket, NamesAddressAndPortAndAdviceWhenThePortIsTaken) {
    const UdpSocket first = std::move(UdpSocket::open(address("127.0.0.1"), 0).value());
    const Result<UdpSocket> second = UdpSocket::open(address("127.0.0.1"), first.port());
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().text, HasSubstr("127.0.0.1 port " + std::to_string(first.port())));
    EXPECT_THAT(second.error().text, HasSubstr("another agent"));
    EXPECT_EQ(second.error().system_errno, EADDRINUSE);
}

// Why: an interface that comes up after the agent, or an IPv6 address that is still being checked,
// must not keep the link down.
TEST(UdpSocket, BindsAnAddressThatIsNotThereYet) {
    EXPECT_TRUE(UdpSocket::open(address("192.0.2.77"), 0));
    EXPECT_TRUE(UdpSocket::open(address("2001:db8::77"), 0));
}

TEST(Link, TriesAgainWhenDueAndNotBefore) {
    auto holder =
        std::make_unique<UdpSocket>(std::move(UdpSocket::open(address("127.0.0.1"), 0).value()));
    Link link(address("127.0.0.1"), holder->port());
    EXPECT_EQ(link.next_attempt(), kNotYet);
    EXPECT_FALSE(link.try_open(kStart));
    EXPECT_FALSE(link.is_up());
    EXPECT_EQ(link.fd(), -1);
    EXPECT_THAT(link.error(), HasSubstr("bind"));
    EXPECT_EQ(link.next_attempt(), kStart + kLinkRetry);
    holder.reset();
    EXPECT_FALSE(link.try_open(kStart + kLinkRetry - Duration{1}));
    EXPECT_TRUE(link.try_open(kStart + kLinkRetry));
    EXPECT_TRUE(link.is_up());
    EXPECT_EQ(link.error(), "");
    EXPECT_EQ(link.next_attempt(), kNever);
    EXPECT_FALSE(link.try_open(kStart + 2 * kLinkRetry)) << "opened once";
}

TEST(LinkSet, ReportsWhichLinksCameUp) {
    LinkSet links(samples::link_addresses({"127.0.0.1", "", "::1"}), 0);
    EXPECT_EQ(links.size(), kLinksMax);
    EXPECT_EQ(links.next_attempt(), kNotYet);
    EXPECT_EQ(links.open_missing(kStart), 0b101U);
    EXPECT_EQ(links.open_missing(kStart + kLinkRetry), 0U);
    EXPECT_EQ(links.next_attempt(), kNever);
    EXPECT_EQ(links.up_count(), 2U);
}

// Why: one peer that cannot be reached must not cost the others their beat.
// How: a batch whose first and third target have no route from a loopback-bound socket.
TEST(SendBatch, StepsOverTargetsThatFail) {
    const UdpSocket to = std::move(UdpSocket::open(address("127.0.0.1"), 0).value());
    const UdpSocket from = std::move(UdpSocket::open(address("127.0.0.1"), 0).value());
    const SocketAddress good = to_socket_address(address("127.0.0.1"), to.port());
    const SocketAddress bad =
        to_socket_address(address("::1"), 9);  // another family than the socket's
    const samples::Bytes bytes{};
    auto batch = std::make_unique<SendBatch>();
    LinkCounters counters;
    for (const SocketAddress& target : {bad, good, bad, good}) batch->add(target, bytes);
    batch->flush(from.fd(), counters);
    EXPECT_TRUE(batch->empty());
    EXPECT_EQ(counters.datagrams_sent, 2U);
    EXPECT_EQ(counters.send_failed, 2U);
    EXPECT_NE(counters.last_send_errno, 0);
}

// Why: whoever floods a socket must show up as lost datagrams, not as silence that nobody can
// explain.
TEST(ReceiveBatch, CountsWhatTheKernelHadNoRoomFor) {
    const UdpSocket to = std::move(UdpSocket::open(address("127.0.0.1"), 0).value());
    const UdpSocket from = std::move(UdpSocket::open(address("127.0.0.1"), 0).value());
    const int small = 1;  // the kernel makes it its minimum
    ASSERT_EQ(setsockopt(to.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    const SocketAddress target = to_socket_address(address("127.0.0.1"), to.port());
    const samples::Bytes bytes{};
    auto sending = std::make_unique<SendBatch>();
    auto receiving = std::make_unique<ReceiveBatch>();
    LinkCounters counters;
    std::uint32_t overflow_seen = 0;
    const auto send = [&](std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) sending->add(target, bytes);
        sending->flush(from.fd(), counters);
    };
    std::size_t taken = 0;
    send(SendBatch::kCapacity);
    for (std::size_t got = 1; got > 0; taken += got) {
        got = receiving->receive(to.fd(), counters, overflow_seen);
    }
    send(1);  // the kernel reports its count with the next datagram
    ASSERT_TRUE(samples::wait_readable(to.fd()));
    taken += receiving->receive(to.fd(), counters, overflow_seen);
    EXPECT_LT(taken, SendBatch::kCapacity);
    EXPECT_EQ(taken + counters.receive_overflow, SendBatch::kCapacity + 1);
    EXPECT_EQ(counters.datagrams_received, taken);
}

TEST(ReceiveBatch, CountsASocketThatFails) {
    auto batch = std::make_unique<ReceiveBatch>();
    LinkCounters counters;
    std::uint32_t overflow_seen = 0;
    EXPECT_EQ(batch->receive(-1, counters, overflow_seen), 0U);
    EXPECT_EQ(counters.receive_failed, 1U);
    EXPECT_EQ(counters.last_receive_errno, EBADF);
}

}  // namespace
}  // namespace holdfast
