#include "bench/support/cluster_records.h"

#include <string>

namespace holdfast::bench {

Uuid uuid_of(std::uint8_t kind, std::uint32_t number) {
    Uuid uuid;
    // Mixed, as real ones are: hash tables must not profit from counting.
    std::uint64_t state = std::uint64_t{kind} << 32U | number;
    for (std::uint8_t& byte : uuid.bytes) {
        state = (state + 1) * 0x9e3779b97f4a7c15U;
        byte = static_cast<std::uint8_t>(state >> 56U);
    }
    return uuid;
}

HostKey key_of(HostId host) {
    return {host, Incarnation{1, 1}};
}

SlotRecord slot_of(HostId host, std::uint16_t hosts, Sequence sequence, const Timing& timing) {
    SlotRecord slot;
    slot.host = host;
    slot.host_uuid = uuid_of(1, host.value());
    slot.boot_id = uuid_of(2, host.value());
    slot.incarnation = key_of(host).incarnation;
    slot.sequence = sequence;
    slot.lease = timing.lease;
    slot.watchdog = timing.watchdog;
    slot.interval = timing.interval;
    slot.watchdog_class = WatchdogClass::Hardware;
    slot.flags.armed = true;
    slot.decided_epoch = Epoch{1};
    slot.winner = key_of(HostId{1});
    slot.roster_version = Version{1};
    for (std::uint16_t other = 1; other <= hosts; ++other) {
        if (other != host.value()) slot.heard.insert(HostId{other});
    }
    return slot;
}

VmSpec vm_spec_of(HostId host, std::uint32_t index) {
    VmSpec spec;
    spec.vm = uuid_of(3, host.value() * 1000U + index);
    spec.name = VmName("vm-" + std::to_string(host.value()) + "-" + std::to_string(index));
    spec.memory_mib = 2048;
    spec.cpus = 2;
    spec.datastores = 1;
    spec.xml = {host, 4096 * index, 2000, 6000, index};
    return spec;
}

Roster roster_of(HostId host, std::uint32_t vms) {
    Roster roster;
    roster.host = host;
    roster.incarnation = key_of(host).incarnation;
    roster.boot_id = uuid_of(2, host.value());
    roster.version = Version{1};
    roster.capacity = {512 * 1024, 64, 1};
    for (std::uint32_t i = 0; i < vms; ++i) {
        Claim claim;
        claim.spec = vm_spec_of(host, i);
        claim.number = ClaimNumber{1};
        claim.state = ClaimState::Running;
        roster.claims.push(claim);
    }
    return roster;
}

Beat beat_of(HostId from, HostId to, BeatNumber number, const Timing& timing) {
    Beat beat;
    beat.from = from;
    beat.to = to;
    beat.host_uuid = uuid_of(1, from.value());
    beat.boot_id = uuid_of(2, from.value());
    beat.incarnation = key_of(from).incarnation;
    beat.number = number;
    beat.flags.armed = true;
    beat.lease = timing.lease;
    beat.watchdog = timing.watchdog;
    beat.watchdog_class = WatchdogClass::Hardware;
    beat.epoch = Epoch{1};
    beat.winner = key_of(HostId{1});
    beat.roster_version = Version{1};
    return beat;
}

}  // namespace holdfast::bench
