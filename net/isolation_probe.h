// IsolationProbe: asks addresses outside the cluster (isolation addresses, a gateway say) for a
// sign of life with ICMP echo, IPv4 and IPv6.  A host that hears no other host, and gets no answer
// here, is isolated; one that gets an answer is only partitioned.
//
//     every interval while no host is heard:  probe.send_probe();
//     when one of fds() is readable:          answered |= probe.on_readable();
//
// An answer counts when it comes from the address that was asked and carries the random bytes of
// one of the last two rounds; older ones, and anybody else's pings, are ignored.
//
// Uses ping sockets (SOCK_DGRAM) where the kernel grants them and raw sockets (CAP_NET_RAW)
// otherwise.  A family without either is reported by error() and never answers.  Nothing blocks,
// nothing allocates after construction.  Thread safety: owned by the net loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/base/fixed_list.h"
#include "net/address.h"

namespace holdfast {

inline constexpr std::size_t kIsolationAddressesMax = 16;

class IsolationProbe {
  public:
    // Bit i: isolation address i.
    using AddressMask = std::uint32_t;

    // Opens one socket for each family in `addresses`.  REQUIRES: no more than
    // kIsolationAddressesMax
    explicit IsolationProbe(std::span<const Address> addresses);
    IsolationProbe(const IsolationProbe&) = delete;
    IsolationProbe& operator=(const IsolationProbe&) = delete;
    IsolationProbe(IsolationProbe&&) = delete;
    IsolationProbe& operator=(IsolationProbe&&) = delete;
    ~IsolationProbe();

    // For epoll; at most two, none when there are no addresses.  They do not change.
    [[nodiscard]] std::span<const int> fds() const { return fds_.span(); }

    // Starts a round: one echo request to each address.  Returns those for which the kernel took
    // it; an address that cannot be reached now simply does not answer.
    AddressMask send_probe();

    // Reads what has arrived (a bounded number) and returns which addresses have answered.
    [[nodiscard]] AddressMask on_readable();

    // Why a family cannot be probed, for people; empty when all can.
    [[nodiscard]] const std::string& error() const { return error_; }

  private:
    static constexpr std::size_t kTokenBytes = 32;
    static constexpr std::size_t kRounds = 2;

    using Token = std::array<std::uint8_t, kTokenBytes>;

    // One family's socket; fd -1 where there is none.
    struct Socket {
        int fd = -1;
        bool raw = false;
    };

    [[nodiscard]] Socket& socket_of(AddressFamily family) {
        return family == AddressFamily::V4 ? v4_ : v6_;
    }

    void open_socket(AddressFamily family);
    [[nodiscard]] bool send_to(std::size_t index);
    [[nodiscard]] AddressMask read_from(const Socket& socket, AddressFamily family);
    [[nodiscard]] AddressMask match(std::span<const std::uint8_t> token,
                                    const Address& source) const;

    FixedList<Address, kIsolationAddressesMax> addresses_;
    FixedList<int, 2> fds_;
    Socket v4_;
    Socket v6_;
    // Of this round and the one before, per address; all zero: not sent.
    std::array<std::array<Token, kIsolationAddressesMax>, kRounds> tokens_{};
    std::size_t round_ = 0;
    std::uint16_t identifier_ = 0;
    std::uint16_t sequence_ = 0;
    std::string error_;
};

}  // namespace holdfast
