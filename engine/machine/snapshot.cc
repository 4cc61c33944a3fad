#include <algorithm>
#include <cstddef>

#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

std::int64_t age_ns(Instant now, Instant then) {
    return then == kNotYet ? -1 : (now - then).count();
}

std::uint8_t pack(const SlotFlags& flags) {
    return static_cast<std::uint8_t>((flags.armed ? 1U : 0U) | (flags.maintenance ? 2U : 0U) |
                                     (flags.no_vms ? 4U : 0U) | (flags.isolated ? 8U : 0U) |
                                     (flags.clean_shutdown ? 16U : 0U) |
                                     (flags.partitioned ? 32U : 0U));
}

void show(Snapshot& snapshot, const Claim& claim, HostId host) {
    ++snapshot.vms_known_count;
    if (snapshot.vms_count == kVmsShownMax) return;
    snapshot.vms[snapshot.vms_count++] = {claim.spec.vm,
                                          claim.spec.name,
                                          host,
                                          claim.state,
                                          claim.failure,
                                          claim.number.value(),
                                          claim.order_number.value(),
                                          claim.spec.memory_mib};
}

// One line a VM, from the entry with the greatest claim number; of equal ones the first.  Whether that is this one of all others'.
bool decides(const RosterTable& rosters, const Claim& claim, HostId host) {
    bool first = true;
    rosters.for_each_of_vm(claim.spec.vm, [&](const RosterTable::Known& known, const Claim& other) {
        if (other.number > claim.number) first = false;
        if (other.number == claim.number && known.host < host) first = false;
    });
    return first;
}

}  // namespace

std::array<BytesPart, 2> used_parts(const Snapshot& snapshot) {
    constexpr std::size_t kHosts = offsetof(Snapshot, hosts);
    constexpr std::size_t kVms = offsetof(Snapshot, vms);
    static_assert(kHosts + sizeof(Snapshot::hosts) == kVms &&
                      kVms + sizeof(Snapshot::vms) == sizeof(Snapshot),
                  "the lists come last");
    return {{{0, kHosts + snapshot.hosts_count * sizeof(HostSnapshot)},
             {kVms, kVms + snapshot.vms_count * sizeof(VmSnapshot)}}};
}

void let_pass(Snapshot& snapshot, std::int64_t ns) {
    const auto age = [ns](std::int64_t& value) {
        if (value >= 0) value += ns;
    };
    snapshot.taken_at_ns += ns;
    snapshot.lease_remaining_ns = std::max<std::int64_t>(snapshot.lease_remaining_ns - ns, 0);
    for (std::size_t d = 0; d < snapshot.datastores_count; ++d) {
        age(snapshot.datastores[d].write_age_ns);
        age(snapshot.datastores[d].scan_age_ns);
    }
    for (std::size_t h = 0; h < snapshot.hosts_count; ++h) {
        HostSnapshot& host = snapshot.hosts[h];
        age(host.slot_age_ns);
        if (!host.self) age(host.beat_age_ns);
    }
}

void EngineState::fill(Snapshot& snapshot) const {
    const Instant now = core.now;
    snapshot.taken_at_ns = now.time_since_epoch().count();
    snapshot.self = core.config.self;
    snapshot.phase = phase;
    snapshot.incarnation = core.incarnation;
    snapshot.lease_remaining_ns = lease.held(now) ? (lease.ends() - now).count() : 0;
    snapshot.lease_source = static_cast<std::uint8_t>(lease.source());
    snapshot.leader = leadership.winner().host;
    snapshot.epoch = leadership.decided_epoch();
    snapshot.configuration = membership.number();
    snapshot.timing = core.config.timing;
    snapshot.leading = leadership.leading(now);
    snapshot.keeper_armed = keeper.armed();
    snapshot.watchdog_ns = keeper.report.watchdog.count();
    snapshot.absorption = admission.rehearsal.result();
    snapshot.steps_count = steps_count;
    snapshot.beats_ignored_count = beats_ignored_count;
    snapshot.datastores_count = core.config.datastores_count;
    for (std::size_t d = 0; d < core.config.datastores_count; ++d) {
        const SlotIo::Disk& disk = slots.disk(d);
        snapshot.datastores[d] = {disk.usable,
                                  core.quorum.votes(d),
                                  age_ns(now, disk.written_issued),
                                  age_ns(now, disk.scanned_issued),
                                  disk.writes_failed,
                                  disk.scans_failed,
                                  disk.slots_unusable};
    }
    snapshot.hosts_count = 0;
    snapshot.vms_count = 0;
    snapshot.vms_known_count = 0;
    HostSnapshot& self = snapshot.hosts[snapshot.hosts_count++];
    self = {};
    self.host = core.config.self;
    self.self = true;
    self.verdict = phase == HostPhase::Member ? PeerVerdict::Alive : PeerVerdict::Unknown;
    self.incarnation = core.incarnation;
    self.watchdog_class = own_watchdog_class();
    self.flags = pack(own_slot.flags);
    self.slot_age_ns = age_ns(now, slots.written_issued_by_majority(core));
    self.beat_age_ns = 0;
    self.memory_mib = capacity.memory_mib;
    FixedList<VmId, kRosterEntriesMax> decided_here;  // of the VMs that others list as well
    for (const OwnVm& own : vms) {
        if (!own.listed) continue;
        if (own.claim.holds()) {
            ++self.claims_count;
            self.memory_used_mib += own.claim.spec.memory_mib;
        }
        bool listed_by_others = false;
        bool decided_by_others = false;
        rosters.for_each_of_vm(own.claim.spec.vm,
                               [&](const RosterTable::Known&, const Claim& other) {
                                   listed_by_others = true;
                                   if (other.number > own.claim.number) decided_by_others = true;
                               });
        if (decided_by_others) continue;
        show(snapshot, own.claim, core.config.self);
        if (listed_by_others) decided_here.push(own.claim.spec.vm);
    }
    for (const Peer& peer : peers.all()) {
        HostSnapshot& host = snapshot.hosts[snapshot.hosts_count++];
        host = {};
        host.host = peer.id;
        host.verdict = peer.verdict;
        host.incarnation = peer.incarnation;
        host.watchdog_class = peer.watchdog_class();
        host.flags = pack(peer.slot.flags);
        host.slot_age_ns = age_ns(now, peer.slot_moved_at);
        host.beat_age_ns = age_ns(now, peer.beat_at);
        const RosterTable::Known& known = *rosters.find(peer.id);
        host.memory_mib = known.capacity.memory_mib;
        rosters.for_each_of_host(known, [&](const Claim& claim) {
            if (claim.holds()) {
                ++host.claims_count;
                host.memory_used_mib += claim.spec.memory_mib;
            }
            const bool here = std::find(decided_here.begin(), decided_here.end(), claim.spec.vm) !=
                              decided_here.end();
            if (!here && decides(rosters, claim, host.host)) show(snapshot, claim, host.host);
        });
    }
}

}  // namespace holdfast
