// What the leader does about VMs that should run and do not (design section 9).
//
// It is level-triggered: it compares what all rosters say with what should be, again whenever one of them changed, and is done
// with a VM only when somebody who lives claims it.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"
#include "engine/machine/trace_about.h"

namespace holdfast {

namespace {

constexpr std::size_t kPlansLookedAtOnce = 32;
constexpr int kLooksAnInterval = 8;

// After a failure everywhere: 2, 4, 8, 16 minutes more (0, 2, 6, 14, 30 minutes after the first try).
Duration backoff(std::uint8_t attempt) {
    return std::chrono::minutes{1} * (2LL << std::min<unsigned>(attempt - 1U, 3U));
}

bool is_passing(StartFailure failure) {
    return failure == StartFailure::Conflict || failure == StartFailure::Unreadable ||
           failure == StartFailure::Superseded || failure == StartFailure::Lease;
}

}  // namespace

// A new leader first takes office, then reads all rosters: either a target sees the new epoch, or the leader sees its claim.
bool EngineState::rosters_read_in_office() {
    if (planted(Mutant::RostersNotReadInOffice)) return true;
    bool all = true;
    unread.for_each([this, &all](HostId host) {
        if (!peers.find(host)->slot_seen) return;
        if (rosters.thorough_since(host, leadership.office_since())) return unread.erase(host);
        const RosterTable::Known* known = rosters.find(host);
        if (known->wanted_after < leadership.office_since()) rosters.want(core, host);
        // A damaged roster holds up only what it may claim; see check_claim.
        all = all && known->unreadable && known->wanted_after >= leadership.office_since();
    });
    return all;
}

// Orders and proofs belong to an epoch: a new one begins with none.
void EngineState::begin_planning() {
    own_orders.epoch = leadership.decided_epoch();
    own_orders.orders.clear();
    own_orders.certificates.clear();
    marks.clear();
    unread.clear();
    // Certificates of an earlier office of this host are proofs still, but their evidence is read again.
    for (Peer& peer : peers.all()) {
        peer.certified_dead = Incarnation{};
        unread.insert(peer.id);
    }
    std::fill(fences.begin(), fences.end(), Fence{});
    plans.clear();
    orders_writer.touch();
    plan_due = true;
}

// While many VMs are being restarted a roster changes every few milliseconds, and each look goes through all of them.
bool EngineState::may_plan() {
    if (beat_due) return true;
    if (!plan_due) return false;
    if (plans.size() <= kPlansLookedAtOnce || planned_at == kNotYet) return true;
    const Instant next = planned_at + core.config.timing.interval / kLooksAnInterval;
    if (core.now < next) core.wake_at(next);
    return core.now >= next;
}

void EngineState::plan_restarts() {
    if (!leadership.leading(core.now) || phase != HostPhase::Member) {
        if (!plans.empty()) plans.clear();
        return admission.forget();
    }
    if (own_orders.epoch != leadership.decided_epoch()) begin_planning();
    if (!rosters_read_in_office() || !leads_in_force()) return;
    if (may_plan()) go_through_plans();
    const bool written = own_slot.orders_version == own_orders.version && !orders_writer.dirty();
    for (const Plan& plan : plans) {
        if (!plan.given || plan.target != core.config.self || !written) continue;
        for (const Order& order : own_orders.orders) {
            if (order.number == plan.number) take_order(own_orders, order);
        }
    }
    watch_admission();
}

void EngineState::go_through_plans() {
    plan_due = false;
    planned_at = core.now;
    gather();
    for (std::size_t i = 0; i < plans.size();) {
        Plan& plan = plans[i];
        review(plan);
        if (plan.attempt != 0xff) {
            ++i;
            continue;
        }
        plan = plans.back();
        plans.pop_back();
    }
    look_for_rooms();
    order_plans();
    look_for_groups();
    look_for_unread_dead();
    for (std::size_t i = 0; i < plans.size(); ++i) {
        if (!plans[i].given && core.now >= plans[i].not_before && may_start_now(i)) give(plans[i]);
    }
}

void EngineState::weigh(VmStanding& standing, const Claim& claim, HostKey owner, bool dead) const {
    if (claim.holds() && !dead) standing.held = true;
    const bool decides =
        claim.number > standing.top || (standing.wanted && claim.stops(standing.top));
    if (!decides) return;
    standing.top = claim.number;
    standing.spec = claim.spec;
    standing.previous = owner;
    standing.wanted = claim.state != ClaimState::Stopped || planted(Mutant::StoppedVmRises);
}

VmStanding EngineState::standing_of(VmId vm) const {
    VmStanding standing;
    rosters.for_each_of_vm(vm, [&](const RosterTable::Known& known, const Claim& claim) {
        const Peer& peer = *peers.find(known.host);
        const bool dead = peer.is_dead(known.incarnation);
        // What a dead host claimed last must have been read after its death was proved.
        if (dead && !known.unreadable && known.thorough <= peer.certified_after)
            standing.unknown = !planted(Mutant::DeadRosterNotReadAgain);
        weigh(standing, claim, {known.host, known.incarnation}, dead);
    });
    for (const OwnVm& own : vms) {
        if (own.claim.spec.vm != vm) continue;
        if (own.qemu_seen || own.destroying || own.under_way()) standing.held = true;
        if (own.listed) weigh(standing, own.claim, core.self_key(), false);
    }
    return standing;
}

void EngineState::want_restart(const Claim& claim) {
    for (const Plan& plan : plans) {
        if (plan.spec.vm == claim.spec.vm) return;
    }
    const VmStanding standing = standing_of(claim.spec.vm);
    if (standing.held || standing.unknown || !standing.wanted || plans.size() == kOrdersMax) return;
    if (standing.spec.priority == Priority::Disabled) return;
    Plan plan;
    plan.spec = standing.spec;
    plan.above = standing.top;
    plan.previous = standing.previous;
    plans.push_back(plan);  // order_plans() finds its place
}

void EngineState::gather() {
    for (const RosterTable::Known& known : rosters.all()) {
        const Peer& peer = *peers.find(known.host);
        const bool dead = peer.is_dead(known.incarnation);
        const bool risen = planted(Mutant::StoppedVmRises);
        if (!dead && !risen && known.wishes_count == 0) continue;
        rosters.for_each_of_host(known, [this, dead, risen](const Claim& claim) {
            if (claim.is_wish() || (dead && claim.holds()) || risen) want_restart(claim);
        });
    }
    for (const OwnVm& own : vms) {
        if (own.listed && own.claim.is_wish()) want_restart(own.claim);
    }
}

const Claim* EngineState::entry_of(HostId host, VmId vm) const {
    const Claim* found = nullptr;
    if (host == core.config.self) {
        for (const OwnVm& own : vms) {
            if (own.listed && own.claim.spec.vm == vm) found = &own.claim;
        }
        return found;
    }
    rosters.for_each_of_vm(vm, [&found, host](const RosterTable::Known& known, const Claim& claim) {
        if (known.host == host) found = &claim;
    });
    return found;
}

void EngineState::withdraw_order(Plan& plan) {
    for (std::size_t i = 0; i < own_orders.orders.size(); ++i) {
        if (own_orders.orders[i].number == plan.number) own_orders.orders.remove_at(i--);
    }
    orders_writer.touch();
    plan.given = false;
}

// Brings one plan up to date with what the rosters say; attempt 0xff marks it as done.
void EngineState::review(Plan& plan) {
    constexpr std::uint8_t kDone = 0xff;
    const VmStanding standing = standing_of(plan.spec.vm);
    const Claim* entry = plan.given ? entry_of(plan.target, plan.spec.vm) : nullptr;
    const bool answers = entry != nullptr && entry->order_epoch == own_orders.epoch &&
                         entry->order_number == plan.number;
    // Failed, or begun and lost with its host or agent: either way the target will not execute this order again.
    const bool ended =
        answers && (entry->state == ClaimState::Failed || entry->state == ClaimState::WantsStart);
    if (ended) {
        const StartFailure failure =
            entry->state == ClaimState::Failed ? entry->failure : StartFailure::Lease;
        withdraw_order(plan);
        if (plan.tried.full()) plan.tried.clear();
        plan.tried.push(plan.target);
        const bool others_left = plan.tried.size() < rooms.size();
        const bool soon = is_passing(failure) || others_left;
        plan.not_before =
            core.now + (soon ? 2 * core.config.timing.interval : backoff(plan.attempt));
        if (!soon) plan.tried.clear();
    }
    const Peer* target = plan.given ? peers.find(plan.target) : nullptr;
    const bool lost = target != nullptr && target->is_dead(target->incarnation);
    const bool starting = answers && entry->state == ClaimState::Starting;
    if (starting && !lost) return;
    if (standing.held || !standing.wanted) {
        // Held by the target before its roster says so, or stopped since, or running somewhere: nothing is left to do.
        const bool target_busy =
            plan.given && plan.target == core.config.self && standing.held && !answers;
        if (target_busy) return;
        if (plan.given) withdraw_order(plan);
        plan.attempt = kDone;
        return;
    }
    plan.above = std::max(plan.above, standing.top);
    plan.spec = standing.spec;
    plan.previous = standing.previous;
    if (!plan.given)
        return core.wake_at(std::max(plan.not_before, core.now + core.config.timing.interval / 4));
    const bool overdue =
        core.now - plan.given_at > core.config.timing.lease + 16 * core.config.timing.interval;
    if (!lost && !(overdue && !answers)) return;
    withdraw_order(plan);
    plan.not_before = core.now + 2 * core.config.timing.interval;
}

void EngineState::give(Plan& plan) {
    if (own_orders.orders.full()) return;
    HostSet apart;
    HostSet together;
    hosts_of_groups(plan.spec, apart, together);
    Hindrances why;
    Room* room = place(rooms, plan.spec, {plan.tried.span(), &apart, &together}, why);
    // With more deaths than certificates fit, its turn comes when others are done with theirs.
    if (room != nullptr && !certificates_for(plan)) return;
    if (room == nullptr) {
        // Hosts that are busy with other starts will be free in a moment.
        if (plan.room_missed || why.busy > 0) return;
        plan.room_missed = true;
        Trace line = about(TraceCode::NoRoom, plan);
        line.a = static_cast<std::int64_t>(rooms.size() | std::uint64_t{why.networks} << 16U);
        line.b = static_cast<std::int64_t>(why.memory | std::int64_t{why.datastores} << 16U |
                                           std::int64_t{why.apart} << 32U |
                                           std::int64_t{why.cpus} << 48U);
        core.trace(line);
        return;
    }
    plan.room_missed = false;
    add_group_spot(room->host, plan.spec);
    room->memory_free_mib -= plan.spec.memory_mib;
    ++room->starts_in_flight;
    order_number = order_number.next();
    ++plan.attempt;
    plan.given = true;
    plan.given_at = core.now;
    plan.number = order_number;
    plan.target = room->host;
    own_orders.orders.push(
        {order_number, room->host, plan.spec, plan.above, plan.attempt, plan.previous});
    orders_writer.touch();
    Trace line = about(TraceCode::OrderGiven, plan);
    line.who.host = room->host;
    line.a = plan.attempt;
    line.epoch = own_orders.epoch;
    core.trace(line);
}

}  // namespace holdfast
