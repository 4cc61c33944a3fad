#include "tests/sim/world/world.h"

#include <algorithm>
#include <ctime>

namespace holdfast::sim {

namespace {

constexpr Duration kCheckInterval = milliseconds{200};
constexpr Duration kPersonPatience = milliseconds{700};
constexpr std::size_t kSocketBeatsMax = 256;
// A wakeup that is always due would stop the world's clock.
constexpr std::uint32_t kFastTicksMax = 10'000;

}  // namespace

World::World(const ClusterConfig& config, Log* log)
    : config_(config),
      log_(log),
      chance_(config.seed),
      io_(config_, agenda_, chance_, tally_),
      network_(config_, agenda_, chance_, tally_),
      hosts_(config.hosts.size()),
      alarms_(config.hosts.size()),
      actions_(std::make_unique<Actions>()),
      codecs_(config.codecs ? std::make_unique<Codecs>() : nullptr),
      runs_(config.vms.size(), config.timing.landing),
      leaders_(config.hosts.size(),
               [this](HostId id) {
                   const SimHost& rival = host(id);
                   return rival.engine != nullptr && rival.engine->leading(rival.now(now_));
               }),
      reset_at_(config.hosts.size(), kWorldNever) {
    shortest_ = longest_ = config.timing;
    make_vms();
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
        SimHost& host = hosts_[i];
        host.id = HostId{static_cast<std::uint16_t>(i + 1)};
        host.hypervisor =
            std::make_unique<Hypervisor>(host.id, config_, vms_, *this, agenda_, chance_, tally_);
    }
}

void World::start() {
    for (SimHost& host : hosts_) {
        if (config_.hosts[host.id.value() - 1U].joins_later && !config_.joiners_boot) continue;
        agenda_.put(now_ + chance_.between(config_.first_boot.low, config_.first_boot.high),
                    Wake::HostBoots,
                    host.id.value(),
                    0,
                    host.power_life);
    }
    for (VmIndex vm = 0; vm < vms_.size(); ++vm) {
        SimHost& home = at(vms_[vm].home);
        home.hypervisor->define(vm, DomainState::Off);
        if (config_.vms[vm].runs_before_agent) continue;
        agenda_.put(now_ + Duration{seconds{3}}, Wake::PersonActs, home.id.value(), vm);
    }
}

void World::fail(const char* promise, const std::string& text) {
    if (violation_) return;
    violation_ = Violation{promise, text, now_};
    say(HostId{}, std::string(promise) + " BROKEN: " + text);
}

void World::say(HostId host, const std::string& text) {
    if (log_ != nullptr) log_->world(now_, host, text);
}

HostId World::leader() const {
    for (const SimHost& host : hosts_) {
        if (host.engine != nullptr && host.engine->leading(host.now(now_))) return host.id;
    }
    return HostId{};
}

std::uint64_t World::refusals_of(VmIndex vm, HostId host) const {
    const auto found = refusals_.find({vm, host});
    return found == refusals_.end() ? 0 : found->second;
}

// ---- the loop

void World::run_until(WorldTime limit) {
    while (!violation_) {
        const WorldTime planned = std::min(agenda_.next_at(), next_check_at_);
        const bool ticks = alarms_.next_at() < planned;
        const WorldTime next = ticks ? alarms_.next_at() : planned;
        if (next > limit) break;
        now_ = std::max(now_, next);
        if (ticks) {
            tick(at(alarms_.next()));
        } else if (agenda_.next_at() <= next_check_at_) {
            dispatch(agenda_.take());
        } else {
            next_check_at_ = now_ + kCheckInterval;
            check_regularly();
        }
    }
    if (!violation_) now_ = std::max(now_, limit);
}

