// Beats over real sockets: IPv4 and IPv6, several links, everything that must not get through.
#include <string>
#include <vector>

#include <sys/socket.h>

#include <gtest/gtest.h>

#include "tests/unit/net/net_host.h"

namespace holdfast {
namespace {

using samples::beat_between;
using samples::Bytes;
using samples::NetHost;

constexpr HostId kSender{1};
constexpr HostId kReceiver{2};

// One link on one loopback address; the receiver's port is the kernel's choice.
struct Pair {
    explicit Pair(const std::string& address, std::string_view sender_key = samples::kFirstKey)
        : to(kReceiver, {address}, 0, 1),
          from(kSender, {address}, 0, to.links[0].port(), sender_key) {
        to.add_member(kSender, {});
        from.add_member(kReceiver, {address});
    }

    // Sends the bytes as they are, and returns how the receiver counted them.
    BeatReject reject_of(std::span<const std::uint8_t> bytes) {
        const NetCounters before = to.counters;
        const SocketAddress target = to_socket_address(to.links[0].own(), to.links[0].port());
        const auto* name =
            static_cast<const sockaddr*>(static_cast<const void*>(target.bytes.data()));
        EXPECT_EQ(sendto(from.links[0].fd(), bytes.data(), bytes.size(), 0, name, target.size),
                  static_cast<ssize_t>(bytes.size()));
        EXPECT_TRUE(to.receive(0, 1).empty());
        for (std::size_t i = 0; i < kBeatRejectCount; ++i) {
            const auto reject = static_cast<BeatReject>(i);
            if (to.counters.of(reject) == before.of(reject) + 1) return reject;
        }
        ADD_FAILURE() << "not counted";
        return BeatReject::TooShort;
    }

    NetHost to;
    NetHost from;
};

class BeatExchange : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        if (GetParam() == "::1" && !samples::has_ipv6()) GTEST_SKIP() << "this machine has no ::1";
    }
};

INSTANTIATE_TEST_SUITE_P(Families,
                         BeatExchange,
                         testing::Values("127.0.0.1", "::1"),
                         [](const auto& of) { return of.param == "::1" ? "IPv6" : "IPv4"; });

TEST_P(BeatExchange, DeliversABeatAsItWas) {
    Pair pair(GetParam());
    ASSERT_EQ(pair.to.opened, 1U) << pair.to.links[0].error();
    const Beat sent = beat_between(1);
    pair.from.sender.add(sent);
    pair.from.sender.flush();
    const std::vector<Beat> received = pair.to.receive(0, 1);
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(received[0], sent);
    EXPECT_EQ(pair.from.counters.links[0].datagrams_sent, 1U);
    EXPECT_EQ(pair.to.counters.links[0].beats_accepted, 1U);
    EXPECT_EQ(pair.to.rejected_count(), 0U);
}

// Why: more than one batch must go out and come in, whole and in order.
TEST_P(BeatExchange, DeliversManyBatches) {
    constexpr std::uint64_t kBeats = 3 * SendBatch::kCapacity + 5;
    Pair pair(GetParam());
    for (std::uint64_t i = 1; i <= kBeats; ++i) pair.from.sender.add(beat_between(i));
    pair.from.sender.flush();
    const std::vector<Beat> received = pair.to.receive(0, kBeats);
    ASSERT_EQ(received.size(), kBeats);
    for (std::uint64_t i = 0; i < kBeats; ++i) EXPECT_EQ(received[i].number.value(), i + 1);
}

TEST_P(BeatExchange, CountsEachReasonAndDropsTheDatagram) {
    Pair pair(GetParam());
    const BeatKeys& keys = pair.from.key_set;
    const Bytes good = samples::signed_bytes(beat_between(5), keys);
    EXPECT_EQ(pair.reject_of(std::span(good).first(0)), BeatReject::TooShort);
    EXPECT_EQ(pair.reject_of(std::span(good).first(kBeatBytes - 1)), BeatReject::TooShort);

    std::vector<std::uint8_t> longer(good.begin(), good.end());
    longer.resize(kDatagramBytesMax + 1);
    EXPECT_EQ(pair.reject_of(longer), BeatReject::BadLength);
    longer.resize(kBeatBytes + 1);
    EXPECT_EQ(pair.reject_of(longer), BeatReject::BadLength);

    Bytes other = good;
    other[4] = 9;
    EXPECT_EQ(pair.reject_of(other), BeatReject::NewerVersion);
    const RejectNote& note = pair.to.counters.note_of(BeatReject::NewerVersion);
    EXPECT_EQ(note.version, 9);
    EXPECT_EQ(note.host, kSender);
    EXPECT_EQ(to_string(note.source), GetParam());

    other = {};
    encode_beat(beat_between(5), samples::uuid_from(0x99), keys.sending_id(), other);
    keys.sign(other);
    EXPECT_EQ(pair.reject_of(other), BeatReject::ForeignCluster);

    other = good;
    other[200] = 1;
    EXPECT_EQ(pair.reject_of(other), BeatReject::BadTag);

    Beat beat = beat_between(5);
    beat.to = HostId{3};
    EXPECT_EQ(pair.reject_of(samples::signed_bytes(beat, keys)), BeatReject::NotForThisHost);
    beat = beat_between(5);
    beat.from = HostId{9};
    beat.winner = HostKey{};
    EXPECT_EQ(pair.reject_of(samples::signed_bytes(beat, keys)), BeatReject::NotAMember);
    beat = beat_between(5);
    beat.answered_number = BeatNumber{};
    EXPECT_EQ(pair.reject_of(samples::signed_bytes(beat, keys)), BeatReject::BadAnswer);

    // None of these closed the window to the real one.
    pair.from.sender.add(beat_between(5));
    pair.from.sender.flush();
    EXPECT_EQ(pair.to.receive(0, 1).size(), 1U);
    EXPECT_EQ(pair.reject_of(good), BeatReject::Duplicate);
    beat = beat_between(6);
    beat.incarnation = Incarnation{7, 1};
    EXPECT_EQ(pair.reject_of(samples::signed_bytes(beat, keys)), BeatReject::OlderIncarnation);
}

