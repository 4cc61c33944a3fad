// Members that come and go while the cluster runs (design section 6).
//
// A host that is added is *joining*: out, and nothing may start there, until the leader counts it.  That waits until every other
// member publishes the record that lists it, those that are out included, or is proved dead.  From then on nobody lives, claims, stands
// or judges by a record without it: all read its slot and roster, and whoever lives on vouching needs its answer.
//
// A host is removed only when its newest life is over.  It stays in the record, marked, and its slot is read as before, so that nothing
// that it ever claimed is forgotten; but nobody waits for it, it limits no blackout, and when it comes back it finds the mark
// before it may do anything.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

template <typename T, std::size_t N, typename Key>
void insert_sorted(FixedList<T, N>& list, const T& value, Key key) {
    list.push(value);
    for (std::size_t i = list.size() - 1; i > 0 && key(list[i]) < key(list[i - 1]); --i)
        std::swap(list[i], list[i - 1]);
}

ChangeVerdict add_member(EngineState& state, ClusterMember* member, const MemberChange& asked) {
    if (member != nullptr && !member->removed) return ChangeVerdict::NothingToDo;
    auto& members = state.config_step.members;
    const PeerTable& peers = state.peers;
    const bool known = peers.find(asked.host) != nullptr;
    if (!known && (members.full() || peers.full() || asked.host > state.core.config.host_id_max))
        return ChangeVerdict::TooMany;
    if (member == nullptr) {
        ClusterMember fresh;
        fresh.host = asked.host;
        insert_sorted(members, fresh, [](const ClusterMember& each) { return each.host; });
        member = state.config_step.find(asked.host);
    }
    member->out = member->joining = true;
    member->removed = false;
    member->place = asked.place;
    state.say_step(ConfigStep::Joined, {asked.host, member->counted});
    return ChangeVerdict::Done;
}

ChangeVerdict remove_member(EngineState& state, ClusterMember* member) {
    if (member == nullptr) return ChangeVerdict::UnknownName;
    if (member->removed) return ChangeVerdict::NothingToDo;
    const Peer* peer = state.peers.find(member->host);
    const bool over = peer != nullptr && (!peer->known() || peer->is_dead(peer->incarnation));
    if (!over && !planted(Mutant::LiveHostRemoved)) return ChangeVerdict::NotOver;
    if (peer != nullptr && !state.settled_without_roster_of(*peer)) return ChangeVerdict::Unsettled;
    member->out = member->removed = true;
    member->joining = member->maintenance = false;
    if (peer != nullptr && !peer->incarnation.is_none()) {
        member->counted = std::max(member->counted, peer->incarnation);
        member->certified_dead = true;
    }
    state.say_step(ConfigStep::Removed, {member->host, member->counted});
    return ChangeVerdict::Done;
}

}  // namespace

// Makes room for every host that the record lists and that is not known here.  Returns those whose place this host may not know.
FixedList<HostId, kJoinersMax> EngineState::list_members() {
    FixedList<HostId, kJoinersMax> news;
    for (const ClusterMember& member : membership.held().members) {
        if (member.host == core.config.self) continue;
        const bool known = peers.find(member.host) != nullptr;
        if (known && !member.joining) continue;
        const bool fits = known || (member.host <= core.config.host_id_max && !peers.full());
        if (!fits || (!known && !peers.add(member.host))) continue;
        if (!known) {
            rosters.add(member.host);
            core.listed_since = core.last_request;
            slots.want_scan_now(core);
            insert_sorted(core.config.members, member.host, [](HostId host) { return host; });
        }
        static_cast<void>(news.try_push(member.host));
    }
    return news;
}

ChangeVerdict EngineState::change_config(const MemberChange& asked) {
    if (!membership.published_by_all(peers, core.config.self)) return ChangeVerdict::Busy;
    ClusterMember* member = config_step.find(asked.host);
    return asked.remove ? remove_member(*this, member) : add_member(*this, member, asked);
}

// Nothing that ran there still waits for a host.
bool EngineState::settled_without_roster_of(const Peer& peer) const {
    bool settled = true;
    for (const Plan& plan : plans) settled = settled && plan.previous.host != peer.id;
    const RosterTable::Known& known = *rosters.find(peer.id);
    rosters.for_each_of_host(known, [this, &settled, &known](const Claim& claim) {
        if (claim.spec.priority == Priority::Disabled) return;
        const VmStanding standing = standing_of(claim.spec.vm);
        if (standing.wanted && standing.previous.host == known.host) settled = false;
    });
    return settled;
}

}  // namespace holdfast
