// DatastoreLoop: the one thread that touches one heartbeat datastore.
//
// Three askers meet it, each through its own port: the engine loop (slots, rosters, orders), the VM link (XML heap) and the log
// writer (recorder).  A completion goes back through the port of its kind.  A datastore that cannot be opened is tried again
// every kReopenEvery, less often while its storage hangs; until then everything asked of it is answered Failed.  A hung one answers nothing and holds up nobody.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/daemon/log_sink.h"
#include "agent/daemon/real_time.h"
#include "agent/daemon/wakeup.h"
#include "engine/lockfree/ring.h"
#include "engine/lockfree/seqlock.h"
#include "storage/datastore.h"
#include "storage/gap_recorder.h"

namespace holdfast {

inline constexpr Duration kReopenEvery = std::chrono::seconds{5};
// A hung attempt keeps its memory for ever, so the pause doubles after each of them, up to this.
inline constexpr Duration kReopenEveryMax = std::chrono::minutes{10};

// What others may know of the loop, any time.
struct DatastoreLoopFacts {
    bool open = false;
    bool late = false;
    std::uint64_t heap_bytes = 0;      // as formatted; 0 until the first open
    std::uint32_t hosts_max = 0;       // it was formatted for so many; 0: not known yet
    std::int64_t latency_p50_us = -1;  // of slot writes
    std::int64_t latency_p99_us = -1;
    std::int64_t scan_p50_us = -1;
    std::int64_t scan_p99_us = -1;
    std::array<char, 32> backend{};   // terminated
    std::array<char, 400> problem{};  // terminated; empty while it is used
};

// How this host's slot writes and scans have fared since the start, for `holdfast tune --from-agent`.
struct DatastoreLatency {
    Instant begun = kNotYet;  // the first slot write
    Instant until = kNotYet;
    GapRecorder lease;       // as if this datastore alone renewed it
    LatencyHistogram write;  // since it was opened last
    LatencyHistogram scan;
};

// A request with the memory that a write of it was encoded into; null for anything else.
struct PortRequest {
    DatastoreRequest request;
    const DatastoreMemory* memory = nullptr;
};

// One asker's end.  `requests` is pushed by the asker, which then signals the loop; `completions` is popped by it.
//
// An asker that writes loads `memory` once, encodes into payload() of that and names it in its request.  It is null until the datastore
// is open, because an attempt that hangs loses its memory; a write that names any memory but the one in use is answered Failed.
struct DatastorePort {
    explicit DatastorePort(const Wakeup& waker) : asker(waker) {}

    std::atomic<const DatastoreMemory*> memory{nullptr};
    Ring<PortRequest> requests{64};
    Ring<DatastoreCompletion> completions{64};
    const Wakeup& asker;
};

class DatastoreLoop {
  public:
    struct Wakers {
        const Wakeup& engine;
        const Wakeup& vm;
        const Wakeup& log;
        const Wakeup& control;
    };

    // How it is opened and how often that is tried.
    struct Opening {
        using Open = std::function<Result<std::unique_ptr<Datastore>>(const DatastoreOptions&,
                                                                      DatastoreMemory&)>;
        Open open;
        Duration retry_every;
    };

    // `options.wakeup_fd` is set here.
    DatastoreLoop(DatastoreOptions options,
                  std::uint32_t hosts_scan_max,
                  const Wakers& wakers,
                  Opening opening = {&Datastore::open, kReopenEvery});

    void start();
    // Asks the thread to end and waits for it: up to the time limits of Datastore::open().
    void stop();

    [[nodiscard]] DatastorePort& engine_port() { return engine_; }

    [[nodiscard]] DatastorePort& vm_port() { return vm_; }

    [[nodiscard]] DatastorePort& log_port() { return log_; }

    [[nodiscard]] const Wakeup& wakeup() const { return wakeup_; }

    [[nodiscard]] LogSink& sink() { return sink_; }

    [[nodiscard]] DatastoreLoopFacts facts() const;

    // False: nothing was written yet.
    [[nodiscard]] bool latency(DatastoreLatency& latency) const;

  private:
    void run();
    void try_open();
    void put_off_open(const Error& error);
    void serve();
    void take_requests(DatastorePort& port);
    void note_renewal(const DatastoreCompletion& completion);
    void answer(const DatastoreCompletion& completion);
    [[nodiscard]] DatastorePort& port_of(DatastoreRequestKind kind);
    void look_at_health();
    void publish();

    DatastoreOptions options_;
    const std::uint32_t hosts_scan_max_;
    std::uint32_t hosts_max_;  // that the memory is made for
    const Opening opening_;
    Wakeup wakeup_;
    DatastorePort engine_;
    DatastorePort vm_;
    DatastorePort log_;
    LogSink sink_;
    WorkerThread thread_;
    std::atomic<bool> stopping_{false};
    Seqlock<DatastoreLoopFacts> facts_;
    Seqlock<DatastoreLatency> published_latency_;

    // The thread's own.  The last memory is in use; the kernel may still write into those before it.
    std::vector<std::unique_ptr<DatastoreMemory>> memories_;
    std::unique_ptr<Datastore> store_;
    std::string problem_;
    DatastoreLatency latency_;
    bool late_said_ = false;
    std::uint64_t heap_bytes_ = 0;
    std::uint32_t hosts_formatted_ = 0;
    Instant reopen_at_{};
    Duration reopen_every_;
    Instant published_at_ = kNotYet;
};

}  // namespace holdfast
