// Literals only: what is understood, what is refused and why, and the way to the kernel and back.
#include "net/address.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/members.h"
#include "tests/unit/net/net_samples.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST(Address, ReadsAndWritesLiterals) {
    for (const std::string text :
         {"192.0.2.1", "127.0.0.1", "10.213.1.255", "2001:db8::1", "::1", "fd00::a:b"}) {
        const Result<Address> address = parse_address(text);
        ASSERT_TRUE(address) << address.error().text;
        EXPECT_EQ(to_string(*address), text);
        EXPECT_EQ(address->family,
                  text.find(':') == std::string::npos ? AddressFamily::V4 : AddressFamily::V6);
    }
    EXPECT_EQ(to_string(samples::address("2001:DB8:0:0::1")), "2001:db8::1");
    EXPECT_EQ(to_string(Address{}), "none");
}

TEST(Address, RefusesWhatNoBeatCouldReach) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "not a literal"},
        {"localhost", "names are never looked up"},
        {"host.example.org", "names are never looked up"},
        {"192.0.2", "not a literal"},
        {"192.0.2.1 ", "not a literal"},
        {"192.0.2.256", "not a literal"},
        {"192.0.2.1:7420", "not a literal"},
        {"[2001:db8::1]", "not a literal"},
        {std::string(200, '1'), "not a literal"},
        {std::string("192.0.2.1\0x", 11), "not a literal"},
        {"fe80::1%eth0", "zones"},
        {"fe80::1", "link-local"},
        {"::", "unspecified"},
        {"0.0.0.0", "begins with 0"},
        {"224.0.0.1", "multicast"},
        {"255.255.255.255", "broadcast"},
        {"ff02::1", "multicast"},
        {"::ffff:192.0.2.1", "without ::ffff:"},
    };
    for (const auto& [text, expected] : cases) {
        const Result<Address> address = parse_address(text);
        ASSERT_FALSE(address) << text;
        EXPECT_THAT(address.error().text, HasSubstr(expected));
        EXPECT_LT(address.error().text.size(), 250U);
    }
}

TEST(Address, GoesToTheKernelAndBack) {
    for (const std::string text : {"192.0.2.1", "2001:db8::1"}) {
        const SocketAddress raw = to_socket_address(samples::address(text), 7420);
        std::uint16_t port = 0;
        EXPECT_EQ(to_string(from_socket_address(raw, &port)), text);
        EXPECT_EQ(port, 7420);
    }
    EXPECT_TRUE(from_socket_address(SocketAddress{}).is_none());
}

std::string add_error(MemberTable& table, HostId host, const std::vector<std::string>& addresses) {
    Member member{host, {}};
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        if (!addresses[i].empty()) member.addresses[i] = samples::address(addresses[i]);
    }
    const Result<Nothing> added = table.add(member);
    return added ? "added" : added.error().text;
}

TEST(MemberTable, FindsWhatWasAddedAndRefusesContradictions) {
    MemberTable table;
    EXPECT_EQ(add_error(table, HostId{1}, {"192.0.2.1", "2001:db8::1"}), "added");
    EXPECT_EQ(add_error(table, HostId{kHostsMax}, {"192.0.2.2", ""}), "added");
    EXPECT_THAT(add_error(table, HostId{1}, {"192.0.2.9"}), HasSubstr("member 1 is listed twice"));
    EXPECT_THAT(add_error(table, HostId{0}, {"192.0.2.9"}), HasSubstr("host ids are 1 to 1024"));
    EXPECT_THAT(add_error(table, HostId{1025}, {"192.0.2.9"}), HasSubstr("host ids are 1 to 1024"));
    EXPECT_THAT(add_error(table, HostId{3}, {"192.0.2.9", "2001:db8::1"}),
                HasSubstr("member 3 and member 1 both have the address 2001:db8::1"));
    EXPECT_THAT(add_error(table, HostId{3}, {"192.0.2.9", "192.0.2.9"}),
                HasSubstr("links 1 and 2 have the same address"));
    EXPECT_EQ(table.size(), 2U);
    ASSERT_NE(table.find(HostId{1024}), nullptr);
    EXPECT_EQ(table.find(HostId{1024})->addresses[0], samples::address("192.0.2.2"));
    for (const std::uint16_t id :
         {std::uint16_t{0}, std::uint16_t{3}, std::uint16_t{1025}, std::uint16_t{65535}}) {
        EXPECT_EQ(table.find(HostId{id}), nullptr) << id;
    }
    table.clear();
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.find(HostId{1}), nullptr);
}

}  // namespace
}  // namespace holdfast