void World::dispatch(const AgendaEntry& entry) {
    if (entry.wake == Wake::FaultActs) {
        if (driver_) driver_(entry.index);
        return;
    }
    SimHost& host = at(HostId{entry.host});
    switch (entry.wake) {
        case Wake::IoDone: io_done(host, entry); return;
        case Wake::WriteLands:
            if (listening()) {
                const IoOp& op = io_.op(entry.index);
                say(host.id,
                    text_of("a write of its past lands on datastore %u", op.datastore + 1U));
            }
            io_.land(entry.index);
            return;
        case Wake::BeatArrives: beat_arrives(host, entry); return;
        case Wake::MailArrives: mail_arrives(host, entry); return;
        case Wake::VmCallMoves:
            if (!host.powered) return;
            if (host.frozen) {
                host.inbox.push_back(entry);
            } else {
                host.hypervisor->move(now_, entry.index, entry.life);
            }
            return;
        case Wake::WatchdogLooks: watchdog_looks(host, entry.life); return;
        case Wake::HostBoots:
            if (!host.powered && host.power_life == entry.life) boot(host);
            return;
        case Wake::AgentStarts:
            if (host.powered && host.engine == nullptr && host.life == entry.life)
                start_agent(host.id);
            return;
        case Wake::PersonActs: person_acts(entry); return;
        case Wake::Autostart:
            if (host.power_life == entry.life) start_by_person(entry.index, host.id);
            return;
        case Wake::GuestUp:
            if (vms_[entry.index].runs_count == entry.life) host.hypervisor->guest_up(entry.index);
            return;
        case Wake::ProbeRound: probe_round(host, entry.life); return;
        case Wake::FenceMoves: fence_moves(host, entry.index); return;
        case Wake::MigrationMoves: migration_moves(entry.index); return;
        case Wake::FaultActs: return;
    }
}

void World::tick(SimHost& host) {
    alarms_.set(host.id, kWorldNever);
    if (!host.can_step()) return;
    if (now_ - host.last_tick_at > Duration{milliseconds{1}}) host.fast_ticks_count = 0;
    host.last_tick_at = now_;
    if (++host.fast_ticks_count > kFastTicksMax) {
        fail("contract", text_of("host %u: next_wakeup() stays in the past", host.id.value()));
        return;
    }
    step(host, Event{host.now(now_), Tick{}});
}

void World::io_done(SimHost& host, const AgendaEntry& entry) {
    if (!io_.finish(now_, entry.index)) return;
    const IoKind kind = io_.op(entry.index).kind;
    if (stops_pending_ && (kind == IoKind::WriteSlot || kind == IoKind::WriteRoster)) {
        note_stops(host.id);
    }
    const Issuer& issuer = io_.op(entry.index).issuer;
    if (host.engine == nullptr || issuer.life != host.life) {
        io_.give_back(entry.index);
    } else if (host.can_step()) {
        deliver_io(host, entry.index);
    } else {
        host.inbox.push_back(entry);
    }
}

void World::beat_arrives(SimHost& host, const AgendaEntry& entry) {
    if (host.can_step()) {
        deliver(host, entry);
    } else if (host.engine != nullptr && host.inbox.size() < kSocketBeatsMax) {
        host.inbox.push_back(entry);
    } else {
        network_.give_back(entry.index);
    }
}

void World::mail_arrives(SimHost& host, const AgendaEntry& entry) {
    if (host.engine == nullptr || host.life != entry.life) {
        mails_.give_back(entry.index);
    } else if (host.can_step()) {
        deliver(host, entry);
    } else {
        host.inbox.push_back(entry);
    }
}

// REQUIRES: host.can_step(), or the agent that the entry is for is gone
void World::deliver(SimHost& host, const AgendaEntry& entry) {
    switch (entry.wake) {
        case Wake::IoDone: deliver_io(host, entry.index); return;
        case Wake::BeatArrives: {
            const FlyingBeat& flying = network_.beat(entry.index);
            const bool passes = network_.passes_window(flying.beat);
            const Event event{host.now(now_), BeatReceived{flying.beat, flying.link}};
            network_.give_back(entry.index);
            if (passes) host.heard_last_at = now_;
            if (passes) step(host, event);
            return;
        }
        case Wake::MailArrives: {
            const Event event{host.now(now_), mails_[entry.index]};
            mails_.give_back(entry.index);
            const auto* probe = std::get_if<ProbeReport>(&event.body);
            if (probe != nullptr && probe->answered) host.addressed_last_at = now_;
            step(host, event);
            return;
        }
        case Wake::VmCallMoves: host.hypervisor->move(now_, entry.index, entry.life); return;
        case Wake::WriteLands:
        case Wake::WatchdogLooks:
        case Wake::HostBoots:
        case Wake::AgentStarts:
        case Wake::PersonActs:
        case Wake::Autostart:
        case Wake::GuestUp:
        case Wake::ProbeRound:
        case Wake::FenceMoves:
        case Wake::MigrationMoves:
        case Wake::FaultActs: return;
    }
}

