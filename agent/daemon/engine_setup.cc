#include "agent/daemon/engine_setup.h"

#include <algorithm>
#include <cstring>

#include "agent/daemon/kept_membership.h"
#include "storage/geometry.h"

namespace holdfast {

HostId host_id_max(const Config& config) {
    const HostId of_file = config.members.back().id;
    return std::max(of_file, HostId{static_cast<std::uint16_t>(kDatastoreHostsDefault)});
}

Member member_of(const ClusterMember& listed) {
    Member member;
    member.host = listed.host;
    for (std::size_t link = 0; link < kLinksMax; ++link) {
        const LinkAddress& address = listed.place.addresses[link];
        member.addresses[link] = {static_cast<AddressFamily>(address.family), address.bytes};
    }
    return member;
}

std::unique_ptr<EngineConfig> make_engine_config(const Config& config,
                                                 const HostIdentity& identity,
                                                 Incarnation incarnation,
                                                 const KeeperPage& keeper,
                                                 Instant now) {
    auto setup = std::make_unique<EngineConfig>();
    EngineConfig& engine = *setup;
    engine.self = config.self;
    engine.host_uuid = identity.host_uuid;
    engine.boot_id = identity.boot_id;
    engine.timing = config.timing;
    for (const MemberConfig& member : config.members) engine.members.push(member.id);
    engine.host_id_max = host_id_max(config);
    for (const MemberConfig& member : config.members) {
        if (!member.fence.is_none() && member.id != config.self) engine.fenceable.insert(member.id);
    }
    engine.voters_count = config.voters_count;
    engine.datastores_count = static_cast<std::uint8_t>(config.datastores.size());
    engine.watchdog_class =
        config.watchdog_device == "none" ? WatchdogClass::None : WatchdogClass::Hardware;
    for (const PathConfig& datastore : config.datastores)
        engine.datastores.push(DatastoreName{datastore.name});
    engine.blackout_limit = config.blackout_limit;
    const bool kept = read_membership(
        config.run_path("membership"), config, identity.boot_id, engine.kept.emplace());
    if (!kept) engine.kept.reset();
    engine.accept_weak_watchdog = config.accept_weak_watchdog;
    engine.asks_isolation_addresses = !config.isolation_addresses.empty();
    engine.isolation_response = config.isolation_response;
    engine.shutdown_limit = config.shutdown_limit;
    engine.incarnation = incarnation;
    // Only what a keeper that lives still enforces can be continued.
    engine.arming_inherited = read_keeper_report(keeper, now).arming;
    const std::int64_t deadline = keeper.deadline_ns.load(std::memory_order_acquire);
    if (engine.arming_inherited != 0 && deadline != kNoDeadline) {
        engine.lease_inherited_until = Instant{Duration{deadline}};
    }
    std::uint64_t seed = 0;
    std::memcpy(&seed, identity.host_uuid.bytes.data(), sizeof seed);
    engine.seed =
        seed ^ incarnation.value() ^ static_cast<std::uint64_t>(now.time_since_epoch().count());
    return setup;
}

}  // namespace holdfast
