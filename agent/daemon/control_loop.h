// ControlLoop: the thread between the beat process and people.  It collects the lines of all threads, keeps the last ones for
// `holdfast events`, hands them to the log writer, and serves `run/control.sock` from the engine's snapshot.  It also keeps the
// incarnation file, because /run is memory and the engine may not touch files.
//
// Nothing here can hold up the beat path: a client that does not read is dropped once its queue is full.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/control_protocol.h"
#include "agent/daemon/channels.h"
#include "agent/daemon/clock_watch.h"
#include "agent/daemon/datastore_loop.h"
#include "agent/daemon/log_sink.h"
#include "agent/daemon/real_time.h"
#include "agent/event_line.h"
#include "agent/seqpacket.h"
#include "agent/status_json.h"
#include "engine/lockfree/seqlock.h"

namespace holdfast {

class NetLoop;

namespace measure {
struct Measurement;
}  // namespace measure

inline constexpr std::size_t kEventsKept = 10000;
inline constexpr Duration kGuardTimeLimit = std::chrono::seconds{5};
inline constexpr Duration kChangeTimeLimit = std::chrono::minutes{2};

class ControlLoop {
  public:
    struct Surroundings {
        const Config& config;
        BootId boot_id;
        const Wakeup& wakeup;
        const Wakeup& engine;
        std::vector<DatastoreLoop*> datastores;
        std::vector<LogSink*> sinks;  // of every other thread; added before start()
        const Seqlock<Snapshot>* snapshot = nullptr;
        Channel<const VmDirectory*>* directories = nullptr;
        Channel<const EventLine*>* log = nullptr;
        const Seqlock<KeptMembership>* kept = nullptr;  // what KeepMembership is about
        const NetLoop* net = nullptr;                   // null: nothing is said of links
    };

    // Error: the socket cannot be bound.
    [[nodiscard]] static Result<std::unique_ptr<ControlLoop>> make(
        const Surroundings& surroundings);
    ~ControlLoop();

    // What is made only after this loop; before start().
    void attach(const Seqlock<Snapshot>* snapshot, std::vector<LogSink*> sinks);

    void start();
    void stop();

    [[nodiscard]] Channel<ControlCommand>& commands() { return commands_; }

    [[nodiscard]] Channel<ControlReport>& reports() { return reports_; }

    // Any thread: the agent is to stop; ended() tells when it may.
    void ask_shutdown();

    [[nodiscard]] bool ended() const { return ended_.load(); }

    // This thread's own; before start() the starting thread's.
    [[nodiscard]] LogSink& sink() { return sink_; }

  private:
    struct Client {
        explicit Client(Seqpacket&& connected) : socket(std::move(connected)) {}

        Seqpacket socket;
        std::deque<std::string> outgoing;
        bool following = false;
        bool closing = false;  // when everything is sent
        bool dead = false;
        std::uint64_t guard_token = 0;
        Instant guard_until = kNever;
        std::string guard_name;
        std::uint64_t change_token = 0;
        Instant change_until = kNever;
    };

    ControlLoop(const Surroundings& surroundings, SeqpacketListener listener);

    void run();
    void wait();
    void collect_lines();
    void look_at_clocks();
    void keep(EventLine line);
    void take_directories();
    void take_commands();
    void persist(const PersistIncarnation& command);
    void persist(const KeepMembership& command);
    void change(Client& client, const ChangeRequest& request);
    [[nodiscard]] std::string lacks_room_for(HostId host) const;
    void answer(const AnswerChange& answer);
    void answer(const AnswerStart& answer);
    void answer(const AnswerConfirm& answer);
    void accept_clients();
    void serve(Client& client);
    void handle(Client& client, const ControlRequest& request);
    void send_status(Client& client);
    void send_latency(Client& client);
    void add_links(StatusFacts& facts) const;
    void add_answers(measure::Measurement& measurement) const;
    void send_events(Client& client, const EventsRequest& request);
    void guard(Client& client, const GuardRequest& request);
    void goodbye(Client& client);
    void ask_engine(Client& client, StartAsked asked);
    void confirm(Client& client, const ConfirmRequest& request);
    void end_guard(Client& client, int code, const std::string& sentence);
    void end(Client& client, int code, const std::string& text);
    void send_data(Client& client, const std::string& text);
    void flush(Client& client);
    [[nodiscard]] bool load_snapshot();
    [[nodiscard]] std::string refusal(const AnswerStart& answer) const;

    Surroundings around_;
    SeqpacketListener listener_;
    Channel<ControlCommand> commands_;
    Channel<ControlReport> reports_;
    LogSink sink_;
    ClockWatch clocks_{read_clocks()};
    WorkerThread thread_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> shutdown_asked_{false};
    std::atomic<bool> ended_{false};
    bool shutdown_told_ = false;  // that the agent is to stop, or its host goes down
    std::deque<EventLine> events_;
    std::uint64_t lines_lost_ = 0;
    std::unique_ptr<LogRecord> record_;
    std::unique_ptr<Snapshot> snapshot_;
    std::unique_ptr<const VmDirectory> directory_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::uint64_t next_token_ = 1;
};

}  // namespace holdfast
