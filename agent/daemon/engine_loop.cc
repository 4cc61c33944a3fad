#include "agent/daemon/engine_loop.h"

#include <algorithm>

#include <poll.h>

#include "agent/text.h"
#include "storage/config_convert.h"

namespace holdfast {

namespace {

constexpr std::size_t kLogLinesMax = 8192;
constexpr Duration kSnapshotNewsEvery = std::chrono::milliseconds{20};
constexpr Duration kLatenessSaidEvery = std::chrono::seconds{10};

// What comes with every beat of a healthy cluster, and changes nothing that a snapshot shows but ages.
bool is_of_every_beat(const Event& event) {
    return std::holds_alternative<Tick>(event.body) ||
           std::holds_alternative<BeatReceived>(event.body) ||
           std::holds_alternative<SlotWritten>(event.body) ||
           std::holds_alternative<SlotsRead>(event.body);
}

bool is_of_every_beat(const Action& action) {
    return std::holds_alternative<WriteSlot>(action) || std::holds_alternative<ScanSlots>(action) ||
           std::holds_alternative<SendBeat>(action) || std::holds_alternative<MoveDeadline>(action);
}

}  // namespace

EngineLoop::EngineLoop(const EngineConfig& setup, const Surroundings& surroundings)
    : around_(surroundings),
      sink_(kLogLinesMax, surroundings.control),
      started_at_(surroundings.clock()),
      engine_(setup, started_at_),
      executor_({surroundings.cluster,
                 surroundings.datastores,
                 setup.voters_count,
                 surroundings.directory,
                 surroundings.kept,
                 surroundings.channels.vm_commands,
                 surroundings.channels.control_commands,
                 surroundings.channels.beats_out,
                 surroundings.keeper,
                 sink_,
                 surroundings.clock,
                 surroundings.channels.listed}),
      keeper_watch_(surroundings.keeper, surroundings.watchdog_device, sink_, surroundings.clock()),
      actions_(std::make_unique<Actions>()),
      config_(std::make_unique<ConfigCopy>()),
      scratch_(std::make_unique<Snapshot>()),
      snapshot_(std::make_unique<Seqlock<Snapshot>>()) {}

void EngineLoop::start() {
    thread_.start("hf-engine", Pace::BeatPath, [this] { run(); });
}

void EngineLoop::stop() {
    stopping_.store(true);
    around_.wakeup.signal();
    thread_.join();
}

void EngineLoop::run() {
    while (!stopping_.load()) {
        run_once();
        wait();
    }
}

void EngineLoop::run_once() {
    around_.wakeup.drain();
    poll_keeper();
    take_datastores();
    take_reports();
    tick_if_due();
    executor_.flush_waiting();
    publish_if_due();
}

Instant EngineLoop::now() {
    last_now_ = std::max(last_now_, around_.clock());
    return last_now_;
}

void EngineLoop::step(const Event& event) {
    engine_.step(event, *actions_);
    executor_.execute(*actions_, engine_);
    // After the deed: the log may cost time, the deed may not wait for it.
    if (around_.recorder != nullptr) around_.recorder->record(event, *actions_, engine_);
    note_what_is_new(event);
    if (!roster_announced_ && engine_.phase() != HostPhase::Reading) {
        roster_announced_ = true;
        executor_.announce_roster(engine_.own_roster());
    }
}

void EngineLoop::note_what_is_new(const Event& event) {
    changed_ = changed_ || !is_of_every_beat(event);
    for (const Action& action : *actions_) {
        news_ = news_ || std::holds_alternative<TraceLine>(action);
        changed_ = changed_ || !is_of_every_beat(action);
    }
}

void EngineLoop::step_with(Instant now,
                           const DatastoreCompletion& completion,
                           DatastoreIndex datastore) {
    const auto& done = completion;
    switch (done.kind) {
        case DatastoreRequestKind::WriteSlot:
            step({now, SlotWritten{datastore, done.request, done.status}});
            break;
        case DatastoreRequestKind::ScanSlots:
            step({now, SlotsRead{datastore, done.request, done.status, done.first, done.slots}});
            break;
        case DatastoreRequestKind::WriteRoster: {
            const RosterWritten written{datastore, done.request, done.status};
            executor_.roster_written(written);
            step({now, written});
            break;
        }
        case DatastoreRequestKind::ReadRoster:
            step({now, RosterRead{datastore, done.request, done.first, done.reading, done.roster}});
            break;
        case DatastoreRequestKind::WriteOrders:
            step({now, OrdersWritten{datastore, done.request, done.status}});
            break;
        case DatastoreRequestKind::ReadOrders:
            step({now, OrdersRead{datastore, done.request, done.first, done.reading, done.orders}});
            break;
        case DatastoreRequestKind::WriteConfig:
            step({now, ConfigWritten{datastore, done.request, done.status}});
            break;
        case DatastoreRequestKind::ReadConfig:
            if (done.config != nullptr) from_record(*done.config, *config_);
            step({now,
                  ConfigRead{datastore,
                             done.request,
                             done.first,
                             done.reading,
                             done.config != nullptr ? config_.get() : nullptr}});
            break;
        case DatastoreRequestKind::WriteHeap:
        case DatastoreRequestKind::ReadHeap:
        case DatastoreRequestKind::WriteRecorder:
        case DatastoreRequestKind::ReadRecorder:
        case DatastoreRequestKind::Release: break;
    }
}

void EngineLoop::take_datastores() {
    for (std::size_t d = 0; d < around_.datastores.size(); ++d) {
        const DatastoreOutlet* outlet = &around_.datastores[d];
        DatastoreCompletion completion;
        const auto index = static_cast<DatastoreIndex>(d);
        bool awaited = false;
        while (outlet->port->completions.try_pop(completion)) {
            const bool scan = completion.kind == DatastoreRequestKind::ScanSlots;
            if (scan) executor_.scan_answered(index);
            step_with(now(), completion, index);
            if (completion.result == kNoResult) continue;
            HF_CHECK(outlet->port->requests.try_push({release_of(completion), nullptr}));
            // Nobody but this loop scans: without another scan unanswered nobody can wait for this one's memory, and
            // the next scan comes behind the release.
            awaited = awaited || !scan || executor_.scans_unanswered(index) > 0;
        }
        if (awaited) outlet->wakeup->signal();
    }
}

void EngineLoop::take_reports() {
    const auto step_as_event = [this](const auto& body) { step({now(), body}); };
    VmReport vm;
    while (executor_.take_own_report(vm)) std::visit(step_as_event, vm);
    while (around_.channels.vm_reports.ring.try_pop(vm)) std::visit(step_as_event, vm);
    ControlReport control;
    while (around_.channels.control_reports.ring.try_pop(control))
        std::visit(step_as_event, control);
    BeatReceived beat;
    while (around_.channels.beats_in.ring.try_pop(beat)) step({now(), beat});
    ProbeReport probe;
    while (around_.channels.probes_in.ring.try_pop(probe)) step({now(), probe});
}

void EngineLoop::poll_keeper() {
    const Instant at = now();
    if (keeper_polled_at_ != kNotYet && at < keeper_polled_at_ + kKeeperPollEvery) return;
    keeper_polled_at_ = at;
    if (const auto report = keeper_watch_.look(at)) step({at, *report});
}

void EngineLoop::tick_if_due() {
    const Instant at = now();
    if (at >= engine_.next_wakeup()) step({at, Tick{}});
}

void EngineLoop::publish_if_due() {
    const Instant at = now();
    const bool due =
        at >= published_at_ + kSnapshotEvery || (news_ && at >= published_at_ + kSnapshotNewsEvery);
    if (!due) return;
    engine_.fill(*scratch_);
    scratch_->taken_at_ns = at.time_since_epoch().count();
    snapshot_->store_parts(*scratch_, used_parts(*scratch_));
    published_at_ = at;
    news_ = changed_ = false;
}

Instant EngineLoop::wait_until() const {
    const bool awaited = keeper_watch_.awaited();
    Instant until =
        std::min(engine_.next_wakeup(),
                 keeper_polled_at_ + (awaited ? kKeeperPollEvery : kKeeperPollAtLeastEvery));
    if (news_) return std::min(until, published_at_ + kSnapshotNewsEvery);
    if (changed_) return std::min(until, published_at_ + kSnapshotEvery);
    return until;
}

void EngineLoop::wait() {
    const Instant before = around_.clock();
    const Instant until = wait_until();
    const Duration span = std::max(until - before, Duration::zero());
    pollfd entry{around_.wakeup.fd(), POLLIN, 0};
    const timespec timeout{span.count() / 1'000'000'000, span.count() % 1'000'000'000};
    ppoll(&entry, 1, &timeout, nullptr);

    const Instant after = around_.clock();
    const Duration late = after - std::max(until, before);
    if (late > engine_.timing().granularity && after >= lateness_said_at_ + kLatenessSaidEvery) {
        lateness_said_at_ = after;
        sink_.say(MessageId::EngineLate, {duration_text(late)});
    }
}

}  // namespace holdfast
