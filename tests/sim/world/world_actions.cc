// The executor's part of World: what the engine asks for is done in order, unless a trap strikes between two actions.
#include "tests/sim/world/world.h"

namespace holdfast::sim {

namespace {

constexpr Span kKeeperAnswers{microseconds{200}, milliseconds{5}};
constexpr Duration kProbing = milliseconds{1};
constexpr Span kPersisting{microseconds{50}, milliseconds{2}};

}  // namespace

void World::carry_out(SimHost& host) {
    const std::uint32_t life = host.life;
    for (std::size_t i = 0; i < actions_->size(); ++i) {
        const Action& action = (*actions_)[i];
        if (host.trap.kind != TrapKind::None && !std::holds_alternative<TraceLine>(action)) {
            if (host.trap.actions_left == 0) {
                host.unfinished.assign(actions_->begin() + i, actions_->end());
                spring_trap(host);
                return;
            }
            --host.trap.actions_left;
        }
        carry_out_one(host, action);
        if (host.engine == nullptr || host.life != life) return;
    }
}

void World::spring_trap(SimHost& host) {
    const Trap trap = host.trap;
    host.trap = Trap{};
    switch (trap.kind) {
        case TrapKind::FreezeHost: freeze(host.id); break;
        case TrapKind::StopAgent: stop_agent(host.id); break;
        case TrapKind::KillAgent: kill_agent(host.id, trap.undo_after); break;
        case TrapKind::PowerOff: power_off(host.id); break;
        case TrapKind::None: break;
    }
    if (trap.kind != TrapKind::KillAgent) remind(now_ + trap.undo_after, trap.undo_index);
}

template <typename Record>
Record& World::through_codecs(Record& record) {
    if (codecs_ == nullptr) return record;
    if (const auto broken = codecs_->carry(record)) fail("contract", *broken);
    return record;
}

void World::carry_out_one(SimHost& host, const Action& action) {
    const Issuer issuer{host.id, host.life};
    const std::uint32_t life = host.life;
    if (const auto* write_slot = std::get_if<WriteSlot>(&action)) {
        SlotRecord slot = host.engine->own_slot();
        through_codecs(slot);
        io_.write_slot(now_, issuer, *write_slot, slot);
        if (slot.decided_epoch != host.told_epoch) {
            host.told_epoch = slot.decided_epoch;
            if (const auto broken = leaders_.decided(host.id, slot.decided_epoch, slot.winner))
                fail("S2", *broken);
        }
    } else if (const auto* scan = std::get_if<ScanSlots>(&action)) {
        io_.scan(now_, issuer, *scan);
    } else if (const auto* beat = std::get_if<SendBeat>(&action)) {
        if (codecs_ == nullptr) {
            network_.send(now_, beat->beat);
        } else {
            Beat copy = beat->beat;
            network_.send(now_, through_codecs(copy));
        }
    } else if (const auto* line = std::get_if<TraceLine>(&action)) {
        trace(host, line->trace);
    } else if (const auto* write_roster = std::get_if<WriteRoster>(&action)) {
        io_.write_roster(now_, issuer, *write_roster, through_codecs(host.engine->own_roster()));
    } else if (const auto* read_roster = std::get_if<ReadRoster>(&action)) {
        io_.read_roster(now_, issuer, *read_roster);
    } else if (const auto* write_orders = std::get_if<WriteOrders>(&action)) {
        io_.write_orders(now_, issuer, *write_orders, through_codecs(host.engine->own_orders()));
    } else if (const auto* read_orders = std::get_if<ReadOrders>(&action)) {
        io_.read_orders(now_, issuer, *read_orders);
    } else if (const auto* write_config = std::get_if<WriteConfig>(&action)) {
        io_.write_config(now_, issuer, *write_config, through_codecs(host.engine->own_config()));
    } else if (const auto* read_config = std::get_if<ReadConfig>(&action)) {
        io_.read_config(now_, issuer, *read_config);
    } else if (const auto* keep = std::get_if<KeepMembership>(&action)) {
        host.kept = host.engine->kept();
        mail(host.id, life, MembershipKept{keep->serial});
    } else if (std::holds_alternative<MemberListed>(action)) {
        // The simulated network knows the way to everybody.
    } else if (const auto* answer_change = std::get_if<AnswerChange>(&action)) {
        change_answered(host.id, *answer_change);
    } else if (const auto* start = std::get_if<StartVm>(&action)) {
        host.hypervisor->start(now_, life, *start);
    } else if (const auto* resume = std::get_if<ResumeVm>(&action)) {
        host.hypervisor->resume(now_, life, *resume);
    } else if (const auto* destroy = std::get_if<DestroyVm>(&action)) {
        host.hypervisor->destroy(now_, life, *destroy);
    } else if (const auto* shutdown = std::get_if<ShutdownVm>(&action)) {
        host.hypervisor->shut_down(now_, life, *shutdown);
    } else if (const auto* answer = std::get_if<AnswerStart>(&action)) {
        host.hypervisor->answer(now_, *answer);
    } else if (const auto* fence = std::get_if<FenceHost>(&action)) {
        carry_out(host, *fence);
    } else if (const auto* confirm = std::get_if<AnswerConfirm>(&action)) {
        carry_out(host, *confirm);
    } else if (const auto* persist = std::get_if<PersistIncarnation>(&action)) {
        // Written before it is acknowledged: a crash in between leaves the number used up, never used twice.
        if (persist->incarnation > host.persisted) host.persisted = persist->incarnation;
        mail(host.id, life, IncarnationPersisted{persist->incarnation});
    } else if (std::holds_alternative<ResetHost>(action)) {
        tally_.add(Count::HostResetsAsked);
        check_reset(host, "its engine asked for it");
        reset(host.id, "its engine asked for it");
    } else if (std::holds_alternative<ShutdownReady>(action)) {
        if (host.leaving) {
            power_off(host.id);
            return;
        }
        if (host.upgrading)
            kill_agent(host.id,
                       chance_.between(Duration{milliseconds{50}}, Duration{milliseconds{400}}));
    } else {
        carry_out_keeper(host, action);
    }
}

void World::carry_out_keeper(SimHost& host, const Action& action) {
    const std::uint64_t arming_before = host.keeper.arming();
    if (const auto* arm = std::get_if<ArmKeeper>(&action)) {
        host.keeper.arm(now_, host.clock, arm->arming, arm->deadline);
    } else if (const auto* move = std::get_if<MoveDeadline>(&action)) {
        host.keeper.move_deadline(now_, host.clock, move->deadline);
    } else if (std::holds_alternative<DisarmKeeper>(action)) {
        host.keeper.disarm(now_, host.clock);
    }
    keeper_changed(host, host.keeper.arming() != arming_before);
}

void World::keeper_changed(SimHost& host, bool report) {
    if (report) mail(host.id, host.life, host.keeper.report());
    plan_watchdog(host);
}

// One look at a time is planned; it plans the next when the deadline has moved meanwhile.
void World::plan_watchdog(SimHost& host) {
    const WorldTime fires = host.keeper.fires_at(host.clock);
    if (fires == kWorldNever || host.watchdog_planned_at <= fires) return;
    if (host.watchdog_planned_at != kWorldNever) ++host.watchdog_life;
    host.watchdog_planned_at = fires;
    agenda_.put(std::max(now_, fires), Wake::WatchdogLooks, host.id.value(), 0, host.watchdog_life);
}

void World::watchdog_looks(SimHost& host, std::uint32_t life) {
    if (life != host.watchdog_life || !host.powered) return;
    host.watchdog_planned_at = kWorldNever;
    const WorldTime fires = host.keeper.fires_at(host.clock);
    if (fires > now_) {
        plan_watchdog(host);
        return;
    }
    if (config_.late_feeds && !host.keeper.fed_late() && chance_.permille(config_.late_permille)) {
        // The keeper was stopped between its look at the clock and its feeding, and came to it only now.
        host.keeper.set_late_feed(
            chance_.between(config_.timing.watchdog / 4, config_.timing.watchdog));
        tally_.add(Count::LateFeeds);
        plan_watchdog(host);
        return;
    }
    tally_.add(Count::HostResetsByWatchdog);
    check_reset(host, "its watchdog fired");
    reset(host.id, "its watchdog fired");
}

void World::trace(SimHost& host, const Trace& line) {
    ++tally_.trace_codes[static_cast<std::size_t>(line.code) % kTraceCodesMax];
    ++tally_.causes[static_cast<std::size_t>(line.code) % kTraceCodesMax][cause_of(line)];
    for (const std::uint64_t part : {static_cast<std::uint64_t>(now_.time_since_epoch().count()),
                                     static_cast<std::uint64_t>(line.code),
                                     std::uint64_t{host.id.value()},
                                     line.number,
                                     static_cast<std::uint64_t>(line.a)}) {
        fingerprint_ = (fingerprint_ ^ part) * 0x100000001b3U;
    }
    if (line.code == TraceCode::VmStopping) check_response(host, line);
    if (line.code == TraceCode::ClaimWritten) vms_[vm_index_of(line.vm)].scan_began_at = now_;
    if (log_ != nullptr) log_->engine(now_, host.id, line);
}

void World::mail(HostId host, std::uint32_t life, const decltype(Event::body)& body) {
    SimHost& target = at(host);
    const std::uint32_t index = mails_.take();
    mails_[index] = body;
    const Span& span = std::holds_alternative<KeeperReport>(body) ? kKeeperAnswers : kPersisting;
    const Duration latency =
        std::holds_alternative<ProbeReport>(body) ? kProbing : chance_.between(span.low, span.high);
    target.mail_ready_at = std::max(target.mail_ready_at, now_ + latency);
    agenda_.put(target.mail_ready_at, Wake::MailArrives, host.value(), index, life);
}

bool World::agent_answers(HostId host_id) const {
    return host(host_id).engine != nullptr;
}

Instant World::local_now(HostId host_id) const {
    return host(host_id).now(now_);
}

}  // namespace holdfast::sim
