// Every start goes through a claim: claim, then scan, then start (design section 9).
//
// The claim is written into the roster and announced in the slot, both on a majority; *then* a read of all slots on a majority is
// issued, and every roster whose version changed is read again.  Of two hosts that claim one VM, at least one issued
// its scan after the other's claim was on a majority, so at least one of them sees the other.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"
#include "engine/machine/trace_about.h"

namespace holdfast {

namespace {

// How long a step may take before the start is given up: long enough for a slow datastore, short enough for another try.
Duration patience(const Core& core) {
    return 8 * core.config.timing.interval + core.config.timing.lease;
}

}  // namespace

ClaimNumber EngineState::greatest_number(VmId vm) const {
    ClaimNumber greatest;
    if (planted(Mutant::NumberNotAboveAll)) return greatest;
    rosters.for_each_of_vm(vm, [&greatest](const RosterTable::Known&, const Claim& claim) {
        greatest = std::max(greatest, claim.number);
    });
    return greatest;
}

void EngineState::settle_claims() {
    if (phase != HostPhase::Member) return;
    if (const Orders* orders = current_orders();
        orders != nullptr && orders == &known_orders && !orders_taken) {
        orders_taken = true;
        take_orders(*orders);
    }
    settle_hand_overs();
    for (OwnVm& own : vms) {
        const bool claimed = own.listed && own.claim.holds();
        if (own.crash_pending && !departing() && claimed && !own.under_way() && !own.destroying &&
            !own.qemu_seen)
            crashed(own);
        const bool stray = reconciled && own.qemu_seen && !own.under_way() && !own.destroying &&
                           !own.moving && !(own.listed && own.claim.holds());
        if (stray && !departing()) {
            if (core.now >= own.retry_at) {
                begin_start(own, StartKind::Adopt);
            } else {
                core.wake_at(own.retry_at);
            }
        }
        if (own.under_way()) advance_claim(own);
    }
}

void EngineState::begin_start(OwnVm& own, StartKind kind) {
    own.kind = kind;
    own.before = own.claim;
    own.listed_before = own.listed;
    own.step = StartStep::Arming;
    own.step_since = core.now;
    own.failure = StartFailure::None;
    // A guest that was heard was that of an earlier run.
    const bool new_run =
        kind == StartKind::Order || kind == StartKind::Person || kind == StartKind::Revive;
    if (new_run) own.claim.spec.agent = std::min(own.claim.spec.agent, GuestAgent::Awaited);
    if (kind == StartKind::Order && planted(Mutant::ClaimSkipped)) return claim_is_clean(own);
    if (kind != StartKind::Revive) return;
    // The claim was never struck and the lease never broke: nobody else can have it.
    own.claim.state = ClaimState::Starting;
    roster_writer.touch();
    own.step = StartStep::Create;
    core.emit(StartVm{own.claim.spec, own.claim.number, start_until()});
}

void EngineState::write_claim(OwnVm& own) {
    ClaimNumber above =
        std::max({own.claim.number, own.number_floor, greatest_number(own.claim.spec.vm)});
    if (own.kind == StartKind::Order) above = std::max(above, own.order.above);
    own.claim.number = above.next();
    own.claim.state = own.kind == StartKind::Arrive ? ClaimState::Arriving : ClaimState::Starting;
    own.claim.failure = StartFailure::None;
    own.claim.target = HostId{};
    own.claim.target_number = 0;
    own.claim.order_epoch = own.kind == StartKind::Order ? own.order_epoch : Epoch{};
    own.claim.order_number = own.kind == StartKind::Order ? own.order.number : OrderNumber{};
    own.listed = true;
    own.needs_version = roster_writer.next_version();
    roster_writer.touch();
    own.step = StartStep::Roster;
    if (planted(Mutant::ClaimAfterStart)) claim_is_clean(own);
}

void EngineState::advance_claim(OwnVm& own) {
    // Up to here nothing was asked of libvirt, so giving up needs no proof.
    if (own.step < StartStep::Create && core.now - own.step_since > patience(core)) {
        return withdraw(
            own,
            own.step == StartStep::Refresh ? StartFailure::Unreadable : StartFailure::Lease,
            HostId{});
    }
    if (own.step < StartStep::Create) core.wake_at(own.step_since + patience(core) + Duration{1});
    if (own.step == StartStep::Create || own.step == StartStep::Resume ||
        own.step == StartStep::Appear)
        return wait_for_libvirt(own);
    const bool known = own.kind != StartKind::Arrive || learn_source(own);
    if (own.step == StartStep::Arming && may_claim() && known) write_claim(own);
    if (own.step == StartStep::Roster && own_slot.roster_version >= own.needs_version) {
        own.needs_sequence = next_sequence();
        own.step = StartStep::Slot;
    }
    if (own.step == StartStep::Slot && slots.written_by_majority(core) >= own.needs_sequence) {
        own.scan_after = core.last_request;
        slots.want_scan_now(core);
        own.step = StartStep::Scan;
        core.trace(about(TraceCode::ClaimWritten, own));
    }
    // Asked again while it waits: a member that became known meanwhile is in no scan yet.
    const bool scanned =
        slots.scanned_clean_since(core, own.scan_after) || planted(Mutant::ClaimWithoutScan);
    if (own.step == StartStep::Scan && scanned) own.step = StartStep::Refresh;
    if (own.step != StartStep::Refresh || !scanned) return;
    StartFailure failure = StartFailure::None;
    HostId other;
    switch (check_claim(own, failure, other)) {
        case ClaimCheck::Wait: return;
        case ClaimCheck::Clean: return claim_is_clean(own);
        case ClaimCheck::Renumber: return write_claim(own);
        case ClaimCheck::Withdraw: return withdraw(own, failure, other);
    }
}

// Something was asked of libvirt, or allowed to a person, so giving up needs the proof that nothing of it is left.
void EngineState::wait_for_libvirt(OwnVm& own) {
    if (own.kind == StartKind::Arrive && own.qemu_seen) return wait_for_arrival(own);
    const Instant due = own.step_since + kAppearWithin;
    if (core.now < due) return core.wake_at(due);
    Trace line = about(TraceCode::StartUnanswered, own);
    line.a = own.step == StartStep::Appear ? 1 : 0;
    line.span = core.now - own.step_since;
    core.trace(line);
    start_failed(own, StartFailure::Libvirt);
}

bool EngineState::certified(const Orders& orders, HostKey key) const {
    for (const Certificate& certificate : orders.certificates) {
        if (certificate.dead.host == key.host && key.incarnation <= certificate.dead.incarnation)
            return true;
    }
    return false;
}

// The orders of the leader in office: its own, or those last read.
const Orders* EngineState::current_orders() const {
    if (leadership.leading(core.now)) return &own_orders;
    if (!orders_known || known_orders.epoch != leadership.decided_epoch()) return nullptr;
    return HostKey{known_orders.leader, known_orders.incarnation} == leadership.winner()
               ? &known_orders
               : nullptr;
}

ClaimCheck EngineState::check_claim(const OwnVm& own, StartFailure& failure, HostId& other) const {
    // Before the first record each host goes by its own file, and who is missing there may claim anything unseen.
    if (!planted(Mutant::MembersDiffer) && !members_known) {
        failure = StartFailure::Unreadable;
        return ClaimCheck::Withdraw;
    }
    if (!planted(Mutant::MembersDiffer) && membership.number().epoch.is_none())
        return ClaimCheck::Wait;
    if (!claims_are_known()) return ClaimCheck::Wait;
    const Orders* orders = own.kind == StartKind::Order ? current_orders() : nullptr;
    if (own.kind == StartKind::Order && !planted(Mutant::EpochNotChecked)) {
        failure = StartFailure::Superseded;
        if (leadership.moved_beyond(own.order_epoch)) return ClaimCheck::Withdraw;
        const Peer* leader = peers.find(leadership.winner().host);
        if (orders == nullptr) return leader == nullptr ? ClaimCheck::Withdraw : ClaimCheck::Wait;
        if (leader != nullptr && orders == &known_orders &&
            orders->version < leader->slot.orders_version && !planted(Mutant::OrderNotReadAgain)) {
            return ClaimCheck::Wait;  // it may name another host by now; read_orders() is at it
        }
        bool named = false;
        for (const Order& order : orders->orders)
            named = named || (order.number == own.order.number && order.target == core.config.self);
        if (!named) return ClaimCheck::Withdraw;
    }
    bool unknown_claims = false;
    rosters.for_each_due([&](HostId host) {
        const Peer& peer = *peers.find(host);
        if (!peer.slot_seen || rosters.current(peer)) return;
        if (planted(Mutant::UnreadableRosterIsEmpty)) return;
        if (orders != nullptr && certified(*orders, {peer.id, peer.incarnation})) return;
        unknown_claims = true;
    });
    if (unknown_claims) return ClaimCheck::Wait;  // patience ends it
    ClaimCheck check = ClaimCheck::Clean;
    bool has_source = own.kind != StartKind::Arrive;
    rosters.for_each_of_vm(
        own.claim.spec.vm, [&](const RosterTable::Known& known, const Claim& claim) {
            if (planted(Mutant::StartingClaimIgnored) && claim.state == ClaimState::Starting)
                return;
            const bool void_claim =
                own.kind == StartKind::Arrive
                    ? is_void(known.host, known.incarnation)
                    : orders != nullptr && certified(*orders, {known.host, known.incarnation});
            if (own.kind == StartKind::Arrive && claim.state == ClaimState::Running) {
                has_source = true;
                const ClaimCheck said = check_source(own, known, claim);
                const bool renumber = said == ClaimCheck::Renumber && check != ClaimCheck::Withdraw;
                if (check == ClaimCheck::Clean || renumber) check = said;
            } else if (claim.holds() && !void_claim) {
                check = ClaimCheck::Withdraw;
                failure = StartFailure::Conflict;
                other = known.host;
            } else if (own.kind == StartKind::Order && claim.stops(own.order.above) &&
                       check != ClaimCheck::Withdraw) {
                check = ClaimCheck::Withdraw;
                failure = StartFailure::Superseded;  // stopped on purpose since the order was given
            } else if (claim.number >= own.claim.number && check == ClaimCheck::Clean &&
                       !planted(Mutant::NumberNotAboveAll)) {
                check = ClaimCheck::Renumber;
            }
        });
    // What nobody runs does not arrive.
    return has_source || check != ClaimCheck::Clean ? check : ClaimCheck::Wait;
}

void EngineState::claim_is_clean(OwnVm& own) {
    core.trace(about(TraceCode::ClaimHeld, own));
    switch (own.kind) {
        case StartKind::Order:
        case StartKind::Revive:
            own.step = StartStep::Create;
            own.step_since = core.now;
            core.emit(StartVm{own.claim.spec, own.claim.number, start_until()});
            return;
        case StartKind::Person:
            own.step = StartStep::Appear;
            own.step_since = core.now;
            core.emit(AnswerStart{own.token, own.claim.spec.vm, StartVerdict::Allowed, HostId{}});
            return;
        case StartKind::Arrive:
            own.step = StartStep::Appear;
            own.step_since = core.now;
            answer_start(own, StartVerdict::Allowed, HostId{});
            return;
        case StartKind::Adopt: return running(own);
        case StartKind::None: return;
    }
}

void EngineState::running(OwnVm& own) {
    const bool adopted = own.kind == StartKind::Adopt;
    // Its source may have taken a number of its own meanwhile, without knowing that it runs.
    const ClaimNumber above = greatest_number(own.claim.spec.vm);
    if (own.kind == StartKind::Arrive && above >= own.claim.number) own.claim.number = above.next();
    own.claim.state = ClaimState::Running;
    hand_overs_due = true;
    own.step = StartStep::Idle;
    own.kind = StartKind::None;
    own.qemu_seen = true;
    own.off_seen = false;
    own.half_started = false;
    roster_writer.touch();
    plan_due = true;
    core.trace(about(adopted ? TraceCode::VmAdopted : TraceCode::VmRunning, own));
}

void EngineState::answer_start(OwnVm& own, StartVerdict verdict, HostId other) {
    const auto arrival = static_cast<std::uint32_t>(own.claim.number.value());
    core.emit(AnswerStart{
        own.token, own.claim.spec.vm, verdict, other, own.kind == StartKind::Arrive ? arrival : 0});
}

// Nothing was asked of libvirt yet: the claim is given back as it was, or as a failure that the leader reads.  The entry gets its
// old number back, or that of the wish which the order was to fulfil: the greatest number of a VM decides whether it should run,
// and a claim that was withdrawn decides nothing.
void EngineState::withdraw(OwnVm& own, StartFailure failure, HostId other) {
    const StartKind kind = own.kind;
    own.number_floor = std::max(own.number_floor, own.claim.number);
    own.kind = StartKind::None;
    own.step = StartStep::Idle;
    const bool conflict = failure == StartFailure::Conflict;
    Trace line = about(kind == StartKind::Adopt && conflict     ? TraceCode::VmConflict
                       : kind == StartKind::Arrive && !conflict ? TraceCode::ArrivalFailed
                                                                : TraceCode::ClaimWithdrawn,
                       own);
    line.a = static_cast<std::int64_t>(failure);
    line.who.host = other;
    core.trace(line);
    roster_writer.touch();
    if (kind == StartKind::Person) {
        answer_start(own,
                     failure == StartFailure::Conflict     ? StartVerdict::RunsElsewhere
                     : failure == StartFailure::Unreadable ? StartVerdict::Unreadable
                                                           : StartVerdict::NoLease,
                     other);
    }
    if (kind == StartKind::Arrive) {
        answer_start(
            own, conflict ? StartVerdict::RunsElsewhere : StartVerdict::NotHandedOver, other);
    }
    if (kind == StartKind::Order) {
        own.claim.order_epoch = own.order_epoch;
        own.claim.order_number = own.order.number;
        own.claim.state = ClaimState::Failed;
        own.claim.failure = failure;
        own.claim.number = std::max(own.before.number, own.order.above);
        own.listed = true;
        return;
    }
    give_claim_back(own);
}

// As if it had not been asked.
void EngineState::give_claim_back(OwnVm& own) {
    own.number_floor = std::max(own.number_floor, own.claim.number);
    own.claim = own.before;
    own.listed = own.listed_before;
    roster_writer.touch();
    const auto spread = static_cast<std::uint64_t>(4 * core.config.timing.interval.count());
    own.retry_at = core.now + core.config.timing.interval +
                   Duration{static_cast<std::int64_t>(core.prng.below(spread))};
}

void EngineState::start_failed(OwnVm& own, StartFailure failure) {
    Trace line = about(TraceCode::VmStartFailed, own);
    line.a = static_cast<std::int64_t>(failure);
    core.trace(line);
    own.failure = failure;
    own.step = StartStep::Destroy;
    own.step_since = core.now;
    own.destroying = true;
    core.emit(DestroyVm{own.claim.spec.vm});
}

void EngineState::take_orders(const Orders& orders) {
    for (const Order& order : orders.orders) {
        if (order.target == core.config.self) take_order(orders, order);
    }
}

void EngineState::take_order(const Orders& orders, const Order& order) {
    if (phase != HostPhase::Member) return;
    if (departing() && !planted(Mutant::BeginsWhileLeaving)) return;
    OwnVm* own = vms.find_or_add(order.spec);
    Trace line;
    line.vm = order.spec.vm;
    line.vm_name = order.spec.name;
    line.number = order.number.value();
    line.who = {orders.leader, orders.incarnation};
    if (own == nullptr) {
        line.code = TraceCode::OrderRefused;
        line.a = static_cast<std::int64_t>(StartFailure::NoRoom);
        core.trace(line);
        return;
    }
    const bool executed = own->claim.order_epoch == orders.epoch &&
                          own->claim.order_number == order.number &&
                          !planted(Mutant::OrderExecutedTwice);
    const bool busy = own->under_way() || own->destroying || own->qemu_seen ||
                      (own->listed && own->claim.holds());
    const bool stopped_since = own->listed && own->claim.stops(order.above);
    const bool takes_none = core.in_maintenance && !planted(Mutant::MaintenanceTakesVms);
    if (executed || busy || stopped_since || takes_none) return;
    line.code = TraceCode::OrderTaken;
    core.trace(line);
    own->claim.spec = order.spec;
    own->order = order;
    own->order_epoch = orders.epoch;
    begin_start(*own, StartKind::Order);
}

// Reads the leader's orders when it announced newer ones than we know.
void EngineState::read_orders() {
    const HostKey winner = leadership.winner();
    const Peer* leader = peers.find(winner.host);
    if (leader == nullptr || phase != HostPhase::Member) return;
    Version announced = leader->slot_seen && leader->slot.incarnation == winner.incarnation
                            ? leader->slot.orders_version
                            : Version{};
    if (leader->beat_seen && leader->beat.incarnation == winner.incarnation) {
        announced = std::max(announced, leader->beat.orders_version);
    }
    const bool current = orders_known && known_orders.epoch == leadership.decided_epoch() &&
                         known_orders.version >= announced &&
                         HostKey{known_orders.leader, known_orders.incarnation} == winner;
    if (announced.is_none() || current) return;
    const Instant again_at =
        orders_asked_at == kNotYet ? kNotYet : orders_asked_at + core.config.timing.interval / 2;
    if (core.now < again_at) return core.wake_at(again_at);
    orders_asked_at = core.now;
    core.wake_at(core.now + core.config.timing.interval / 2);
    for (std::uint8_t d = 0; d < core.config.datastores_count; ++d) {
        if (!core.quorum.votes(d)) continue;
        if ((orders_asked & 1U << d) != 0) continue;
        orders_asked = static_cast<std::uint8_t>(orders_asked | 1U << d);
        core.emit(ReadOrders{d, core.new_request(), winner.host});
    }
}

}  // namespace holdfast
