// Isolation probes against the loopback addresses; skipped, loudly, where the kernel grants no ICMP
// socket.
#include "net/isolation_probe.h"

#include <vector>

#include <linux/filter.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "tests/unit/net/net_host.h"

namespace holdfast {
namespace {

using samples::address;

// What has answered once every descriptor that became readable has been read.
IsolationProbe::AddressMask collect(IsolationProbe& probe, IsolationProbe::AddressMask wanted) {
    IsolationProbe::AddressMask answered = 0;
    while ((answered & wanted) != wanted) {
        std::vector<pollfd> waiting;
        for (const int fd : probe.fds()) waiting.push_back({fd, POLLIN, 0});
        if (poll(waiting.data(), waiting.size(), 2000) <= 0) break;
        answered |= probe.on_readable();
    }
    return answered;
}

TEST(IsolationProbe, HearsTheAddressesThatAnswer) {
    const std::vector<Address> addresses = {
        address("127.0.0.1"), address("::1"), address("127.0.0.2")};
    if (!samples::has_ipv6()) GTEST_SKIP() << "this machine has no ::1";
    IsolationProbe probe(addresses);
    if (!probe.error().empty()) GTEST_SKIP() << probe.error();
    EXPECT_EQ(probe.fds().size(), 2U);
    for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(probe.send_probe(), 0b111U);
        EXPECT_EQ(collect(probe, 0b111U), 0b111U) << round;
    }
}

// Why: two agents on one machine, or anybody's ping, must not pass for an answer to ours.
TEST(IsolationProbe, IgnoresAnswersToSomebodyElse) {
    const std::vector<Address> addresses = {address("127.0.0.1")};
    IsolationProbe ours(addresses);
    IsolationProbe theirs(addresses);
    if (!ours.error().empty()) GTEST_SKIP() << ours.error();
    ASSERT_EQ(theirs.send_probe(), 1U);
    ASSERT_EQ(collect(theirs, 1U), 1U);
    EXPECT_EQ(ours.on_readable(), 0U) << "raw sockets see the other's reply too";
}

// From now on the socket takes nothing any more; what is queued stays.
void close_entrance(int fd) {
    sock_filter drop_all{BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog program{1, &drop_all};
    ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

// Why: an answer may take longer than the interval between two rounds, and still proves that the
// address is there; one that took very long says nothing about now.  How: the first round's answer
// waits in the socket while later rounds go out and get none.
TEST(IsolationProbe, CountsTheRoundBeforeAndNoneOlder) {
    const std::vector<Address> addresses = {address("127.0.0.1")};
    for (const int later_rounds : {1, 2}) {
        IsolationProbe probe(addresses);
        if (!probe.error().empty()) GTEST_SKIP() << probe.error();
        ASSERT_EQ(probe.send_probe(), 1U);
        ASSERT_TRUE(samples::wait_readable(probe.fds()[0]));
        close_entrance(probe.fds()[0]);
        for (int i = 0; i < later_rounds; ++i) ASSERT_EQ(probe.send_probe(), 1U);
        EXPECT_EQ(probe.on_readable(), later_rounds == 1 ? 1U : 0U) << later_rounds;
    }
}

TEST(IsolationProbe, WithoutAddressesHasNothingToDo) {
    IsolationProbe probe({});
    EXPECT_TRUE(probe.fds().empty());
    EXPECT_EQ(probe.error(), "");
    EXPECT_EQ(probe.send_probe(), 0U);
    EXPECT_EQ(probe.on_readable(), 0U);
}

// Why: "nobody answers" is what makes a host isolated; an address without a host must stay silent.
TEST(IsolationProbe, AnAddressThatNobodyHasDoesNotAnswer) {
    const std::vector<Address> addresses = {address("192.0.2.77"), address("127.0.0.1")};
    IsolationProbe probe(addresses);
    if (!probe.error().empty()) GTEST_SKIP() << probe.error();
    EXPECT_EQ(probe.send_probe() & 0b10U, 0b10U);
    EXPECT_EQ(collect(probe, 0b10U), 0b10U);
}

}  // namespace
}  // namespace holdfast
