// What the leader changes in the cluster's configuration, one step at a time (design section 6).
//
// Its first record in office is the newest that it saw, renumbered: it counts the leader's own incarnation, and nothing is judged or
// ordered before it is in force.  After that a step follows when the one before is in force here.
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

constexpr int kSilentDeadsUntilOut = 4;

void say_step(const Core& core, ConfigNumber number, ConfigStep what, HostKey who) {
    Trace line;
    line.code = TraceCode::ConfigStepMade;
    line.epoch = number.epoch;
    line.number = number.step;
    line.a = static_cast<std::int64_t>(what);
    line.who = who;
    core.trace(line);
}

}  // namespace

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
    const bool on_disk = peer.slot_seen && peer.slot.incarnation == peer.incarnation &&
                         !peer.slot.flags.clean_shutdown;
    if ((beats || writes) && on_disk) {
        const bool counted = !member.out && member.counted == peer.incarnation;
        return counted ? ConfigStep::None : ConfigStep::Counted;
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
            say_step(core, config_step.number, ConfigStep::Counted, core.self_key());
            continue;
        }
        const Peer* peer = peers.find(member.host);
        if (peer == nullptr) continue;
        const ConfigStep what = step_for(member, *peer);
        if (what == ConfigStep::None) continue;
        member.out = what != ConfigStep::Counted;
        member.certified_dead = what == ConfigStep::Dead;
        member.counted = std::max(member.counted, peer->incarnation);
        changed = true;
        say_step(core, config_step.number, what, {member.host, peer->incarnation});
    }
    return changed;
}

void EngineState::on(const ConfigChangeAsked& asked) {
    core.emit(AnswerChange{asked.token, ChangeVerdict::NotLeading, leadership.winner().host, {}});
}

void EngineState::lead_config() {
    if (!leadership.leading(core.now) || phase != HostPhase::Member) {
        office_at = kNotYet;
        return;
    }
    if (office_at == kNotYet) office_at = core.now;
    const Epoch epoch = leadership.decided_epoch();
    const bool first = membership.number().epoch != epoch;
    if (!first && !(membership.in_force() && beat_due)) return;
    if (first && !membership.current()) return;
    config_step = membership.held();
    config_step.number =
        first ? ConfigNumber{epoch, 1} : ConfigNumber{epoch, membership.number().step + 1};
    if (first) {
        // Policies are what the leader's file says; whoever edits the file restarts the agent.
        config_step.blackout_limit = core.config.blackout_limit;
        config_step.accept_weak_watchdog = core.config.accept_weak_watchdog;
    }
    const bool members_changed = review_members();
    if (!first && !members_changed) return;
    take_config(config_step);
}

}  // namespace holdfast
