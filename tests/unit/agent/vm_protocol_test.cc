// The packets between holdfastd and holdfast-vm: each comes back as it was sent, and nothing damaged comes through.
#include "agent/vm_protocol.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sys/socket.h>

#include <gtest/gtest.h>

#include "agent/seqpacket.h"

namespace holdfast::vm_protocol {
namespace {

VmSpec some_spec(std::uint32_t xml_bytes) {
    VmSpec spec;
    spec.vm.bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    spec.name = VmName{"web-1"};
    spec.memory_mib = 4096;
    spec.cpus = 8;
    spec.priority = Priority::High;
    spec.datastores = 0x8000'0001;
    spec.isolation = IsolationResponse::PowerOff;
    spec.relations = {1, 2, 3, {4, 5, 6, 7}, 8, 9};
    spec.networks = {10, 11, 12, 13};
    spec.agent = GuestAgent::Up;
    spec.xml.length_bytes = xml_bytes;
    spec.xml.raw_bytes = 3 * xml_bytes;
    spec.xml.crc32c = 0xdeadbeef;
    return spec;
}

Capacity some_capacity() {
    Capacity capacity{65536, 64, 3, {true, {}}};
    capacity.networks.hashes.push(14);
    capacity.networks.hashes.push(15);
    return capacity;
}

std::vector<Message> one_of_each() {
    const VmId vm = some_spec(0).vm;
    const ClaimNumber claim{0x0123'4567'89ab'cdef};
    const Instant until{Duration{-42}};
    return {
        Hello{4711, "0.1.0"},
        DomainSeen{some_spec(5), VmRunState::PostCopy, true, "", {9, 8, 7, 6, 5}},
        DomainUndefined{vm},
        ListComplete{},
        Stopped{vm, StopCause::Migrated, "Stopped Migrated"},
        Started{vm, claim, StartFailure::Libvirt, "Failed to get write lock"},
        Resumed{vm, claim, StartFailure::Lease, ""},
        Gone{vm},
        CapacitySeen{some_capacity()},
        LibvirtState{true, "qemu:///system"},
        Start{some_spec(3), claim, until, {1, 2, 3}},
        Resume{vm, claim, until},
        Destroy{vm},
        Rescan{},
        Shutdown{vm, Instant{std::chrono::seconds{77}}},
        Fence{HostId{3}, FenceTask::Off, RequestId{41}, Instant{std::chrono::seconds{5}}},
        Fenced{HostId{3}, RequestId{41}, FenceReply::Failed, PowerState::Off, "no route"},
    };
}

}  // namespace

TEST(VmProtocol, EveryMessageComesBackAsItWasSent) {
    const std::vector<Message> messages = one_of_each();
    ASSERT_EQ(messages.size(), std::variant_size_v<Message>);
    for (std::size_t i = 0; i < messages.size(); ++i) {
        ASSERT_EQ(messages[i].index(), i) << "the list holds one of each type, in order";
        const Result<Message, DecodeError> decoded = decode(encode(messages[i]));
        ASSERT_TRUE(decoded) << "type " << i + 1 << ": " << describe(decoded.error());
        EXPECT_TRUE(*decoded == messages[i]) << "type " << i + 1;
    }
}

TEST(VmProtocol, TheFormIsFixed) {
    // Golden bytes: two programs of one release must agree, also when compilers or containers change.
    const std::vector<std::uint8_t> packet = encode(Gone{some_spec(0).vm});
    const std::vector<std::uint8_t> golden = {
        0x48, 0x46,       0x56,       0x4d,       1,          0,  8,  0,  32, 0, 0,
        0,    packet[12], packet[13], packet[14], packet[15], 1,  2,  3,  4,  5, 6,
        7,    8,          9,          10,         11,         12, 13, 14, 15, 16};
    EXPECT_EQ(packet, golden);
}

TEST(VmProtocol, EverySingleBitFlipIsRefused) {
    for (const Message& message : one_of_each()) {
        std::vector<std::uint8_t> packet = encode(message);
        for (std::size_t bit = 0; bit < packet.size() * 8; ++bit) {
            const auto mask = static_cast<std::uint8_t>(1U << (bit % 8));
            packet[bit / 8] ^= mask;
            EXPECT_FALSE(decode(packet)) << "type " << message.index() + 1 << ", bit " << bit;
            packet[bit / 8] ^= mask;
        }
        EXPECT_TRUE(decode(packet));
    }
}

TEST(VmProtocol, EveryTruncationAndEveryExtensionIsRefused) {
    for (const Message& message : one_of_each()) {
        std::vector<std::uint8_t> packet = encode(message);
        for (std::size_t size = 0; size < packet.size(); ++size) {
            EXPECT_FALSE(decode(std::span(packet).first(size)))
                << "type " << message.index() + 1 << ", " << size;
        }
        packet.push_back(0);
        EXPECT_FALSE(decode(packet));
    }
}

TEST(VmProtocol, ReasonsAreTold) {
    EXPECT_EQ(decode({}).error(), DecodeError::TooShort);
    std::vector<std::uint8_t> packet = encode(ListComplete{});
    packet[0] = 'X';
    EXPECT_EQ(decode(packet).error(), DecodeError::Foreign);
    packet = encode(ListComplete{});
    packet[15] ^= 1U;
    EXPECT_EQ(decode(packet).error(), DecodeError::Damaged);
    // A whole packet with fields that cannot be: a VM without an identity.
    DomainSeen nobody{some_spec(0), VmRunState::Off, true, "", {}};
    nobody.spec.vm = VmId{};
    EXPECT_EQ(decode(encode(nobody)).error(), DecodeError::BadField);
    // An XML that is not as long as its spec says.
    EXPECT_EQ(decode(encode(Start{some_spec(4), ClaimNumber{1}, kNever, {1}})).error(),
              DecodeError::BadField);
}

TEST(VmProtocol, LongTextsAreCut) {
    const Message sent = Stopped{some_spec(0).vm, StopCause::Crashed, std::string(5000, 'x')};
    const Result<Message, DecodeError> decoded = decode(encode(sent));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(std::get<Stopped>(*decoded).text.size(), kTextBytesMax);
}

TEST(VmProtocol, TheLargestMessageFitsAPacket) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    Seqpacket left(ends[0], kMessageBytesMax);
    Seqpacket right(ends[1], kMessageBytesMax);
    VmSpec spec = some_spec(kXmlCompressedBytesMax);
    spec.xml.raw_bytes = kXmlRawBytesMax;
    const Message sent =
        Start{spec, ClaimNumber{1}, kNever, std::vector<std::uint8_t>(kXmlCompressedBytesMax, 7)};
    const std::vector<std::uint8_t> packet = encode(sent);
    ASSERT_LE(packet.size(), kMessageBytesMax);
    if (left.send(packet) == SendStatus::TooLarge)
        GTEST_SKIP() << "the send buffer cannot be raised without root";
    std::span<const std::uint8_t> received;
    ASSERT_EQ(right.receive(&received), ReceiveStatus::Received);
    EXPECT_TRUE(*decode(received) == sent);
}

TEST(Seqpacket, AFullPeerNeverBlocksAndAClosedOneIsNoticed) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    Seqpacket left(ends[0], 4096);
    {
        Seqpacket right(ends[1], 4096);
        std::span<const std::uint8_t> received;
        EXPECT_EQ(right.receive(&received), ReceiveStatus::Nothing);
        const std::vector<std::uint8_t> packet(1024, 1);
        SendStatus status = SendStatus::Sent;
        for (int i = 0; i < 10'000 && status == SendStatus::Sent; ++i) status = left.send(packet);
        EXPECT_EQ(status, SendStatus::WouldBlock);
        EXPECT_EQ(right.peer()->uid, ::getuid());
    }
    EXPECT_EQ(left.send(std::vector<std::uint8_t>{1}), SendStatus::Closed);
}

}  // namespace holdfast::vm_protocol
