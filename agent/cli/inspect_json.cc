#include "agent/cli/inspect_json.h"

#include "agent/json_writer.h"
#include "agent/status_json.h"
#include "agent/text.h"

namespace holdfast::cli {

namespace {

std::int64_t to_ms(Duration span) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
}

void write_key(JsonWriter& json, const char* name, const HostKey& key) {
    json.key(name);
    if (key.host.is_none()) {
        json.null();
        return;
    }
    json.begin_object().key("host").number(std::uint64_t{key.host.value()});
    json.key("incarnation").text(incarnation_text(key.incarnation)).end_object();
}

void write_record(JsonWriter& json, const Superblock& superblock) {
    json.key("cluster_uuid").text(uuid_text(superblock.cluster));
    json.key("datastore_uuid").text(uuid_text(superblock.datastore));
    json.key("name").text(superblock.name.view());
    json.key("hosts_max").number(std::uint64_t{superblock.geometry.hosts_max()});
    json.key("heap_bytes").number(superblock.geometry.heap_bytes());
    json.key("formatted_at_unix_s").number(superblock.formatted_at_unix_s);
}

void write_record(JsonWriter& json, const SlotRecord& slot) {
    json.key("host_uuid").text(uuid_text(slot.host_uuid));
    json.key("boot_id").text(uuid_text(slot.boot_id));
    json.key("incarnation").text(incarnation_text(slot.incarnation));
    json.key("sequence").number(slot.sequence.value());
    json.key("lease_ms").number(to_ms(slot.lease));
    json.key("watchdog_ms").number(to_ms(slot.watchdog));
    json.key("interval_ms").number(to_ms(slot.interval));
    json.key("watchdog_class").text(watchdog_class_text(slot.watchdog_class));
    json.key("armed").flag(slot.flags.armed);
    json.key("no_vms").flag(slot.flags.no_vms);
    json.key("maintenance").flag(slot.flags.maintenance);
    json.key("isolated").flag(slot.flags.isolated);
    json.key("clean_shutdown").flag(slot.flags.clean_shutdown);
    json.key("decided_epoch").number(slot.decided_epoch.value());
    write_key(json, "winner", slot.winner);
    json.key("resigned_epoch").number(slot.resigned_epoch.value());
    json.key("ballot_epoch").number(slot.ballot.epoch.value());
    json.key("mbal").number(slot.ballot.mbal.value());
    json.key("bal").number(slot.ballot.bal.value());
    write_key(json, "value", slot.ballot.value);
    json.key("roster_version").number(slot.roster_version.value());
    json.key("orders_version").number(slot.orders_version.value());
    json.key("marks").begin_array();
    for (const Mark& mark : slot.marks) {
        json.begin_object().key("kind").text(mark.kind == MarkKind::Pill ? "pill" : "certificate");
        write_key(json, "who", mark.who);
        json.end_object();
    }
    json.end_array();
}

void write_record(JsonWriter& json, const ConfigRecord& config) {
    json.key("version").number(config.version.value());
    json.key("epoch").number(config.number.epoch.value());
    json.key("step").number(config.number.step);
    json.key("members").number(std::uint64_t{config.members.size()});
    json.key("datastores").number(std::uint64_t{config.datastores.size()});
}

void write_xml_ref(JsonWriter& json, const XmlRef& xml) {
    json.key("xml");
    if (xml.is_none()) {
        json.null();
        return;
    }
    json.begin_object().key("host").number(std::uint64_t{xml.host.value()});
    json.key("offset_bytes").number(std::uint64_t{xml.offset_bytes});
    json.key("length_bytes").number(std::uint64_t{xml.length_bytes}).end_object();
}

void write_record(JsonWriter& json, const Roster& roster) {
    json.key("version").number(roster.version.value());
    json.key("incarnation").text(incarnation_text(roster.incarnation));
    json.key("memory_mib").number(std::uint64_t{roster.capacity.memory_mib});
    json.key("claims").begin_array();
    for (const Claim& claim : roster.claims) {
        json.begin_object().key("name").text(claim.spec.name.view());
        json.key("uuid").text(uuid_text(claim.spec.vm));
        json.key("state").text(claim_state_text(claim.state));
        json.key("claim").number(claim.number.value());
        json.key("order_epoch").number(claim.order_epoch.value());
        json.key("order").number(claim.order_number.value());
        if (!claim.target.is_none()) {
            json.key("target").number(std::uint64_t{claim.target.value()});
            json.key("target_claim").number(std::uint64_t{claim.target_number});
        }
        json.key("memory_mib").number(std::uint64_t{claim.spec.memory_mib});
        write_xml_ref(json, claim.spec.xml);
        json.end_object();
    }
    json.end_array();
}

void write_record(JsonWriter& json, const Orders& orders) {
    json.key("version").number(orders.version.value());
    json.key("epoch").number(orders.epoch.value());
    json.key("incarnation").text(incarnation_text(orders.incarnation));
    json.key("certificates").begin_array();
    for (const Certificate& certificate : orders.certificates) {
        json.begin_object();
        write_key(json, "dead", certificate.dead);
        json.key("proof").number(static_cast<std::uint64_t>(certificate.proof));
        json.key("epoch").number(certificate.epoch.value());
        json.key("judge").number(std::uint64_t{certificate.judge.value()});
        json.key("silence_ms").number(to_ms(certificate.silence));
        json.key("dead_after_ms").number(to_ms(certificate.dead_after));
        json.key("readings").number(std::uint64_t{certificate.readings});
        json.key("majority").number(std::uint64_t{certificate.majority}).end_object();
    }
    json.end_array().key("orders").begin_array();
    for (const Order& order : orders.orders) {
        json.begin_object().key("number").number(order.number.value());
        json.key("target").number(std::uint64_t{order.target.value()});
        json.key("name").text(order.spec.name.view());
        json.key("uuid").text(uuid_text(order.spec.vm));
        json.key("attempt").number(std::uint64_t{order.attempt});
        write_key(json, "previous", order.previous);
        json.end_object();
    }
    json.end_array();
}

// Both copies; `current` is the one that counts, -1: none.
template <typename Record>
void write_copies(JsonWriter& json,
                  const char* name,
                  const InspectedCopy<Record> (&copies)[2],
                  int current) {
    json.key(name).begin_array();
    for (int i = 0; i < 2; ++i) {
        const InspectedCopy<Record>& copy = copies[i];
        json.begin_object().key("copy").text(i == 0 ? "A" : "B");
        json.key("offset_bytes").number(copy.offset_bytes);
        json.key("state").text(copy.is_valid()       ? "valid"
                               : copy.is_unwritten() ? "unwritten"
                                                     : to_string(copy.reject.code));
        json.key("current").flag(i == current);
        if (copy.is_valid()) {
            write_record(json, *copy.record);
        } else if (!copy.is_unwritten()) {
            json.key("problem").text(copy.problem);
        }
        json.end_object();
    }
    json.end_array();
}

void write_recorder(JsonWriter& json, const InspectedHost& host) {
    json.key("recorder_damaged").number(host.recorder_damaged);
    json.key("recorder").begin_array();
    for (const RecorderEntry& entry : host.recorder) {
        json.begin_object().key("sequence").number(entry.sequence);
        json.key("unix_ns").number(entry.unix_ns);
        json.key("continues").flag(entry.continues);
        json.key("text").text(entry.text.view()).end_object();
    }
    json.end_array();
}

}  // namespace

