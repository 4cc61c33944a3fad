// What the leader changes in the cluster's configuration, one step at a time (design section 6).
//
// Its first record in office is the newest that it saw, renumbered: it counts the leader's own incarnation, and nothing is judged or
// ordered before it is in force.  After that a step follows when the one before is in force here.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

constexpr int kSilentDeadsUntilOut = 4;

}  // namespace

void EngineState::say_step(ConfigStep what, HostKey who, std::int64_t detail) const {
    Trace line;
    line.code = TraceCode::ConfigStepMade;
    line.epoch = config_step.number.epoch;
    line.number = config_step.number.step;
    line.a = static_cast<std::int64_t>(what);
    line.b = detail;
    line.who = who;
    line.span = config_step.timing.lease;
    core.trace(line);
}

bool EngineState::leads_in_force() const {
    return leadership.leading(core.now) && membership.in_force() && membership.current() &&
           membership.number().epoch == leadership.decided_epoch();
}

// What should become of a member; none: nothing.
ConfigStep EngineState::step_for(const ClusterMember& member, const Peer& peer) const {
    const bool dead = peer.is_dead(peer.incarnation);
    if (dead && !peer.incarnation.is_none()) {
        const bool said = member.out && member.certified_dead && member.counted >= peer.incarnation;
        return said ? ConfigStep::None : ConfigStep::Dead;
    }
    const Timing& timing = core.config.timing;
    const bool beats = peer.beat_seen && core.now - peer.beat_at < timing.fresh &&
                       peer.beat.incarnation == peer.incarnation;
    const bool writes = peer.slot_seen && core.now - peer.slot_moved_at < timing.fresh;
    const bool on_disk = peer.slot_seen && !peer.incarnation.is_none() &&
                         peer.slot.incarnation == peer.incarnation &&
                         !peer.slot.flags.clean_shutdown;
    if ((beats || writes) && on_disk) {
        const bool counted = !member.out && member.counted == peer.incarnation;
        const bool unknown = member.joining &&
                             !membership.known_to_all(member.host, peers, core.config.self) &&
                             !planted(Mutant::JoinerCountedAtOnce);
        return counted || unknown ? ConfigStep::None : ConfigStep::Counted;
    }
    if (member.out) return ConfigStep::None;
    // Never seen at all: silent since this host took office.
    const Instant seen_at = std::max(peer.evidence_at, office_at);
    const Duration silence = dead_after(timing, peer.lease(), peer.watchdog());
    return core.now - seen_at > kSilentDeadsUntilOut * silence ? ConfigStep::Out : ConfigStep::None;
}

// Changes `config_step` by what is known of the members.  True when something changed.
bool EngineState::review_members() {
    bool changed = false;
    for (ClusterMember& member : config_step.members) {
        if (member.host == core.config.self) {
            if (member.counted == core.incarnation && !member.out) continue;
            member.out = member.certified_dead = false;
            member.counted = core.incarnation;
            changed = true;
            say_step(ConfigStep::Counted, core.self_key());
            continue;
        }
        const Peer* peer = peers.find(member.host);
        if (peer == nullptr || (member.removed && !planted(Mutant::RemovedHostCountsAgain)))
            continue;
        const ConfigStep what = step_for(member, *peer);
        if (what == ConfigStep::None) continue;
        member.out = what != ConfigStep::Counted;
        if (!member.out) member.joining = member.removed = false;
        member.certified_dead = what == ConfigStep::Dead;
        member.counted = std::max(member.counted, peer->incarnation);
        changed = true;
        say_step(what, {member.host, peer->incarnation});
    }
    return changed;
}

void EngineState::begin_step() {
    const Epoch epoch = leadership.decided_epoch();
    const ConfigNumber held = membership.number();
    config_step = membership.held();
    config_step.number =
        held.epoch == epoch ? ConfigNumber{epoch, held.step + 1} : ConfigNumber{epoch, 1};
}

void EngineState::note_published() {
    if (!membership.in_force() || !membership.published_by_all(peers, core.config.self)) {
        published_since = kNotYet;
    } else if (published_since == kNotYet) {
        published_since = core.now;
    }
}

// A change of timing goes by way of between(); the second half follows when everybody has gone by the first for a while.
bool EngineState::settle_timing_change() {
    if (config_step.timing == config_step.timing_next || published_since == kNotYet) return false;
    if (core.now < published_since + config_step.timing.silent) return false;
    config_step.timing = config_step.timing_next;
    say_step(ConfigStep::Timing, {});
    return true;
}

// A leader in maintenance makes room once somebody else can lead by the same record.
void EngineState::leave_office_for_maintenance() {
    if (!core.in_maintenance || change_token != 0 || !leads_in_force()) return;
    for (const Peer& peer : peers.all()) {
        const SlotFlags& flags = peer.slot.flags;
        const bool able = peer.slot_seen && membership.held().counts(peer.id) &&
                          core.now - peer.slot_moved_at < core.config.timing.fresh &&
                          !flags.maintenance && !flags.isolated && !flags.barred &&
                          peer.slot.config >= membership.number() &&
                          (peer.slot.storage_lost_mask & ~slots.lost_mask()) == 0;
        if (!able) continue;
        if (leadership.resign(core)) touch_slot();
        doorbell = true;
        return;
    }
}

void EngineState::lead_config() {
    if (!leadership.leading(core.now) || phase != HostPhase::Member) {
        office_at = published_since = kNotYet;
        if (change_token != 0 && voters_left.empty()) answer_change();
        return;
    }
    if (office_at == kNotYet) office_at = core.now;
    const bool first = membership.number().epoch != leadership.decided_epoch();
    if (!first && !(membership.in_force() && beat_due)) return;
    if (first && !membership.current()) return;
    begin_step();
    if (first) {
        // Policies are what the leader's file says; whoever edits the file restarts the agent.
        config_step.blackout_limit = core.config.blackout_limit;
        config_step.accept_weak_watchdog = core.config.accept_weak_watchdog;
        record_lost_list();
    } else {
        note_published();
        if (change_token != 0) answer_change();
    }
    bool changed = review_members();
    if (!first && settle_timing_change()) changed = true;
    if (first || changed) return take_config(config_step);
    leave_office_for_maintenance();
}

}  // namespace holdfast
