// NetHost: sender, receiver and links of one host, on loopback addresses and free ports, for tests.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/beat_receiver.h"
#include "net/beat_sender.h"
#include "net/link_set.h"
#include "tests/unit/net/net_samples.h"

namespace holdfast::samples {

inline LinkAddresses link_addresses(const std::vector<std::string>& texts) {
    LinkAddresses addresses{};
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (!texts[i].empty()) addresses[i] = address(texts[i]);
    }
    return addresses;
}

// Waits until the socket has something to read, at most two seconds; no test sleeps.
inline bool wait_readable(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return poll(&waiting, 1, 2000) == 1;
}

// Whether this machine has ::1; containers often do not.
inline bool has_ipv6() {
    const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const SocketAddress loopback = to_socket_address(address("::1"), 0);
    const auto* name =
        static_cast<const sockaddr*>(static_cast<const void*>(loopback.bytes.data()));
    const bool bound = fd >= 0 && bind(fd, name, loopback.size) == 0;
    if (fd >= 0) close(fd);
    return bound;
}

// A port that is free on all of these addresses, most likely still when it is used: whoever needs
// two addresses on one port tries again when not.
inline std::uint16_t free_port(const std::string& on) {
    return UdpSocket::open(address(on), 0).value().port();
}

struct NetHost {
    // `own_port` 0: any.  `peer_port`: where it sends to.
    NetHost(HostId id,
            const std::vector<std::string>& own,
            std::uint16_t own_port,
            std::uint16_t peer_port,
            std::string_view key = kFirstKey)
        : key_set(keys(key)),
          links(link_addresses(own), own_port),
          sender(cluster(), peer_port, key_set, members, links, counters),
          receiver(cluster(), id, key_set, members, links, counters) {
        opened = links.open_missing(Instant{});
    }

    void add_member(HostId host, const std::vector<std::string>& addresses) {
        HF_CHECK(members.add(Member{host, link_addresses(addresses)}).has_value());
    }

    // All that arrives on `link` until `datagrams` have been taken from it or nothing comes any
    // more.
    std::vector<Beat> receive(std::size_t link, std::uint64_t datagrams) {
        std::vector<Beat> beats;
        const std::uint64_t wanted = counters.links[link].datagrams_received + datagrams;
        while (counters.links[link].datagrams_received < wanted &&
               wait_readable(links[link].fd())) {
            for (const BeatReceived& received : receiver.receive(link)) {
                beats.push_back(received.beat);
            }
        }
        return beats;
    }

    [[nodiscard]] std::uint64_t rejected_count() const {
        std::uint64_t sum = 0;
        for (const std::uint64_t count : counters.rejected) sum += count;
        return sum;
    }

    BeatKeys key_set;
    MemberTable members;
    LinkSet links;
    NetCounters counters;
    BeatSender sender;
    BeatReceiver receiver;
    std::uint32_t opened = 0;
};

// A beat from host 1 to host 2.
inline Beat beat_between(std::uint64_t number) {
    Beat sent = beat();
    sent.from = HostId{1};
    sent.to = HostId{2};
    sent.leading = false;
    sent.number = BeatNumber{number};
    return sent;
}

}  // namespace holdfast::samples
