#include "engine/machine/peer_table.h"

#include <tuple>

#include "engine/base/mutant.h"

namespace holdfast {

namespace {

// What never goes back in a host's slot, whichever copy or datastore shows the newest.
struct Registers {
    Ballot ballot;
    Epoch resigned_epoch;
    Version roster_version;
    Version orders_version;
};

template <typename Slot>
Registers registers_of(const Slot& slot) {
    return {slot.ballot, slot.resigned_epoch, slot.roster_version, slot.orders_version};
}

void keep(SeenSlot& slot, const Registers& other) {
    const auto entered = [](const Ballot& ballot) {
        return std::tuple(ballot.epoch, ballot.mbal, ballot.bal);
    };
    if (entered(other.ballot) > entered(slot.ballot)) slot.ballot = other.ballot;
    slot.resigned_epoch = std::max(slot.resigned_epoch, other.resigned_epoch);
    slot.roster_version = std::max(slot.roster_version, other.roster_version);
    slot.orders_version = std::max(slot.orders_version, other.orders_version);
}

}  // namespace

void SeenSlot::take(const SlotRecord& record) {
    host_uuid = record.host_uuid;
    incarnation = record.incarnation;
    sequence = record.sequence;
    lease = record.lease;
    watchdog = record.watchdog;
    watchdog_class = record.watchdog_class;
    flags = record.flags;
    storage_lost_mask = record.storage_lost_mask;
    ballot = record.ballot;
    decided_epoch = record.decided_epoch;
    winner = record.winner;
    resigned_epoch = record.resigned_epoch;
    config = record.config;
    roster_version = record.roster_version;
    orders_version = record.orders_version;
    heard = record.heard;
}

Duration Peer::lease() const {
    return std::max(slot_seen ? slot.lease : Duration{}, beat_seen ? beat.lease : Duration{});
}

Duration Peer::watchdog() const {
    return std::max(slot_seen ? slot.watchdog : Duration{}, beat_seen ? beat.watchdog : Duration{});
}

WatchdogClass Peer::watchdog_class() const {
    // The weaker word counts: claiming too little costs time, claiming too much could cost a disk.
    if (!slot_seen) return beat_seen ? beat.watchdog_class : WatchdogClass::None;
    if (!beat_seen || beat.incarnation < slot.incarnation) return slot.watchdog_class;
    return std::min(slot.watchdog_class, beat.watchdog_class);
}

ConfigNumber Peer::published_config() const {
    // A life that begins anew may say less than it did.
    const ConfigNumber in_slot = slot_seen ? slot.config : ConfigNumber{};
    const ConfigNumber in_beat = beat_seen ? beat.config : ConfigNumber{};
    return std::max(in_slot, in_beat);
}

PeerTable::PeerTable(const EngineConfig& config) : peers_max_(peers_max(config)) {
    peers_.reserve(peers_max_);
    for (const HostId host : config.members) {
        if (host != config.self) static_cast<void>(add(host));
    }
}

std::size_t PeerTable::peers_max(const EngineConfig& config) {
    return std::min(config.members.size() + kJoinersMax, kHostsMax) - 1;
}

bool PeerTable::add(HostId host) {
    if (full()) return false;
    Peer& peer = peers_.emplace_back();
    peer.id = host;
    peer.read_issued.fill(kNotYet);
    peer.spare_moved_at.fill(kNotYet);
    index_[host.value()] = static_cast<std::uint16_t>(peers_.size());
    return true;
}

Peer* PeerTable::find(HostId host) {
    if (host.value() > kHostsMax || index_[host.value()] == 0) return nullptr;
    return &peers_[index_[host.value()] - 1U];
}

const Peer* PeerTable::find(HostId host) const {
    if (host.value() > kHostsMax || index_[host.value()] == 0) return nullptr;
    return &peers_[index_[host.value()] - 1U];
}

void PeerTable::learn_incarnation(const Core& core,
                                  Peer& peer,
                                  Incarnation incarnation,
                                  const BootId& boot_id) {
    if (incarnation <= peer.incarnation) return;
    if (boot_id != peer.boot_id) {
        peer.last_of_old_boot = peer.incarnation;
        peer.boot_id = boot_id;
        peer.booted_seen_at = core.now;
    }
    peer.incarnation = incarnation;
}

bool PeerTable::learn_provisional(const Core& core, const SlotRecord& record) {
    Peer* peer = find(record.host);
    if (peer == nullptr) return false;
    if (planted(Mutant::ProvisionalWordForgotten)) return false;
    if (peer->slot_seen) {
        keep(peer->slot, registers_of(record));
        return true;
    }
    peer->slot.take(record);
    peer->slot.incarnation = Incarnation{};
    peer->slot.sequence = Sequence{};
    peer->slot.flags = SlotFlags{};
    peer->slot.flags.armed = record.flags.armed;
    peer->slot.flags.no_vms = record.flags.no_vms;
    peer->slot.flags.barred = true;
    peer->slot_seen = true;
    peer->slot_moved_at = peer->connected_since = peer->evidence_at = core.now;
    return true;
}

bool PeerTable::learn_slot(const Core& core, const SlotRecord& record) {
    Peer* peer = find(record.host);
    if (peer == nullptr) return false;
    const bool newer =
        !peer->slot_seen || record.incarnation > peer->slot.incarnation ||
        (record.incarnation == peer->slot.incarnation && record.sequence > peer->slot.sequence);
    if (!newer) return false;
    // An agent that has just started, or stood still, cannot have found itself isolated yet.
    const bool begins = !peer->slot_seen || peer->slot.flags.isolated ||
                        peer->slot.incarnation != record.incarnation ||
                        core.now - peer->slot_moved_at > 2 * core.config.timing.interval;
    if (begins) peer->connected_since = core.now;
    const Registers before = registers_of(peer->slot);
    peer->slot.take(record);
    keep(peer->slot, before);
    peer->slot_seen = true;
    peer->slot_moved_at = core.now;
    learn_incarnation(core, *peer, record.incarnation, record.boot_id);
    peer->evidence_at =
        core.now;  // also an older incarnation's late write: it may mean life, so it delays
    if (peer->is_dead(record.incarnation))
        peer->returned = std::max(peer->returned, record.incarnation);
    return true;
}

bool PeerTable::learn_beat(const Core& core, const Beat& beat) {
    Peer* peer = find(beat.from);
    if (peer == nullptr || beat.incarnation < peer->incarnation) return false;
    if (peer->slot_seen && peer->slot.host_uuid != beat.host_uuid) {
        // Two hosts with one id: the one that owns the slot counts, the other is named once.
        if (!peer->duplicate_said) {
            Trace line;
            line.code = TraceCode::DuplicateHost;
            line.who = {beat.from, beat.incarnation};
            line.a = -1;
            core.trace(line);
        }
        peer->duplicate_said = true;
        return false;
    }
    const bool newer =
        !peer->beat_seen || beat.incarnation > peer->beat.incarnation ||
        (beat.incarnation == peer->beat.incarnation && beat.number > peer->beat.number);
    if (!newer) return false;
    learn_incarnation(core, *peer, beat.incarnation, beat.boot_id);
    peer->beat = beat;
    peer->beat_seen = true;
    peer->beat_at = core.now;
    if (!planted(Mutant::BeatIsNoEvidence)) peer->evidence_at = core.now;
    if (peer->is_dead(beat.incarnation))
        peer->returned = std::max(peer->returned, beat.incarnation);
    return true;
}

void PeerTable::learn_roster(const Core& core, const Roster& roster) {
    Peer* peer = find(roster.host);
    if (peer == nullptr || !peer->known() || roster.incarnation <= peer->incarnation ||
        planted(Mutant::RosterIsNoSign))
        return;
    learn_incarnation(core, *peer, roster.incarnation, roster.boot_id);
    peer->evidence_at = core.now;
}

void PeerTable::forget_answers() {
    for (Peer& peer : peers_) {
        peer.answered = BeatNumber{};
        peer.vouched_issued = kNotYet;
    }
}

PeerFacts PeerTable::facts_of(const Core& core, const Peer& peer, bool own_storage_ok) {
    const Duration silent = core.config.timing.silent;
    PeerFacts facts;
    facts.own_storage_ok = own_storage_ok;
    facts.net_fresh = peer.beat_seen && core.now - peer.beat_at < silent;
    facts.slot_newer = peer.slot_seen && core.now - peer.slot_moved_at < silent;
    facts.says_isolated = peer.slot_seen && peer.slot.flags.isolated;
    facts.proved_dead = peer.known() && peer.is_dead(peer.incarnation);
    return facts;
}

void PeerTable::judge(Core& core, Peer& peer, bool own_storage_ok) {
    const PeerFacts facts = facts_of(core, peer, own_storage_ok);
    const PeerVerdict verdict = peer.known() ? judge_peer(facts).verdict : PeerVerdict::Unknown;
    if (verdict == peer.verdict) return;
    Trace line;
    line.code = TraceCode::VerdictChanged;
    line.who = {peer.id, peer.incarnation};
    line.a = static_cast<std::int64_t>(peer.verdict);
    line.b = static_cast<std::int64_t>(verdict);
    if (peer.evidence_at != kNotYet) line.span = core.now - peer.evidence_at;
    peer.verdict = verdict;
    core.trace(line);
}

HostSet PeerTable::heard(const Core& core) const {
    HostSet set;
    for (const Peer& peer : peers_) {
        if (peer.beat_seen && core.now - peer.beat_at < core.config.timing.fresh)
            set.insert(peer.id);
    }
    return set;
}

}  // namespace holdfast
