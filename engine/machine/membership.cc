#include "engine/machine/membership.h"

#include "engine/base/mutant.h"

namespace holdfast {

void config_of_file(const EngineConfig& file, ClusterConfig& config) {
    config = ClusterConfig{};
    config.timing = config.timing_next = file.timing;
    config.blackout_limit = file.blackout_limit;
    config.accept_weak_watchdog = file.accept_weak_watchdog;
    for (std::size_t d = 0; d < file.voters_count; ++d) config.voters.push(file.datastores[d]);
    for (const HostId host : file.members) {
        ClusterMember member;
        member.host = host;
        config.members.push(member);
    }
}

VoterSet voters_of(const VoterNames& voters, const EngineConfig& file) {
    VoterSet set;
    set.size = static_cast<std::uint8_t>(voters.size());
    for (std::size_t d = 0; d < file.datastores_count; ++d) {
        for (const DatastoreName& name : voters) {
            if (name == file.datastores[d] || planted(Mutant::SpareVotes))
                set.mask = static_cast<std::uint8_t>(set.mask | 1U << d);
        }
    }
    if (planted(Mutant::AbsentVoterNotCounted))
        set.size = static_cast<std::uint8_t>(std::popcount(unsigned{set.mask}));
    return set;
}

Membership::Membership(const EngineConfig& file, Instant now) : since_(now) {
    if (file.kept) {
        kept_ = *file.kept;
        // Only a predecessor whose lease goes on hands its voice on.
        kept_.entitled = kept_.entitled && file.lease_inherited_until != kNotYet &&
                         now < file.lease_inherited_until;
    } else {
        config_of_file(file, kept_.config);
        kept_.in_force = true;
        kept_.entitled = false;
        kept_.lease = file.timing.lease;
    }
    seen_ = kept_.config.number;
    anybody_out_ = kept_.config.anybody_out();
    told_ = {seen_, kept_.in_force, kept_.entitled, kept_.renewed_at, kept_.lease};
}

void Membership::note(ConfigNumber number, HostId by) {
    if (number <= seen_) return;
    seen_ = number;
    seen_by_ = by;
    tries_ = 0;
}

// Who published it first, then whoever else publishes it: a damaged record is no information.
HostId Membership::missing_from(const PeerTable& peers, HostId self) {
    if (current()) return HostId{};
    const unsigned turn = tries_++;
    if (turn == 0 || peers.all().empty()) return seen_by_;
    for (std::size_t i = 0; i < peers.all().size(); ++i) {
        const Peer& peer = peers.all()[(turn + i) % peers.all().size()];
        if (peer.published_config() >= seen_) return peer.id;
    }
    return turn % 2 == 0 ? seen_by_ : self;
}

void Membership::take(const ClusterConfig& config, const Core& core) {
    const ClusterMember* self = config.find(core.config.self);
    kept_.config = config;
    anybody_out_ = config.anybody_out();
    kept_.in_force = false;
    const bool out = self == nullptr || self->out;
    if (out && !planted(Mutant::WhoIsOutVouches)) kept_.entitled = false;
    note(config.number, core.config.self);
}

void Membership::forget_greetings(PeerTable& peers) {
    for (Peer& peer : peers.all()) peer.greeted = false;
}

void Membership::answered(Peer& from, ConfigNumber under) const {
    if (current() && under == number()) from.greeted = true;
}

bool Membership::counted_now(const Core& core) const {
    const ClusterMember* self = held().find(core.config.self);
    return self != nullptr && !self->out && in_force() && current() &&
           (self->counted == core.incarnation || planted(Mutant::AnyIncarnationCounted));
}

// Under one record, so that everybody who answered asks this host from then on before it lives on vouching.
bool Membership::greeted_by_all(const Core& core, const PeerTable& peers) const {
    if (!current() || !self_counts(core)) return false;
    for (const ClusterMember& member : held().members) {
        if (member.out || member.host == core.config.self) continue;
        const Peer* peer = peers.find(member.host);
        if (peer == nullptr || !peer->greeted) return false;
    }
    return true;
}

// A lease that nobody sees on storage lives on vouching, at most blackout_limit after the last renewal of another kind; the last
// of those was an answer of a leader, whose own slot stood still for at most a leader lease by then.
bool Membership::silence_is_over(const Core& core, const PeerTable& peers) const {
    const ClusterMember* self = held().find(core.config.self);
    if (!current() || self == nullptr || !self->belongs()) return false;
    Duration lease = std::max(core.config.timing.lease, held().timing.lease);
    Duration dead = std::max(core.config.timing.dead, held().timing.dead);
    const Duration limit = std::max(core.config.blackout_limit, held().blackout_limit);
    // Whatever others publish, it is no shorter than this.
    const Duration least = with_drift(limit + lease * 3 / 4 + dead);
    if (core.now < since_ + least && !planted(Mutant::ColdStartTooSoon)) return false;
    for (const Peer& peer : peers.all()) {
        lease = std::max(lease, peer.lease());
        dead = std::max(dead, dead_after(core.config.timing, peer.lease(), peer.watchdog()));
    }
    const Duration unseen =
        planted(Mutant::ColdStartTooSoon) ? dead : with_drift(limit + lease * 3 / 4 + dead);
    for (const Peer& peer : peers.all()) {
        Instant sight = since_;
        if (peer.slot_seen && !peer.slot.flags.barred) sight = std::max(sight, peer.slot_moved_at);
        if (peer.read_by(core.quorum) < sight + unseen) return false;
    }
    return core.now >= since_ + unseen;
}

bool Membership::settle(const Core& core, const PeerTable& peers) {
    if (kept_.entitled || core.incarnation.boot() == 0) return false;
    if (!counted_now(core) && !greeted_by_all(core, peers) && !silence_is_over(core, peers))
        return false;
    kept_.entitled = true;
    return true;
}

Instant Membership::vouched_issued(const Core& core, const PeerTable& peers) const {
    if (!may_vouch() || !self_counts(core) || held().members.size() < 2) return kNotYet;
    Instant oldest = core.now;
    Instant newest = kNotYet;
    for (const ClusterMember& member : held().members) {
        const bool spared =
            member.removed || (member.out && (current() || planted(Mutant::OldRecordSpares)));
        if (spared || member.host == core.config.self) continue;
        const Peer* peer = peers.find(member.host);
        if (peer == nullptr) return kNotYet;
        oldest = std::min(oldest, peer->vouched_issued);
        newest = std::max(newest, peer->vouched_issued);
    }
    return planted(Mutant::VouchingWithoutUnanimity) ? newest : oldest;
}

bool Membership::published_by_all(const PeerTable& peers, HostId self) const {
    for (const ClusterMember& member : held().members) {
        if (member.out || member.host == self) continue;
        const Peer* peer = peers.find(member.host);
        if (peer == nullptr || peer->published_config() < number()) return false;
    }
    return true;
}

bool Membership::known_to_all(HostId host, const PeerTable& peers, HostId self) const {
    for (const ClusterMember& member : held().members) {
        if (!member.belongs() || member.host == host || member.host == self) continue;
        const Peer* peer = peers.find(member.host);
        if (peer == nullptr) return false;
        if (peer->published_config() < number() && !peer->is_dead(peer->incarnation)) return false;
    }
    return true;
}

void Membership::keep(const Core& core) {
    const Told now{number(), kept_.in_force, kept_.entitled, kept_.renewed_at, kept_.lease};
    if (now == told_) return;
    told_ = now;
    core.emit(KeepMembership{++serial_});
}

}  // namespace holdfast
