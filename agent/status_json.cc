#include "agent/status_json.h"

#include <algorithm>

#include "agent/json_writer.h"
#include "agent/text.h"
#include "agent/timing_text.h"

namespace holdfast {

namespace {

constexpr std::int64_t kNanosecondsPerMillisecond = 1'000'000;

std::int64_t to_ms(std::int64_t nanoseconds) {
    return nanoseconds < 0 ? -1 : nanoseconds / kNanosecondsPerMillisecond;
}

const char* lease_source_text(std::uint8_t source) {
    constexpr const char* kNames[] = {"none", "storage", "leader", "inherited", "vouching"};
    return source < 5 ? kNames[source] : "none";
}

void write_id(JsonWriter& json, HostId host) {
    json.number(std::uint64_t{host.value()});
}

void write_host(JsonWriter& json, const StatusFacts& facts) {
    const Snapshot& snapshot = facts.snapshot;
    json.key("host").begin_object();
    json.key("id");
    write_id(json, facts.config.self);
    json.key("name").text(facts.config.host_name(facts.config.self));
    json.key("phase").text(to_string(snapshot.phase));
    json.key("incarnation").text(incarnation_text(snapshot.incarnation));
    json.key("lease_remaining_ms")
        .number(to_ms(std::max<std::int64_t>(snapshot.lease_remaining_ns, 0)));
    json.key("lease_source").text(lease_source_text(snapshot.lease_source));
    json.key("keeper_armed").flag(snapshot.keeper_armed);
    json.key("watchdog_ms").number(to_ms(snapshot.watchdog_ns));
    json.key("libvirt_connected").flag(facts.libvirt_connected);
    json.end_object();
}

void write_leader(JsonWriter& json, const StatusFacts& facts) {
    json.key("leader");
    if (facts.snapshot.leader.is_none()) {
        json.null();
        return;
    }
    json.begin_object();
    json.key("id");
    write_id(json, facts.snapshot.leader);
    json.key("name").text(facts.config.host_name(facts.snapshot.leader));
    json.key("epoch").number(facts.snapshot.epoch.value());
    json.end_object();
}

void write_roomless(JsonWriter& json, const StatusFacts& facts, const RoomlessVm& vm) {
    json.begin_object();
    json.key("name").text(vm.name.view());
    json.key("uuid").text(uuid_text(vm.vm));
    json.key("host");
    if (vm.home.is_none()) {
        json.null();
    } else {
        json.text(facts.config.host_name(vm.home));
    }
    json.key("without_memory").number(std::uint64_t{vm.why.memory});
    json.key("without_cpus").number(std::uint64_t{vm.why.cpus});
    json.key("out_of_reach").number(std::uint64_t{vm.why.datastores});
    json.key("kept_apart").number(std::uint64_t{vm.why.apart});
    json.end_object();
}

void write_absorption(JsonWriter& json, const StatusFacts& facts) {
    const Absorption& found = facts.snapshot.absorption;
    json.key("absorption");
    if (!found.known) {
        json.null();
        return;
    }
    json.begin_object();
    json.key("hosts").number(std::uint64_t{found.hosts_count});
    json.key("absorbs").number(std::uint64_t{found.absorbs});
    json.key("tried").number(std::uint64_t{found.tried});
    json.key("beyond").begin_array();
    for (const HostId host : found.beyond) json.text(facts.config.host_name(host));
    json.end_array();
    json.key("no_room_count").number(std::uint64_t{found.roomless_count});
    json.key("no_room").begin_array();
    for (const RoomlessVm& vm : found.roomless) write_roomless(json, facts, vm);
    json.end_array();
    json.end_object();
}

// What the whole cluster agreed on, as far as this host follows it.
void write_configuration(JsonWriter& json, const Snapshot& snapshot) {
    json.key("configuration").begin_object();
    json.key("number").text(std::to_string(snapshot.configuration.epoch.value()) + "." +
                            std::to_string(snapshot.configuration.step));
    json.key("timing_ms").begin_object();
    for (const TimingKey& key : kTimingKeys)
        json.key(key.name).number(to_ms((snapshot.timing.*key.member).count()));
    json.end_object();
    json.end_object();
}

// What a host says of itself.
const char* finding_text(std::uint8_t flags) {
    if ((flags & 8U) != 0) return "isolated";
    return (flags & 32U) != 0 ? "partitioned" : "connected";
}

void write_hosts(JsonWriter& json, const StatusFacts& facts) {
    json.key("hosts").begin_array();
    const std::size_t count = std::min<std::size_t>(facts.snapshot.hosts_count, kHostsShownMax);
    for (std::size_t i = 0; i < count; ++i) {
        const HostSnapshot& host = facts.snapshot.hosts[i];
        json.begin_object();
        json.key("id");
        write_id(json, host.host);
        json.key("name").text(facts.config.host_name(host.host));
        json.key("self").flag(host.self);
        json.key("verdict").text(to_string(host.verdict));
        json.key("finding").text(finding_text(host.flags));
        json.key("maintenance").flag((host.flags & 2U) != 0);
        json.key("incarnation").text(incarnation_text(host.incarnation));
        json.key("slot_age_ms").number(to_ms(host.slot_age_ns));
        json.key("beat_age_ms").number(to_ms(host.beat_age_ns));
        json.key("watchdog_class").text(watchdog_class_text(host.watchdog_class));
        json.key("claims").number(std::uint64_t{host.claims_count});
        json.key("memory_mib").number(std::uint64_t{host.memory_mib});
        json.key("memory_used_mib").number(std::uint64_t{host.memory_used_mib});
        json.end_object();
    }
    json.end_array();
}

void write_datastores(JsonWriter& json, const StatusFacts& facts) {
    json.key("datastores").begin_array();
    for (std::size_t i = 0; i < facts.config.datastores.size(); ++i) {
        const DatastoreSnapshot& seen = facts.snapshot.datastores[i];
        const DatastoreFacts own =
            i < facts.datastores.size() ? facts.datastores[i] : DatastoreFacts{};
        json.begin_object();
        json.key("name").text(facts.config.datastores[i].name);
        json.key("path").text(facts.config.datastores[i].path);
        json.key("votes").flag(seen.votes);
        json.key("state").text(seen.usable && own.problem.empty() ? "ok" : "unusable");
        json.key("backend").text(own.backend.empty() ? "none" : own.backend);
        json.key("problem");
        if (own.problem.empty()) {
            json.null();
        } else {
            json.text(own.problem);
        }
        json.key("write_age_ms").number(to_ms(seen.write_age_ns));
        json.key("writes_failed").number(seen.writes_failed);
        json.key("latency_p50_us").number(own.latency_p50_us);
        json.key("latency_p99_us").number(own.latency_p99_us);
        json.key("scan_p50_us").number(own.scan_p50_us);
        json.key("scan_p99_us").number(own.scan_p99_us);
        json.end_object();
    }
    json.end_array();
}

void write_links(JsonWriter& json, const StatusFacts& facts) {
    json.key("links").begin_array();
    for (const LinkStatus& link : facts.links) {
        json.begin_object();
        json.key("address").text(link.address);
        json.key("up").flag(link.up);
        json.key("beats").number(link.beats);
        json.key("spacing_p50_us").number(link.spacing_p50_us);
        json.key("spacing_p99_us").number(link.spacing_p99_us);
        json.key("spacing_worst_us").number(link.spacing_worst_us);
        json.end_object();
    }
    json.end_array();
}

void write_vms(JsonWriter& json, const StatusFacts& facts) {
    json.key("vms").begin_array();
    const std::size_t count = std::min<std::size_t>(facts.snapshot.vms_count, kVmsShownMax);
    for (std::size_t i = 0; i < count; ++i) {
        const VmSnapshot& vm = facts.snapshot.vms[i];
        json.begin_object();
        json.key("name").text(vm.name.view());
        json.key("uuid").text(uuid_text(vm.vm));
        json.key("host");
        write_id(json, vm.host);
        json.key("state").text(claim_state_text(vm.state));
        json.key("claim").number(vm.claim_number);
        json.key("protected").flag(true);
        json.end_object();
    }
    json.end_array();
    json.key("unprotected").begin_array();
    for (const UnprotectedVm& vm : facts.unprotected) {
        json.begin_object();
        json.key("name").text(vm.name);
        json.key("uuid").text(uuid_text(vm.vm));
        json.key("reason").text(vm.reason);
        json.end_object();
    }
    json.end_array();
}

}  // namespace

const char* claim_state_text(ClaimState state) {
    switch (state) {
        case ClaimState::Starting: return "starting";
        case ClaimState::Running: return "running";
        case ClaimState::WantsStart: return "wants-start";
        case ClaimState::Stopped: return "stopped";
        case ClaimState::Stopping: return "stopping";
        case ClaimState::Arriving: return "arriving";
        case ClaimState::Failed: break;
    }
    return "failed";
}

const char* watchdog_class_text(WatchdogClass watchdog_class) {
    switch (watchdog_class) {
        case WatchdogClass::Hardware: return "hardware";
        case WatchdogClass::Soft: return "soft";
        case WatchdogClass::None: break;
    }
    return "none";
}

std::string status_json(const StatusFacts& facts) {
    JsonWriter json;
    json.begin_object();
    write_host(json, facts);
    write_leader(json, facts);
    write_absorption(json, facts);
    write_configuration(json, facts.snapshot);
    write_hosts(json, facts);
    write_datastores(json, facts);
    write_links(json, facts);
    write_vms(json, facts);
    json.end_object();
    return json.str();
}

int status_code(const StatusFacts& facts) {
    const Snapshot& snapshot = facts.snapshot;
    bool healthy = snapshot.phase == HostPhase::Member && !snapshot.leader.is_none();
    for (std::size_t i = 0; i < snapshot.hosts_count; ++i) {
        const HostSnapshot& host = snapshot.hosts[i];
        healthy = healthy && (host.self || host.verdict == PeerVerdict::Alive);
    }
    for (std::size_t i = 0; i < facts.config.datastores.size(); ++i) {
        healthy = healthy && snapshot.datastores[i].usable;
    }
    return healthy ? 0 : 1;
}

}  // namespace holdfast
