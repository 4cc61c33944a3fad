// NetLoop: the one thread that touches the network.  Sends the engine's beats, hands over what arrives authenticated, and opens links
// that are down again and again.  Beats may be lost on the way in or out when a ring is full: the next one replaces them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "agent/config.h"
#include "agent/daemon/beat_latency.h"
#include "agent/daemon/channels.h"
#include "agent/daemon/log_sink.h"
#include "agent/daemon/real_time.h"
#include "agent/daemon/wakeup.h"
#include "engine/base/host_set.h"
#include "engine/base/result.h"
#include "engine/lockfree/seqlock.h"
#include "net/beat_auth.h"
#include "net/beat_receiver.h"
#include "net/beat_sender.h"
#include "net/isolation_probe.h"
#include "net/link_set.h"
#include "net/members.h"
#include "net/net_counters.h"

namespace holdfast {

// What others may know of the links, any time.
struct LinkFacts {
    bool up = false;
    std::uint64_t beats = 0;           // that came by this link, copies included
    std::int64_t spacing_p50_us = -1;  // between two beats of one host; -1: none yet
    std::int64_t spacing_p99_us = -1;
    std::int64_t spacing_worst_us = -1;
};

class NetLoop {
  public:
    // Error: an address that cannot be used for beats, with its place.
    [[nodiscard]] static Result<std::unique_ptr<NetLoop>> make(const Config& config,
                                                               BeatKeys keys,
                                                               const Wakeup& engine,
                                                               const Wakeup& control);
    ~NetLoop();

    void start();
    void stop();

    [[nodiscard]] Channel<Beat>& beats_out() { return beats_out_; }

    [[nodiscard]] Channel<BeatReceived>& beats_in() { return beats_in_; }

    // Members that the cluster's record lists; of those that are in the file the file counts.
    [[nodiscard]] Channel<Member>& listed() { return listed_; }

    [[nodiscard]] Channel<ProbeReport>& probes_in() { return probes_in_; }

    [[nodiscard]] LogSink& sink() { return sink_; }

    // Any thread; of all kLinksMax links.
    [[nodiscard]] std::array<LinkFacts, kLinksMax> links() const;

    // Any thread.  False: no leader has answered this host yet.
    [[nodiscard]] bool latency(BeatLatency& latency) const;

  private:
    NetLoop(const Config& config,
            BeatKeys keys,
            MemberTable members,
            const LinkAddresses& own,
            const std::vector<Address>& isolation_addresses,
            const Wakeup& engine,
            const Wakeup& control);

    void run();
    void open_links();
    void take_listed();
    void send_queued();
    void receive(std::size_t link);
    void report_rejects();
    void publish_if_due();
    void probe_if_due();
    void read_probe_answers();
    void report_probe(bool answered);
    [[nodiscard]] int wait_ms() const;

    BeatKeys keys_;
    MemberTable members_;
    HostSet of_file_;
    NetCounters counters_;
    LinkSet links_;
    BeatSender sender_;
    BeatReceiver receiver_;
    Wakeup wakeup_;
    Channel<Beat> beats_out_;
    Channel<BeatReceived> beats_in_;
    Channel<Member> listed_;
    Channel<ProbeReport> probes_in_;
    LogSink sink_;
    // Isolation addresses: asked once an interval while no beat arrives.
    IsolationProbe probe_;
    const Duration interval_;
    const Duration fresh_;
    Instant heard_at_;
    Instant probe_at_ = kNotYet;
    bool round_open_ = false;
    bool round_answered_ = false;
    WorkerThread thread_;
    std::atomic<bool> stopping_{false};
    int epoll_ = -1;
    std::uint32_t down_said_ = 0;  // bit i: link i was said to be down
    std::array<std::uint64_t, kBeatRejectCount> rejected_said_{};
    Instant rejects_at_ = kNotYet;
    BeatLatencyMeter meter_;
    Instant published_at_ = kNotYet;
    Seqlock<BeatLatency> published_latency_;
    std::atomic<std::uint32_t> links_up_{0};  // bit i: link i has a socket
};

}  // namespace holdfast
