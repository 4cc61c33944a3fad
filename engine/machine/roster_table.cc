#include "engine/machine/roster_table.h"

#include <bit>
#include <cstring>

#include "engine/base/mutant.h"

namespace holdfast {

namespace {

constexpr unsigned kBucketBits = 15;
constexpr std::size_t kBuckets = 1U << kBucketBits;  // twice the claims that fit: chains stay short
constexpr std::uint8_t kReadsInFlightMax = kRegionReadsInFlightMax - 3;  // the rest is for others
constexpr std::uint8_t kOvertakenMax = 4;  // 16 intervals, some leases

}  // namespace

RosterTable::RosterTable(const EngineConfig& config) {
    known_.reserve(PeerTable::peers_max(config));
    for (const HostId host : config.members) {
        if (host != config.self) add(host);
    }
    entries_.reserve(kClaimsKnownMax);
    buckets_.assign(kBuckets, kEnd);
}

void RosterTable::add(HostId host) {
    known_.emplace_back().host = host;
    index_[host.value()] = static_cast<std::uint16_t>(known_.size());
}

const RosterTable::Known* RosterTable::find(HostId host) const {
    if (host.value() > kHostsMax || index_[host.value()] == 0) return nullptr;
    return &known_[index_[host.value()] - 1U];
}

std::size_t RosterTable::bucket_of(VmId vm) {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::memcpy(&low, vm.bytes.data(), sizeof low);
    std::memcpy(&high, vm.bytes.data() + sizeof low, sizeof high);
    // Each bit of an id reaches the bits that are used, whatever the id is made of.
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15U;
    std::uint64_t hash = (low ^ high) * kOdd;
    hash = (hash ^ (hash >> 32U)) * kOdd;
    return hash >> (64U - kBucketBits);
}

void RosterTable::want(const Core& core, HostId host) {
    if (find(host) == nullptr) return;
    known_[index_[host.value()] - 1U].wanted_after = core.last_request;
    look_at(host);
    wanted_since_issue_ = true;
}

Version RosterTable::announced(const Peer& peer) {
    Version version = peer.slot_seen ? peer.slot.roster_version : Version{};
    if (peer.beat_seen && peer.beat.roster_version > version) version = peer.beat.roster_version;
    return version;
}

bool RosterTable::current(const Peer& peer) const {
    const Known* known = find(peer.id);
    if (known == nullptr) return false;
    const Version version = peer.slot_seen ? peer.slot.roster_version : Version{};
    return version.is_none() || (known->valid && known->version >= version);
}

bool RosterTable::thorough_since(HostId host, RequestId request) const {
    const Known* known = find(host);
    return known != nullptr && known->thorough > request;
}

void RosterTable::issue(Core& core, const PeerTable& peers) {
    wanted_since_issue_ = false;
    // While all the room for reads is taken, those that wait for some cost nothing.
    bool full = !core.quorum.holds(free_datastores(core));
    (full ? due_.common(asked_) : due_).for_each([&](HostId host) {
        if (full && !asked_.contains(host)) return;
        const Peer* peer = peers.find(host);
        const bool settled =
            peer == nullptr || settle(core, known_[index_[host.value()] - 1U], *peer);
        if (settled) due_.erase(host);
        full = !core.quorum.holds(free_datastores(core));
    });
}

// Sees to it that the roster of `peer` is read, if it has to be.  True: it has not, until something new is heard of it.
bool RosterTable::settle(Core& core, Known& known, const Peer& peer) {
    const bool newer = announced(peer) > (known.valid ? known.version : Version{});
    const bool wanted = !known.wanted_after.is_none() && known.thorough <= known.wanted_after;
    if (!newer && !wanted) return true;
    // One reading at a time; a later one replaces it when it is too old to serve, or its time has passed without an end.
    // That time doubles: of a storage slower than a beat, no reading would ever end.
    const Duration patience = core.config.timing.interval * (1 << known.overtaken);
    const bool serves = !known.asked.is_none() && known.asked > known.wanted_after;
    if (serves && core.now - known.asked_at < patience) {
        core.wake_at(known.asked_at + patience);
        return false;
    }
    // One that ended without what was wanted is repeated, but not at once: a doorbell may ring before the roster landed.
    const Instant again_at =
        known.asked_at == kNotYet ? kNotYet : known.asked_at + core.config.timing.interval / 4;
    if (known.asked.is_none() && core.now < again_at && (!wanted || known.unreadable)) {
        core.wake_at(again_at);
        return false;
    }
    const std::uint8_t free = free_datastores(core);
    if (!core.quorum.holds(free)) return false;  // its turn comes with an answer
    if (serves && known.overtaken < kOvertakenMax) ++known.overtaken;
    known.asked = core.new_request();
    asked_.insert(known.host);
    known.asked_at = core.now;
    known.asked_mask = free;
    known.answered_mask = 0;
    known.good_mask = 0;
    for (std::uint8_t d = 0; d < core.config.datastores_count; ++d) {
        if ((free & 1U << d) == 0) continue;
        ++reads_in_flight_[d];
        core.emit(ReadRoster{d, core.new_request(), known.host});
    }
    core.wake_at(core.now + core.config.timing.interval * (1 << known.overtaken));
    return false;
}

std::uint8_t RosterTable::free_datastores(const Core& core) const {
    std::uint8_t mask = 0;
    for (unsigned d = 0; d < core.config.datastores_count; ++d) {
        if (core.quorum.votes(d) && reads_in_flight_[d] < kReadsInFlightMax)
            mask = static_cast<std::uint8_t>(mask | 1U << d);
    }
    return mask;
}

void RosterTable::unchain(std::uint32_t index) {
    std::uint32_t* link = &buckets_[bucket_of(entries_[index].claim.spec.vm)];
    while (*link != index) link = &entries_[*link].next_in_bucket;
    *link = entries_[index].next_in_bucket;
    entries_[index].next_of_host = free_;
    free_ = index;
    --entries_count_;
}

// kEnd: all are in use.
std::uint32_t RosterTable::take_entry() {
    const std::uint32_t index = free_;
    if (index != kEnd) {
        free_ = entries_[index].next_of_host;
        return index;
    }
    if (entries_.size() == kClaimsKnownMax) return kEnd;
    entries_.emplace_back();
    return static_cast<std::uint32_t>(entries_.size() - 1);
}

void RosterTable::replace(Core& core, Known& known, const Roster& roster) {
    ++changes_count_;
    for (std::uint32_t i = known.first; i != kEnd;) {
        const std::uint32_t next = entries_[i].next_of_host;
        unchain(i);
        i = next;
    }
    known.first = kEnd;
    known.entries_count = known.wishes_count = 0;
    known.held_mib = 0;
    known.valid = true;
    known.version = planted(Mutant::OlderRosterTaken) ? std::max(known.version, roster.version)
                                                      : roster.version;
    known.incarnation = roster.incarnation;
    known.boot_id = roster.boot_id;
    known.capacity = roster.capacity;
    for (const Claim& claim : roster.claims) {
        const std::uint32_t index = take_entry();
        if (index == kEnd) {
            Trace line;
            line.code = TraceCode::LimitReached;
            line.a = static_cast<std::int64_t>(kClaimsKnownMax);
            line.who = {known.host, roster.incarnation};
            core.trace(line);
            known.valid = false;  // claims that do not fit are unknown claims
            break;
        }
        Entry& entry = entries_[index];
        entry.host = known.host;
        entry.claim = claim;
        entry.next_of_host = known.first;
        known.first = index;
        std::uint32_t& head = buckets_[bucket_of(claim.spec.vm)];
        entry.next_in_bucket = head;
        head = index;
        ++known.entries_count;
        if (claim.is_wish()) ++known.wishes_count;
        if (claim.holds()) known.held_mib += claim.spec.memory_mib;
        ++entries_count_;
    }
}

void RosterTable::finish(Core& core, Known& known) {
    const bool good = core.quorum.holds(known.good_mask);
    if (good) {
        known.thorough = std::max(known.thorough, known.asked);
        known.unreadable = false;
        known.overtaken = 0;
    }
    if (known.answered_mask != known.asked_mask) return;
    known.asked = RequestId{};
    asked_.erase(known.host);
    if (good || known.unreadable) return;
    known.unreadable = true;
    Trace line;
    line.code = TraceCode::RosterUnreadable;
    line.who = {known.host, known.incarnation};
    line.a = std::popcount(known.good_mask);
    line.b = core.quorum.majority();
    core.trace(line);
}

bool RosterTable::take(Core& core, const RosterRead& read) {
    if (read.datastore < kDatastoresMax && reads_in_flight_[read.datastore] > 0)
        --reads_in_flight_[read.datastore];
    if (find(read.host) == nullptr) return false;
    look_at(read.host);
    Known& known = known_[index_[read.host.value()] - 1U];
    bool changed = false;
    if (read.reading == RegionReading::Valid && read.roster->host == read.host &&
        // Never an older one than is known, also when that did not fit.
        (read.roster->version > known.version || planted(Mutant::OlderRosterTaken) ||
         (!known.valid && read.roster->version == known.version))) {
        replace(core, known, *read.roster);
        changed = true;
    }
    if (known.asked.is_none() || read.request <= known.asked)
        return changed;  // answer to an older reading
    known.answered_mask = static_cast<std::uint8_t>(known.answered_mask | 1U << read.datastore);
    if (read.reading != RegionReading::Unusable) {
        known.good_mask = static_cast<std::uint8_t>(known.good_mask | 1U << read.datastore);
    }
    finish(core, known);
    return changed;
}

}  // namespace holdfast
