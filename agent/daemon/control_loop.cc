#include "agent/daemon/control_loop.h"

#include <algorithm>
#include <utility>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/clock.h"
#include "agent/daemon/host_identity.h"
#include "agent/daemon/kept_membership.h"
#include "agent/text.h"

namespace holdfast {

namespace {

constexpr std::size_t kCommandsMax = 1024;
constexpr std::size_t kClientsMax = 64;
constexpr int kClientWaitMs = 500;

EventLine to_line(const LogRecord& record) {
    if (record.is_trace) return to_event_line(record.trace);
    const MessageRow& row = row_of(record.id);
    EventLine line;
    line.at = record.at;
    line.id = row.id;
    line.level = row.level;
    line.event = row.event;
    line.host = record.host;
    line.text.assign(record.text.data(), record.text_length);
    return line;
}

}  // namespace

Result<std::unique_ptr<ControlLoop>> ControlLoop::make(const Surroundings& surroundings) {
    const std::string path = surroundings.config.run_path("control.sock");
    auto listener = SeqpacketListener::listen(path, kControlPacketBytesMax);
    if (!listener) return Unexpected{listener.error()};
    return std::unique_ptr<ControlLoop>(new ControlLoop(surroundings, std::move(listener.value())));
}

ControlLoop::ControlLoop(const Surroundings& surroundings, SeqpacketListener listener)
    : around_(surroundings),
      listener_(std::move(listener)),
      commands_(kCommandsMax, surroundings.wakeup),
      reports_(kCommandsMax, surroundings.engine),
      sink_(256, surroundings.wakeup),
      record_(std::make_unique<LogRecord>()),
      snapshot_(std::make_unique<Snapshot>()),
      directory_(std::make_unique<VmDirectory>()) {}

ControlLoop::~ControlLoop() {
    stop();
}

void ControlLoop::attach(const Seqlock<Snapshot>* snapshot, std::vector<LogSink*> sinks) {
    around_.snapshot = snapshot;
    around_.sinks = std::move(sinks);
}

void ControlLoop::start() {
    thread_.start("hf-control", Pace::Ordinary, [this] { run(); });
}

void ControlLoop::stop() {
    stopping_.store(true);
    around_.wakeup.signal();
    thread_.join();
}

void ControlLoop::ask_shutdown() {
    shutdown_asked_.store(true);
    around_.wakeup.signal();
}

void ControlLoop::run() {
    while (true) {
        const bool last_round = stopping_.load();
        around_.wakeup.drain();
        take_directories();
        take_commands();
        if (last_round) sink_.say(MessageId::AgentStopped, {});
        look_at_clocks();
        collect_lines();
        if (shutdown_asked_.load() && !shutdown_told_) {
            shutdown_told_ = reports_.push(ControlReport{ShutdownAsked{false}});
        }
        accept_clients();
        for (const auto& client : clients_) serve(*client);
        std::erase_if(clients_, [](const auto& client) { return client->dead; });
        if (last_round) return;
        wait();
    }
}

void ControlLoop::look_at_clocks() {
    const auto jump = clocks_.look(read_clocks());
    if (!jump) return;
    const auto in_seconds = [](Duration span) {
        return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(span).count()) +
               " s";
    };
    std::string what;
    if (jump->suspended >= std::chrono::seconds{1})
        what += "this host stood still for " + in_seconds(jump->suspended) + ".";
    if (jump->wall >= std::chrono::seconds{1})
        what += "the wall clock was set forward by " + in_seconds(jump->wall) + ".";
    if (jump->wall <= -std::chrono::seconds{1})
        what += "the wall clock was set back by " + in_seconds(-jump->wall) + ".";
    sink_.say(MessageId::ClockJumped, {what});
}

void ControlLoop::wait() {
    std::vector<pollfd> entries{{around_.wakeup.fd(), POLLIN, 0},
                                {listener_.descriptor(), POLLIN, 0}};
    int timeout = kClientWaitMs;
    for (const auto& client : clients_) {
        short events = POLLIN;
        if (!client->outgoing.empty()) events |= POLLOUT;
        entries.push_back({client->socket.descriptor(), events, 0});
        if (client->guard_token != 0 || client->change_token != 0) timeout = kClientWaitMs / 5;
    }
    poll(entries.data(), entries.size(), timeout);
}

