// hf_bench_beats: what a beat over the network costs, from the socket to the end of the engine's step, and back out.
//
//     hf_bench_beats [--intervals N] --json FILE
//
// One host with its peers on loopback.  Each beat arrives by itself: poll, receive, authenticate, step.  Only this
// host's work is counted, not that of the peers.  Exit code: 0, 1 something was lost or failed, 2 usage.
#include <algorithm>
#include <cstdio>
#include <string>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/support/cluster_records.h"
#include "bench/support/cost.h"
#include "bench/support/interval_bench.h"
#include "bench/support/lone_engine.h"
#include "net/beat_receiver.h"
#include "net/beat_sender.h"

namespace holdfast::bench {

namespace {

constexpr std::uint32_t kSettling = 40;
constexpr std::uint16_t kClusters[] = {3, 64, 1024};
constexpr std::uint16_t kPort = 17431;

Address address_of(HostId host) {
    return *parse_address("127.1." + std::to_string(host.value() / 200) + "." +
                          std::to_string(1 + host.value() % 200));
}

struct Side {
    Side(const BeatKeys& keys,
         HostId self,
         std::uint16_t own_port,
         std::uint16_t peer_port,
         std::uint16_t hosts)
        : links(LinkAddresses{address_of(self)}, own_port),
          sender(uuid_of(9, 1), peer_port, keys, members, links, counters),
          receiver(uuid_of(9, 1), self, keys, members, links, counters) {
        for (std::uint16_t id = 1; id <= hosts; ++id) {
            if (!members.add({HostId{id}, LinkAddresses{address_of(HostId{id})}})) ++failures;
        }
        if (links.open_missing(Instant{}) != 1) ++failures;
    }

    MemberTable members;
    NetCounters counters;
    LinkSet links;
    BeatSender sender;
    BeatReceiver receiver;
    int failures = 0;
};

// Takes what is sent to any peer, so that the kernel does not answer that nobody is there.
class Sink {
  public:
    explicit Sink(std::uint16_t port)
        : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(port);
        ok_ =
            bind(fd_, static_cast<const sockaddr*>(static_cast<const void*>(&name)), sizeof name) ==
            0;
    }

    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    ~Sink() { close(fd_); }

    [[nodiscard]] bool ok() const { return ok_; }

    void empty() const {
        char datagram[2048];
        while (recv(fd_, datagram, sizeof datagram, 0) > 0) continue;
    }

  private:
    int fd_;
    bool ok_ = false;
};

struct Figures {
    std::int64_t receive_cpu_ns = 0;
    std::int64_t send_cpu_ns = 0;
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;
    Samples arrival_us;  // from poll to the authenticated beat
};

Beat bring(Side& us, Side& peers, const Beat& beat, Figures& figures) {
    peers.sender.add(beat);
    peers.sender.flush();
    const std::int64_t began = wall_ns();
    const std::int64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    pollfd waiting{us.links[0].fd(), POLLIN, 0};
    const bool there = poll(&waiting, 1, 1000) == 1;
    const auto arrived = there ? us.receiver.receive(0) : std::span<const BeatReceived>{};
    figures.receive_cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    figures.arrival_us.add(static_cast<double>(wall_ns() - began) / 1e3);
    if (arrived.size() != 1) {
        ++figures.lost;
        return beat;
    }
    ++figures.received;
    return arrived[0].beat;
}

bool measure(const BeatKeys& keys,
             std::uint16_t hosts,
             std::uint32_t intervals,
             std::FILE* out,
             const char* separator) {
    LoneEngine::Config config;
    config.hosts = hosts;
    const HostId self{1};
    Side us(keys, self, kPort, kPort + 1, hosts);
    Side peers(keys, HostId{2}, kPort + 2, kPort, hosts);
    const Sink sink(kPort + 1);
    if (us.failures + peers.failures != 0 || !sink.ok()) {
        std::fprintf(
            stderr, "FAILED beats: loopback addresses or ports from %u cannot be used\n", kPort);
        return false;
    }
    Figures figures;
    LoneEngine lone(config);
    lone.run(kSettling);
    lone.reset_samples();
    lone.send_beats_over({[&](const Beat& beat) { return bring(us, peers, beat, figures); },
                          [&](std::span<const Beat> beats) {
                              const std::int64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
                              for (const Beat& beat : beats) us.sender.add(beat);
                              us.sender.flush();
                              figures.send_cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
                              figures.sent += beats.size();
                              sink.empty();
                          }});
    lone.run(intervals);
    const double step_us = lone.steps_of(LoneEngine::Kind::Beat).quantile(0.5) / 1e3;
    const double receive_us = static_cast<double>(figures.receive_cpu_ns) / 1e3 /
                              static_cast<double>(std::max<std::uint64_t>(figures.received, 1));
    const double send_us = static_cast<double>(figures.send_cpu_ns) / 1e3 /
                           static_cast<double>(std::max<std::uint64_t>(figures.sent, 1));
    std::fprintf(
        out,
        R"(%s{"hosts":%u,"received":%llu,"sent":%llu,"lost":%llu,"receive_cpu_us":%.3f,"step_p50_us":%.3f,)"
        R"("send_cpu_us":%.3f,"beats_per_second":%.0f,"arrival_p50_us":%.2f,"arrival_p99_us":%.2f,)"
        R"("arrival_p999_us":%.2f})",
        separator,
        hosts,
        static_cast<unsigned long long>(figures.received),
        static_cast<unsigned long long>(figures.sent),
        static_cast<unsigned long long>(figures.lost),
        receive_us,
        step_us,
        send_us,
        1e6 / (receive_us + step_us + send_us),
        figures.arrival_us.quantile(0.5),
        figures.arrival_us.quantile(0.99),
        figures.arrival_us.quantile(0.999));
    if (figures.lost > 0)
        std::fprintf(stderr,
                     "FAILED beats: %llu of %u hosts were lost\n",
                     static_cast<unsigned long long>(figures.lost),
                     hosts);
    return figures.lost == 0 && lone.settled();
}

bool measure_all(std::uint32_t intervals, std::FILE* out, const char*& separator) {
    const auto keys = BeatKeys::parse(std::string(63, '0') + "1\n", "bench");
    if (!keys) {
        std::fprintf(stderr, "FAILED beats: %s\n", keys.error().text.c_str());
        return false;
    }
    bool all = true;
    for (const std::uint16_t hosts : kClusters) {
        all = measure(*keys, hosts, intervals_for(intervals, hosts, 10), out, separator) && all;
        separator = ",\n";
    }
    return all;
}

}  // namespace

}  // namespace holdfast::bench

int main(int argc, char** argv) {
    return holdfast::bench::run_interval_bench(
        argc, argv, "hf_bench_beats", 200, &holdfast::bench::measure_all);
}
