// When a majority of the voting datastores is lost for ever (design section 6).
//
// Then nobody can lead, so nobody can change the list: the way on is a person's word, that no host will ever again read or write what was
// lost, and that hosts which this one does not hear are off.  On that word this host goes by the voters that are left, and by
// nothing else; it passes over all epochs that may have been decided on the old list, lets the last leader lease end, stands, and its
// first record in office says that the old list is lost.  Whoever reads that record follows at once, without a majority of the old list.
//
// What lay on lost datastores alone is unknown.  A claim may be among it, so nothing is claimed before every other member has
// published the record, its roster with it, or is proved dead by reads of the new list; and so may be the last incarnation
// of a host that boots again, which therefore takes one far above what it reads.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

// The voters that answer this host, if it may go on with them alone.
ChangeVerdict may_drop_list(const EngineState& state,
                            const DatastoreChange& asked,
                            VoterNames& left) {
    const Core& core = state.core;
    if (state.phase != HostPhase::Member && state.phase != HostPhase::Reading)
        return ChangeVerdict::Busy;
    if (!state.membership.current() || !state.members_known || state.change_token != 0)
        return ChangeVerdict::Busy;
    const auto usable = static_cast<std::uint8_t>(~state.slots.lost_mask());
    if (state.leadership.leading(core.now) || core.quorum.holds(usable))
        return ChangeVerdict::MajorityLives;
    const Peer* leader = state.peers.find(state.leadership.winner().host);
    const bool led = leader != nullptr && leader->beat_seen && leader->beat.leading &&
                     core.now - leader->beat_at < core.config.timing.fresh;
    if (led) return ChangeVerdict::NotLeading;
    bool votes = false;
    bool lost = false;
    for (const DatastoreName& name : state.membership.held().voters) {
        bool answers = false;
        for (std::size_t d = 0; d < core.config.datastores_count; ++d)
            answers = answers || (state.slots.disk(d).usable && core.config.datastores[d] == name);
        votes = votes || name == asked.name;
        lost = lost || (name == asked.name && !answers);
        if (answers) left.push(name);
    }
    if (!votes) return ChangeVerdict::UnknownName;
    if (!lost) return ChangeVerdict::MajorityLives;
    return left.empty() ? ChangeVerdict::NotReached : ChangeVerdict::Done;
}

}  // namespace

ChangeVerdict EngineState::drop_list(const DatastoreChange& asked) {
    VoterNames left;
    const ChangeVerdict verdict = may_drop_list(*this, asked, left);
    if (verdict != ChangeVerdict::Done) return verdict;
    Trace line;
    line.code = TraceCode::ListDropped;
    line.a = static_cast<std::int64_t>(left.size());
    line.b = static_cast<std::int64_t>(membership.held().voters.size() - left.size());
    core.trace(line);
    voters_left = left;
    go_by_new_list(voters_of(left, core.config));
    Duration longest = std::max(core.config.timing.lease, membership.held().timing.lease);
    for (const Peer& peer : peers.all()) longest = std::max(longest, peer.lease());
    leadership.pass_over(core, longest);
    touch_slot();
    return ChangeVerdict::Done;
}

// From now on these voters are all there is.
void EngineState::go_by_new_list(VoterSet voters) {
    core.quorum = Quorum{voters};
    // What was written on the old list, nobody sees any more: silence counts from here.
    voters_changed_at = core.now;
    if (phase == HostPhase::Reading) begin_reading();
    slots.want_scan_now(core);
}

// In the first record of the office that a person's word made possible.
void EngineState::record_lost_list() {
    if (voters_left.empty()) return;
    config_step.voters = voters_left;
    config_step.list_lost = config_step.number;
    for (ClusterMember& member : config_step.members) {
        const Peer* peer = peers.find(member.host);
        if (peer == nullptr || member.removed) continue;
        // Whoever was proved dead may have come back where nobody looks any more.
        member.certified_dead = false;
        member.counted = std::max(member.counted, peer->incarnation);
    }
    voters_left.clear();
    say_step(ConfigStep::Voters, {}, static_cast<std::int64_t>(config_step.voters.size()));
}

// Whether no claim can lie on a lost list alone.
bool EngineState::claims_are_known() const {
    if (planted(Mutant::LostListForgotten)) return true;
    if (!voters_left.empty()) return false;
    const ClusterConfig& held = membership.held();
    if (held.list_lost == ConfigNumber{}) return true;
    for (const ClusterMember& member : held.members) {
        if (!member.belongs() || member.host == core.config.self || member.certified_dead) continue;
        const Peer* peer = peers.find(member.host);
        if (peer == nullptr || peer->published_config() < held.list_lost) return false;
    }
    return true;
}

}  // namespace holdfast