void ControlLoop::collect_lines() {
    // Each thread's lines are in order; between threads they are sorted within this round.
    std::vector<EventLine> lines;
    std::uint64_t lost = 0;
    const auto drain = [&](LogSink& sink) {
        while (sink.take(*record_)) lines.push_back(to_line(*record_));
        lost += sink.take_lost();
    };
    for (LogSink* sink : around_.sinks) drain(*sink);
    if (lost > 0) {
        lines_lost_ += lost;
        sink_.say(MessageId::LinesLost, {std::to_string(lost)});
    }
    drain(sink_);
    std::stable_sort(lines.begin(), lines.end(), [](const EventLine& a, const EventLine& b) {
        return a.at < b.at;
    });
    for (EventLine& line : lines) keep(std::move(line));
}

void ControlLoop::keep(EventLine line) {
    for (const auto& client : clients_) {
        if (client->following) send_data(*client, event_json(line) + "\n");
    }
    if (around_.log != nullptr) {
        auto copy = std::make_unique<EventLine>(line);
        if (around_.log->push(copy.get())) {
            // NOLINTNEXTLINE(bugprone-unused-return-value): the log writer owns it now
            copy.release();
        } else {
            ++lines_lost_;
        }
    }
    events_.push_back(std::move(line));
    if (events_.size() > kEventsKept) events_.pop_front();
}

void ControlLoop::take_directories() {
    if (around_.directories == nullptr) return;
    const VmDirectory* directory = nullptr;
    while (around_.directories->ring.try_pop(directory)) directory_.reset(directory);
}

void ControlLoop::take_commands() {
    ControlCommand command;
    while (commands_.ring.try_pop(command)) {
        if (const auto* incarnation = std::get_if<PersistIncarnation>(&command)) {
            persist(*incarnation);
        } else if (const auto* verdict = std::get_if<AnswerStart>(&command)) {
            answer(*verdict);
        } else if (const auto* confirmed = std::get_if<AnswerConfirm>(&command)) {
            answer(*confirmed);
        } else if (const auto* keep = std::get_if<KeepMembership>(&command)) {
            persist(*keep);
        } else if (const auto* changed = std::get_if<AnswerChange>(&command)) {
            answer(*changed);
        } else {
            ended_.store(true);
        }
    }
}

void ControlLoop::persist(const PersistIncarnation& command) {
    const Result<Nothing> written = write_incarnation(around_.config.run_path("incarnation"),
                                                      {around_.boot_id, command.incarnation});
    if (!written) {
        // No answer: the engine waits, and asks again when it must.
        sink_.say(MessageId::StartFailed, {written.error().text});
        return;
    }
    HF_CHECK(reports_.push(ControlReport{IncarnationPersisted{command.incarnation}}));
}

void ControlLoop::persist(const KeepMembership& command) {
    auto kept = std::make_unique<KeptMembership>();
    // Only a store under way makes it fail, and the command for that one follows.
    if (!around_.kept->try_load(*kept, 1000)) return;
    const Result<Nothing> written = write_membership(
        around_.config.run_path("membership"), around_.config, around_.boot_id, *kept);
    if (!written) {
        sink_.say(MessageId::StartFailed, {written.error().text});
        return;
    }
    HF_CHECK(reports_.push(ControlReport{MembershipKept{command.serial}}));
}

void ControlLoop::accept_clients() {
    while (auto socket = listener_.accept()) {
        const auto peer = socket->peer();
        if (!peer || (peer->uid != 0 && peer->uid != geteuid())) {
            sink_.say(MessageId::ControlRefused, {"the caller is not root."});
            continue;
        }
        if (clients_.size() >= kClientsMax) {
            sink_.say(MessageId::ControlRefused, {"too many callers at once."});
            continue;
        }
        clients_.push_back(std::make_unique<Client>(std::move(*socket)));
    }
}

bool ControlLoop::load_snapshot() {
    if (around_.snapshot == nullptr || !around_.snapshot->try_load(*snapshot_, 1000)) return false;
    // The engine publishes when something has happened, and with its beats: what is shown is as of now.
    const std::int64_t since = boottime_now().time_since_epoch().count() - snapshot_->taken_at_ns;
    let_pass(*snapshot_, std::max<std::int64_t>(since, 0));
    return true;
}

}  // namespace holdfast
