#include "bench/support/lone_engine.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <variant>

#include <malloc.h>

#include "bench/support/cluster_records.h"
#include "bench/support/cost.h"
#include "engine/machine/membership.h"

namespace holdfast::bench {

namespace {

constexpr Duration kIoTime = std::chrono::microseconds{200};

std::size_t allocated_bytes() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

// What two readings of the clock in a row show.
std::int64_t measure_clock() {
    Samples samples;
    for (int i = 0; i < 1001; ++i) {
        const std::int64_t before = wall_ns();
        samples.add(static_cast<double>(wall_ns() - before));
    }
    return static_cast<std::int64_t>(samples.quantile(0.5));
}

// The record that the cluster of a follower goes by; without one, nothing is claimed.
constexpr ConfigNumber kRecord{Epoch{1}, 1};

KeptMembership record_in_force(const EngineConfig& engine) {
    KeptMembership kept;
    config_of_file(engine, kept.config);
    kept.config.number = kRecord;
    kept.lease = engine.timing.lease;
    kept.in_force = true;
    return kept;
}

}  // namespace

LoneEngine::LoneEngine(const Config& config)
    : config_(config),
      self_(config.leads ? HostId{1} : HostId{config.hosts}),
      next_interval_(now_),
      actions_(std::make_unique<Actions>()),
      roster_(std::make_unique<Roster>()),
      clock_cost_ns_(measure_clock()) {
    EngineConfig engine;
    engine.self = self_;
    engine.host_uuid = uuid_of(1, self_.value());
    engine.boot_id = uuid_of(2, self_.value());
    engine.timing = config.timing;
    for (std::uint16_t id = 1; id <= config.hosts; ++id) engine.members.push(HostId{id});
    engine.voters_count = engine.datastores_count = config.voters;
    for (unsigned d = 1; d <= config.voters; ++d)
        engine.datastores.push(DatastoreName("hb" + std::to_string(d)));
    engine.watchdog_class = WatchdogClass::Hardware;
    engine.incarnation = incarnation_ = Incarnation{0, 1};
    if (!config.leads) engine.kept = record_in_force(engine);
    const std::size_t before = allocated_bytes();
    engine_ = std::make_unique<Engine>(engine, now_);
    engine_bytes_ = allocated_bytes() - before;
    sent_.reserve(config.hosts);
    slots_.resize(config.hosts);
    answers_.resize(config.hosts + 1U);
    for (std::uint16_t id = 1; id <= config.hosts; ++id) {
        SlotView& view = slots_[id - 1U];
        if (HostId{id} == self_) {
            view.reading = SlotReading::Unwritten;
            continue;
        }
        view.reading = SlotReading::Valid;
        view.record = slot_of(HostId{id}, config.hosts, Sequence{1}, config.timing);
        if (!config.leads) view.record.config = kRecord;
        // A cluster that the engine is to lead has had no leader yet.
        if (config.leads) {
            view.record.decided_epoch = Epoch{};
            view.record.winner = HostKey{};
        }
    }
    later({}, CapacityReport{{512 * 1024, 64, 1}});
    later({}, KeeperReport{0, config.timing.watchdog, WatchdogClass::Hardware});
    for (std::uint32_t i = 0; i < config.vms_per_host; ++i)
        later({}, VmSeen{vm_spec_of(self_, i), VmRunState::Running});
    later({}, VmListComplete{});
}

void LoneEngine::later(Duration delay, const decltype(Event::body)& body) {
    Job job{now_ + delay, body, std::holds_alternative<SlotsRead>(body), {}};
    const auto place =
        std::upper_bound(jobs_.begin(), jobs_.end(), job.at, [](Instant at, const Job& other) {
            return at < other.at;
        });
    jobs_.insert(place, std::move(job));
}

void LoneEngine::reset_samples() {
    all_ = Samples{};
    for (Samples& samples : by_kind_) samples = Samples{};
    counted_ = {};
}

std::int64_t LoneEngine::counted() const {
    return std::accumulate(counted_.begin(), counted_.end(), std::int64_t{0});
}

bool LoneEngine::settled() const {
    if (engine_->phase() != HostPhase::Member || engine_->leading(now_) != config_.leads)
        return false;
    std::uint32_t running = 0;
    for (const Claim& claim : engine_->own_roster().claims)
        running += claim.state == ClaimState::Running ? 1U : 0U;
    return running == config_.vms_per_host;
}

void LoneEngine::step(const decltype(Event::body)& body, Kind kind) {
    const Event event{now_, body};
    const std::int64_t counted = counter_ != nullptr ? counter_() : 0;
    const std::int64_t before = wall_ns();
    engine_->step(event, *actions_);
    const std::int64_t took = wall_ns() - before - clock_cost_ns_;
    if (counter_ != nullptr) counted_[static_cast<std::size_t>(kind)] += counter_() - counted;
    all_.add(static_cast<double>(std::max<std::int64_t>(took, 0)));
    by_kind_[static_cast<std::size_t>(kind)].add(
        static_cast<double>(std::max<std::int64_t>(took, 0)));
    sent_.clear();
    for (const Action& action : *actions_) answer(action);
    if (network_.to_peers && !sent_.empty()) network_.to_peers(sent_);
}

void LoneEngine::begin_interval() {
    ++round_;
    for (std::uint16_t id = 1; id <= config_.hosts; ++id) {
        if (HostId{id} == self_) continue;
        slots_[id - 1U].record.sequence = Sequence{round_};
        Job job{next_interval_ + config_.timing.interval * id / (config_.hosts + 1),
                Tick{},
                false,
                HostId{id}};
        const auto place =
            std::upper_bound(jobs_.begin(), jobs_.end(), job.at, [](Instant at, const Job& other) {
                return at < other.at;
            });
        jobs_.insert(place, std::move(job));
    }
    next_interval_ += config_.timing.interval;
}

void LoneEngine::deliver(Job& job) {
    if (job.scan) {
        auto& read = std::get<SlotsRead>(job.body);
        read.slots = {slots_.data() + (read.first.value() - 1U), read.slots.size()};
        return step(read, Kind::SlotsRead);
    }
    if (auto* read = std::get_if<RosterRead>(&job.body);
        read != nullptr && read->roster != nullptr) {
        *roster_ = roster_of(read->host, config_.vms_per_host);
    }
    if (job.beat_of.is_none()) {
        return step(
            job.body,
            std::holds_alternative<SlotWritten>(job.body) ? Kind::SlotWritten : Kind::Other);
    }
    const SlotRecord& slot = slots_[job.beat_of.value() - 1U].record;
    Beat beat = beat_of(job.beat_of, self_, BeatNumber{round_}, config_.timing);
    if (!config_.leads) beat.config = kRecord;
    beat.epoch = slot.decided_epoch;
    beat.winner = slot.winner;
    beat.leading = !config_.leads && job.beat_of == HostId{1};
    beat.answered_incarnation = incarnation_;
    beat.answered_number = answers_[job.beat_of.value()];
    step(BeatReceived{network_.to_engine ? network_.to_engine(beat) : beat, 0}, Kind::Beat);
}

void LoneEngine::run(std::uint32_t intervals) {
    const Instant end = next_interval_ + intervals * config_.timing.interval;
    while (now_ < end) {
        if (jobs_.empty() || jobs_.front().at >= next_interval_) begin_interval();
        const Instant job_at = jobs_.front().at;
        if (engine_->next_wakeup() <= job_at) {
            now_ = std::max(now_, engine_->next_wakeup());
            step(Tick{}, Kind::Tick);
            continue;
        }
        now_ = std::max(now_, job_at);
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        deliver(job);
    }
}

void LoneEngine::answer(const Action& action) {
    if (const auto* write = std::get_if<WriteSlot>(&action)) {
        SlotView& own = slots_[self_.value() - 1U];
        own = {SlotReading::Valid, engine_->own_slot()};
        if (config_.leads && own.record.winner.host == self_) {
            for (SlotView& view : slots_) {
                view.record.decided_epoch = own.record.decided_epoch;
                view.record.winner = own.record.winner;
            }
        }
        later(kIoTime, SlotWritten{write->datastore, write->request, IoStatus::Done});
    } else if (const auto* scan = std::get_if<ScanSlots>(&action)) {
        if (beat_io_) beat_io_();
        const std::size_t count = scan->last.value() - scan->first.value() + 1U;
        later(kIoTime,
              SlotsRead{scan->datastore,
                        scan->request,
                        IoStatus::Done,
                        scan->first,
                        {slots_.data(), count}});
    } else if (const auto* roster = std::get_if<WriteRoster>(&action)) {
        later(kIoTime, RosterWritten{roster->datastore, roster->request, IoStatus::Done});
    } else if (const auto* orders = std::get_if<WriteOrders>(&action)) {
        later(kIoTime, OrdersWritten{orders->datastore, orders->request, IoStatus::Done});
    } else if (const auto* config = std::get_if<WriteConfig>(&action)) {
        later(kIoTime, ConfigWritten{config->datastore, config->request, IoStatus::Done});
    } else if (const auto* keep = std::get_if<KeepMembership>(&action)) {
        later({}, MembershipKept{keep->serial});
    } else if (const auto* read = std::get_if<ReadRoster>(&action)) {
        const bool own = read->host == self_;
        later(kIoTime,
              RosterRead{read->datastore,
                         read->request,
                         read->host,
                         own ? RegionReading::Unwritten : RegionReading::Valid,
                         own ? nullptr : roster_.get()});
    } else if (const auto* read_orders = std::get_if<ReadOrders>(&action)) {
        later(kIoTime,
              OrdersRead{read_orders->datastore,
                         read_orders->request,
                         read_orders->host,
                         RegionReading::Unwritten,
                         nullptr});
    } else if (const auto* sent = std::get_if<SendBeat>(&action)) {
        sent_.push_back(sent->beat);
        answers_[sent->beat.to.value()] = sent->beat.number;
        incarnation_ = sent->beat.incarnation;
    } else if (const auto* persist = std::get_if<PersistIncarnation>(&action)) {
        later({}, IncarnationPersisted{persist->incarnation});
    } else if (const auto* arm = std::get_if<ArmKeeper>(&action)) {
        later({}, KeeperReport{arm->arming, config_.timing.watchdog, WatchdogClass::Hardware});
    }
}

}  // namespace holdfast::bench
