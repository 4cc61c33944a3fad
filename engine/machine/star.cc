// Clusters beyond a mesh: who beats to whom, and who reads which slots (design sections 3 and 4).
//
// Up to Star::mesh_max members everybody beats to everybody and reads all slots.  Beyond that the leader, its deputies and whoever has
// reason to do so go on that way, and everybody else beats to these few and to its neighbours, answers whoever calls, and
// reads the leader's slot.  That is a matter of cost alone: no rule counts an absent beat or an unread slot as more than "unknown".
// What needs every slot (ballots, claims, a new configuration) asks for a whole scan, and nothing but a whole one is clean.
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

// An ordinary host of a large cluster reads all slots so rarely, to keep its knowledge of rosters warm for its next claim.
constexpr std::uint64_t kWholeScanEvery = 64;  // beats

}  // namespace

bool EngineState::in_star() const {
    return core.config.members.size() > core.config.star.mesh_max;
}

// The winner, and the first members that count after it: where leaders are looked for first.
bool EngineState::is_hub(HostId host) const {
    const HostId winner = leadership.winner().host;
    if (host == winner) return true;
    std::size_t deputies = 0;
    for (const ClusterMember& member : membership.held().members) {
        if (deputies == core.config.star.deputies) return false;
        if (member.out || member.maintenance || member.host == winner) continue;
        if (member.host == host) return true;
        ++deputies;
    }
    return false;
}

// Whether `host` is a neighbour in the ring of all members.
bool EngineState::is_neighbour(HostId host) const {
    const auto& members = core.config.members;
    const auto place_of = [&members](HostId id) {
        return static_cast<std::size_t>(std::lower_bound(members.begin(), members.end(), id) -
                                        members.begin());
    };
    const std::size_t own = place_of(core.config.self);
    const std::size_t other = place_of(host);
    const std::size_t apart = own > other ? own - other : other - own;
    return std::min(apart, members.size() - apart) <= core.config.star.neighbours;
}

// Whether this host needs the answers of all: nobody but all of them together can renew its lease, or let it in.  A host that starts
// waits for a leader to count it, and asks everybody when nobody does.
bool EngineState::calls_all() const {
    const Instant stored = slots.written_issued_by_majority(core);
    const bool without_storage =
        stored == kNotYet || core.now - stored >= core.config.timing.lease / 4;
    const bool forgotten = membership.barred() && core.now - started_at > core.config.timing.dead;
    return (lease.held(core.now) && without_storage) || forgotten ||
           isolation.finding() != Finding::Connected;
}

// Whether beats go to `peer` now, in a star.  Who calls is answered for as long as it calls; an answer is no call, or two hosts
// would answer each other for ever.
bool EngineState::beats_to(Peer& peer, bool to_all) const {
    const Duration fresh = core.config.timing.fresh;
    const bool heard = peer.beat_seen && core.now - peer.beat_at < fresh;
    if (!heard) {
        peer.calls = false;
    } else if (peer.told_at == kNotYet || core.now - peer.told_at >= fresh) {
        peer.calls = true;
    }
    return to_all || peer.calls || is_hub(peer.id) || is_neighbour(peer.id);
}

// Whether an ordinary scan must show all slots, or the leader's is enough.
bool EngineState::scans_all() const {
    if (!in_star() || calls_all() || is_hub(core.config.self)) return true;
    const bool settled = phase == HostPhase::Member && membership.may_vouch() &&
                         !core.quorum.changing() && leadership.at_rest();
    if (!settled) return true;
    const Peer* leader = peers.find(leadership.winner().host);
    const bool led = leader != nullptr && leader->slot_seen &&
                     leader->incarnation == leadership.winner().incarnation &&
                     core.now - leader->slot_moved_at < core.config.timing.fresh;
    if (!led) return true;
    if ((sequence.value() + core.config.self.value()) % kWholeScanEvery == 0) return true;
    return std::any_of(vms.begin(), vms.end(), [](const OwnVm& own) {
        return own.under_way() && own.step < StartStep::Create;
    });
}

// Whether this host has the facts to judge `host`; it hears and reads too little of others.
bool EngineState::watches(HostId host) const {
    return !in_star() || is_hub(core.config.self) || is_hub(host);
}

}  // namespace holdfast