TEST_P(BeatExchange, RefusesAForeignKeyAndAcceptsTheSecondOfTwo) {
    Pair pair(GetParam(), samples::kSecondKey);
    EXPECT_EQ(pair.reject_of(samples::signed_bytes(beat_between(1), pair.from.key_set)),
              BeatReject::UnknownKey);
    pair.to.key_set = samples::keys(samples::kFirstKey, samples::kSecondKey);
    pair.from.sender.add(beat_between(1));
    pair.from.sender.flush();
    EXPECT_EQ(pair.to.receive(0, 1).size(), 1U);
}

TEST_P(BeatExchange, EverySingleBitFlipOnTheWireIsRejectedAndCounted) {
    Pair pair(GetParam());
    const Bytes good = samples::signed_bytes(beat_between(1), pair.from.key_set);
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
        Bytes bytes = good;
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
        (void)pair.reject_of(bytes);
    }
    EXPECT_EQ(pair.to.rejected_count(), 8 * good.size());
    EXPECT_EQ(pair.to.counters.links[0].beats_accepted, 0U);
}

// Two links of different families on one port; false when the port was taken on one of them
// meanwhile.
struct TwoLinks {
    TwoLinks()
        : port(samples::free_port("127.0.0.1")),
          to(kReceiver, {"127.0.0.1", "::1"}, port, 1),
          from(kSender, {"127.0.0.1", "::1"}, 0, port) {
        to.add_member(kSender, {});
        from.add_member(kReceiver, {"127.0.0.1", "::1"});
    }

    [[nodiscard]] bool usable() const { return to.opened == 3U && from.opened == 3U; }

    std::uint16_t port;
    NetHost to;
    NetHost from;
};

std::unique_ptr<TwoLinks> two_links() {
    for (int attempt = 0; attempt < 20; ++attempt) {
        auto links = std::make_unique<TwoLinks>();
        if (links->usable()) return links;
    }
    return nullptr;
}

// Why: two links are for redundancy; the second copy is normal, and no attack.
TEST(BeatLinks, ABeatOverTwoLinksIsAcceptedOnce) {
    if (!samples::has_ipv6()) GTEST_SKIP() << "this machine has no ::1";
    const auto both = two_links();
    ASSERT_NE(both, nullptr);
    for (std::uint64_t i = 1; i <= 3; ++i) both->from.sender.add(beat_between(i));
    both->from.sender.flush();
    EXPECT_EQ(both->to.receive(1, 3).size(), 3U);
    EXPECT_TRUE(both->to.receiver.copies().empty());
    EXPECT_EQ(both->to.receive(0, 3).size(), 0U);
    // The copies are told apart: what a link loses or delays is seen although the other one was faster.
    ASSERT_EQ(both->to.receiver.copies().size(), 3U);
    EXPECT_EQ(both->to.receiver.copies()[0].link, 0U);
    EXPECT_EQ(both->to.receiver.copies()[0].beat, beat_between(1));
    EXPECT_EQ(both->to.counters.of(BeatReject::Duplicate), 3U);
    EXPECT_EQ(both->to.rejected_count(), 3U);
    EXPECT_EQ(both->to.links.up_count(), 2U);
}

TEST(BeatLinks, WhatOneLinkLostTheOtherDelivers) {
    if (!samples::has_ipv6()) GTEST_SKIP() << "this machine has no ::1";
    const auto both = two_links();
    ASSERT_NE(both, nullptr);
    both->from.members.clear();
    both->from.add_member(kReceiver, {"", "::1"});
    both->from.sender.add(beat_between(2));
    both->from.sender.flush();
    both->from.members.clear();
    both->from.add_member(kReceiver, {"127.0.0.1", ""});
    both->from.sender.add(beat_between(1));
    both->from.sender.flush();
    EXPECT_EQ(both->to.receive(1, 1).size(), 1U);
    EXPECT_EQ(both->to.receive(0, 1).size(), 1U) << "an overtaken beat is no duplicate";
}

TEST(BeatLinks, SendsNothingWhereThereIsNoWay) {
    NetHost host(kSender, {"127.0.0.1"}, 0, 9);
    host.add_member(kReceiver, {"::1", "127.0.0.1"});
    host.sender.add(beat_between(1));
    Beat stranger = beat_between(2);
    stranger.to = HostId{77};
    host.sender.add(stranger);
    host.sender.flush();
    EXPECT_EQ(host.counters.links[0].send_link_down, 1U) << "another family";
    EXPECT_EQ(host.counters.links[1].send_link_down, 1U) << "no such link here";
    EXPECT_EQ(host.counters.send_no_member, 1U);
    EXPECT_EQ(host.counters.links[0].datagrams_sent, 0U);
}

}  // namespace
}  // namespace holdfast
