// EngineLoop: the one thread that owns the Engine.  Takes what the other threads report, one event at a time, steps the engine and
// carries the actions out before the next step.
//
// The clock is read when an event is taken in hand, as engine.h demands.  The loop sleeps in ppoll until somebody reports or the engine
// wants a tick, which is once an interval; it allocates, locks and blocks nowhere else.  Its look at the keeper's page and the snapshot
// ride on these wake-ups, and have one of their own only when somebody waits for them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/daemon/channels.h"
#include "agent/daemon/executor.h"
#include "agent/daemon/keeper_watch.h"
#include "agent/daemon/log_sink.h"
#include "agent/daemon/real_time.h"
#include "agent/daemon/wakeup.h"
#include "agent/keeper_page.h"
#include "engine/lockfree/seqlock.h"
#include "engine/machine/engine.h"
#include "storage/flight/flight_recorder.h"

namespace holdfast {

// How often the keeper's page is looked at, while it is awaited and at least.
inline constexpr Duration kKeeperPollEvery = std::chrono::milliseconds{50};
inline constexpr Duration kKeeperPollAtLeastEvery = std::chrono::milliseconds{500};
// How long something that has happened may be missing in the snapshot, and how often the snapshot is taken at most.
inline constexpr Duration kSnapshotEvery = std::chrono::milliseconds{100};

class EngineLoop {
  public:
    struct Surroundings {
        ClusterUuid cluster;
        std::vector<DatastoreOutlet> datastores;
        EngineChannels channels;
        KeeperPage& keeper;
        const ConfigRecord* directory;  // see executor.h
        Seqlock<KeptMembership>* kept;
        std::string watchdog_device;  // as configured
        const Wakeup& wakeup;         // signalled by everybody who reports
        const Wakeup& control;        // takes the log
        Executor::Clock clock;
        flight::FlightRecorder* recorder = nullptr;  // null: nothing is taken down
    };

    // `setup` is needed for the construction alone.
    EngineLoop(const EngineConfig& setup, const Surroundings& surroundings);

    void start();
    void stop();

    [[nodiscard]] const Seqlock<Snapshot>& snapshot() const { return *snapshot_; }

    [[nodiscard]] LogSink& sink() { return sink_; }

    // What the engine was told as the time of its construction.
    [[nodiscard]] Instant started_at() const { return started_at_; }

    // One round without waiting: what start() repeats.  For tests, instead of start().
    void run_once();

  private:
    void run();
    void step(const Event& event);
    void step_with(Instant now, const DatastoreCompletion& completion, DatastoreIndex datastore);
    void take_datastores();
    void take_reports();
    void poll_keeper();
    void note_what_is_new(const Event& event);
    void tick_if_due();
    void publish_if_due();
    void wait();
    [[nodiscard]] Instant wait_until() const;
    [[nodiscard]] Instant now();

    Surroundings around_;
    LogSink sink_;
    Instant started_at_;
    Engine engine_;
    Executor executor_;
    KeeperWatch keeper_watch_;
    std::unique_ptr<Actions> actions_;
    std::unique_ptr<ConfigCopy> config_;  // the record read last, as the engine wants it
    std::unique_ptr<Snapshot> scratch_;
    std::unique_ptr<Seqlock<Snapshot>> snapshot_;
    WorkerThread thread_;
    std::atomic<bool> stopping_{false};
    Instant last_now_ = kNotYet;
    Instant keeper_polled_at_ = kNotYet;
    Instant published_at_{};
    Instant lateness_said_at_{};
    bool roster_announced_ = false;
    bool news_ = false;     // a trace line since the last publication,
    bool changed_ = false;  // or anything else that does not happen in every beat
};

}  // namespace holdfast