std::string inspect_json(const Inspection& inspection, const std::string& region) {
    const auto wanted = [&region](const char* name) { return region.empty() || region == name; };
    JsonWriter json;
    json.begin_object().key("path").text(inspection.path);
    json.key("size_bytes").number(inspection.size_bytes);
    json.key("content").text(to_string(inspection.signature.kind));
    json.key("damaged_copies").number(inspection.damaged_copies);
    if (wanted("superblock")) {
        const bool first = inspection.superblocks[0].is_valid();
        const bool second = inspection.superblocks[1].is_valid();
        write_copies(json, "superblock", inspection.superblocks, first ? 0 : (second ? 1 : -1));
    }
    json.key("hosts").begin_array();
    for (const InspectedHost& host : inspection.hosts) {
        json.begin_object().key("host").number(std::uint64_t{host.host.value()});
        if (wanted("slots")) write_copies(json, "slots", host.slots, host.slot_current);
        if (wanted("configuration"))
            write_copies(json, "configuration", host.configs, host.config_current);
        if (wanted("rosters")) write_copies(json, "rosters", host.rosters, host.roster_current);
        if (wanted("orders")) write_copies(json, "orders", host.orders, host.orders_current);
        if (wanted("recorder")) write_recorder(json, host);
        json.end_object();
    }
    json.end_array().end_object();
    return json.str();
}

}  // namespace holdfast::cli