void World::discard(const AgendaEntry& entry) {
    if (entry.wake == Wake::IoDone) io_.give_back(entry.index);
    if (entry.wake == Wake::BeatArrives) network_.give_back(entry.index);
    if (entry.wake == Wake::MailArrives) mails_.give_back(entry.index);
}

void World::deliver_io(SimHost& host, std::uint32_t index) {
    const IoOp& op = io_.op(index);
    Event event{host.now(now_), Tick{}};
    switch (op.kind) {
        case IoKind::WriteSlot:
            event.body = SlotWritten{op.datastore, op.request, op.status};
            break;
        case IoKind::ScanSlots:
            event.body =
                SlotsRead{op.datastore, op.request, op.status, op.region, io_.views_of(op)};
            break;
        case IoKind::WriteRoster:
            event.body = RosterWritten{op.datastore, op.request, op.status};
            break;
        case IoKind::WriteOrders:
            event.body = OrdersWritten{op.datastore, op.request, op.status};
            break;
        case IoKind::ReadRoster: {
            const Roster* roster =
                op.reading == RegionReading::Valid ? &io_.roster_block(op.block) : nullptr;
            event.body = RosterRead{op.datastore, op.request, op.region, op.reading, roster};
            break;
        }
        case IoKind::ReadOrders: {
            const Orders* orders =
                op.reading == RegionReading::Valid ? &io_.orders_block(op.block) : nullptr;
            event.body = OrdersRead{op.datastore, op.request, op.region, op.reading, orders};
            break;
        }
        case IoKind::WriteConfig:
            event.body = ConfigWritten{op.datastore, op.request, op.status};
            break;
        case IoKind::ReadConfig: {
            const ConfigCopy* config =
                op.reading == RegionReading::Valid ? &io_.config_block(op.block) : nullptr;
            event.body = ConfigRead{op.datastore, op.request, op.region, op.reading, config};
            break;
        }
    }
    step(host, event);
    io_.give_back(index);
}

void World::step_watched(SimHost& host, const Event& event) {
    const auto cpu_ms = [] {
        timespec now{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
    };
    const double before = cpu_ms();
    host.engine->step(event, *actions_);
    const double took = cpu_ms() - before;
    ++watched_.steps;
    watched_.all_ms += took;
    watched_.step_max_ms = std::max(watched_.step_max_ms, took);
    bool orders = false;
    bool declares = watched_.since_death_ms > 0;
    for (const Action& action : *actions_) {
        const auto* line = std::get_if<TraceLine>(&action);
        if (line == nullptr) continue;
        if (line->trace.code == TraceCode::OrderGiven) orders = true;
        declares = declares || line->trace.code == TraceCode::DeclaredDead;
    }
    if (declares) watched_.since_death_ms += took;
    if (!orders) return;
    watched_.plan_max_ms = std::max(watched_.plan_max_ms, took);
    watched_.plan_all_ms = watched_.since_death_ms;
}

void World::step(SimHost& host, const Event& event) {
    tally_.add(Count::Steps);
    if (host.id == watched_.host) {
        step_watched(host, event);
    } else {
        host.engine->step(event, *actions_);
    }
    if (host.tape != nullptr) host.tape->record(event, *actions_, *host.engine);
    if (host.twin != nullptr) {
        const auto difference = host.twin->follow(event, *actions_, *host.engine);
        if (difference) fail("contract", text_of("host %u: ", host.id.value()) + *difference);
    }
    check_step(host);
    carry_out(host);
    if (!host.can_step()) return;
    const WorldTime wakeup = host.clock.when(host.engine->next_wakeup());
    const Span& late = config_.tick_late;
    alarms_.set(host.id,
                wakeup == kWorldNever
                    ? kWorldNever
                    : std::max(wakeup, now_) + chance_.between(late.low, late.high));
}

// People start their VMs at first, and try again until they run.
void World::person_acts(const AgendaEntry& entry) {
    const VmIndex vm = entry.index;
    SimHost& host = at(HostId{entry.host});
    if (!vms_[vm].last_host.is_none()) return;
    if (host.powered && !host.frozen) host.hypervisor->start_by_person(now_, vm);
    agenda_.put(now_ + kPersonPatience, Wake::PersonActs, entry.host, vm);
}

}  // namespace holdfast::sim
