// The one source file that includes the JSON parser.
#include "agent/cli/status_view.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/text.h"
#include "agent/timing_text.h"

namespace holdfast::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string str(const Json& object, const char* key) {
    const Json& value = object.at(key);
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string age(const Json& object, const char* key) {
    const auto ms = object.at(key).get<std::int64_t>();
    if (ms < 0) return "never";
    return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
}

std::string microseconds(const Json& object, const char* key) {
    const auto us = object.at(key).get<std::int64_t>();
    return us < 0 ? "-" : std::to_string(us) + " us";
}

Timing timing_of(const Json& configuration) {
    Timing timing{};
    const Json& written = configuration.at("timing_ms");
    for (const TimingKey& key : kTimingKeys)
        timing.*key.member = std::chrono::milliseconds{written.at(key.name).get<std::int64_t>()};
    return timing;
}

std::string head_view(const Json& status) {
    const Json& host = status.at("host");
    std::string text = text_line(
        "host %s (id %s), %s, incarnation %s, lease %s left (%s), keeper %s, watchdog %s ms",
        str(host, "name").c_str(),
        str(host, "id").c_str(),
        str(host, "phase").c_str(),
        str(host, "incarnation").c_str(),
        age(host, "lease_remaining_ms").c_str(),
        str(host, "lease_source").c_str(),
        host.at("keeper_armed").get<bool>() ? "armed" : "not armed",
        str(host, "watchdog_ms").c_str());
    const Json& leader = status.at("leader");
    text += leader.is_null() ? "leader: none\n"
                             : text_line("leader: %s (id %s), epoch %s",
                                         str(leader, "name").c_str(),
                                         str(leader, "id").c_str(),
                                         str(leader, "epoch").c_str());
    const Json& record = status.at("configuration");
    return text + text_line("configuration: %s, %s",
                            str(record, "number").c_str(),
                            timing_summary(timing_of(record)).c_str());
}

std::string reasons_view(const Json& vm) {
    constexpr std::array<std::pair<const char*, const char*>, 4> kReasons{{
        {"without_memory", "without the memory"},
        {"without_cpus", "with too few CPUs"},
        {"out_of_reach", "out of reach of its disks"},
        {"kept_apart", "running what it is kept apart from"},
    }};
    std::string text;
    for (const auto& [key, reason] : kReasons) {
        const auto count = vm.at(key).get<std::uint64_t>();
        if (count == 0) continue;
        text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + reason;
    }
    return text.empty() ? "no other host" : text;
}

// Which failures the cluster can absorb, where this host knows it.
std::string absorption_view(const Json& status) {
    const Json& found = status.at("absorption");
    if (found.is_null()) return {};
    const auto absorbs = found.at("absorbs").get<std::uint64_t>();
    std::string beyond;
    for (const Json& host : found.at("beyond"))
        beyond += (beyond.empty() ? "" : ", ") + host.get<std::string>();
    std::string text = absorbs == 0 ? "room: some host may not fail, its VMs would find none\n"
                                    : "room: for all VMs if any " + str(found, "absorbs") + " of " +
                                          str(found, "hosts") + " hosts fail at once\n";
    if (absorbs > 0 && !beyond.empty()) text += "    not if these fail together: " + beyond + "\n";
    for (const Json& vm : found.at("no_room")) {
        const std::string when = vm.at("host").is_null()
                                     ? "waits for room already"
                                     : "no room if " + str(vm, "host") + " fails";
        text += "    " + str(vm, "name") + ": " + when + " (" + reasons_view(vm) + ")\n";
    }
    const auto named = found.at("no_room").size();
    const auto count = found.at("no_room_count").get<std::uint64_t>();
    if (count > named) text += "    and " + std::to_string(count - named) + " more\n";
    return text;
}

std::string hosts_view(const Json& status) {
    std::string text = text_line("\n%-16s %4s %-14s %-12s %-10s %-10s %-9s %6s %s",
                                 "HOST",
                                 "ID",
                                 "VERDICT",
                                 "INCARNATION",
                                 "SLOT AGE",
                                 "BEAT AGE",
                                 "WATCHDOG",
                                 "CLAIMS",
                                 "MEMORY MiB");
    for (const Json& host : status.at("hosts")) {
        text += text_line("%-16s %4s %-14s %-12s %-10s %-10s %-9s %6s %s of %s%s%s",
                          str(host, "name").c_str(),
                          str(host, "id").c_str(),
                          str(host, "verdict").c_str(),
                          str(host, "incarnation").c_str(),
                          age(host, "slot_age_ms").c_str(),
                          age(host, "beat_age_ms").c_str(),
                          str(host, "watchdog_class").c_str(),
                          str(host, "claims").c_str(),
                          str(host, "memory_used_mib").c_str(),
                          str(host, "memory_mib").c_str(),
                          host.at("self").get<bool>() ? "  (this host)" : "",
                          host.at("maintenance").get<bool>() ? "  (in maintenance)" : "");
    }
    return text;
}

std::string datastores_view(const Json& status) {
    std::string text = text_line("\n%-16s %-6s %-9s %-9s %-10s %8s %10s %10s  %s",
                                 "DATASTORE",
                                 "VOTES",
                                 "STATE",
                                 "BACKEND",
                                 "WRITE AGE",
                                 "FAILED",
                                 "P50",
                                 "P99",
                                 "PATH");
    for (const Json& datastore : status.at("datastores")) {
        text += text_line("%-16s %-6s %-9s %-9s %-10s %8s %10s %10s  %s",
                          str(datastore, "name").c_str(),
                          datastore.at("votes").get<bool>() ? "yes" : "spare",
                          str(datastore, "state").c_str(),
                          str(datastore, "backend").c_str(),
                          age(datastore, "write_age_ms").c_str(),
                          str(datastore, "writes_failed").c_str(),
                          microseconds(datastore, "latency_p50_us").c_str(),
                          microseconds(datastore, "latency_p99_us").c_str(),
                          str(datastore, "path").c_str());
        if (!datastore.at("problem").is_null()) text += "    " + str(datastore, "problem") + "\n";
    }
    return text;
}

std::string links_view(const Json& status) {
    std::string text;
    if (status.at("links").empty()) return text;
    text += text_line(
        "\n%-32s %-6s %10s %12s %12s %12s", "LINK", "STATE", "BEATS", "APART P50", "P99", "WORST");
    for (const Json& link : status.at("links")) {
        text += text_line("%-32s %-6s %10s %12s %12s %12s",
                          str(link, "address").c_str(),
                          link.at("up").get<bool>() ? "up" : "down",
                          str(link, "beats").c_str(),
                          microseconds(link, "spacing_p50_us").c_str(),
                          microseconds(link, "spacing_p99_us").c_str(),
                          microseconds(link, "spacing_worst_us").c_str());
    }
    return text;
}

std::string vms_view(const Json& status) {
    std::string text;
    if (!status.at("vms").empty()) {
        text += text_line("\n%-24s %4s %-12s %8s  %s", "VM", "HOST", "STATE", "CLAIM", "UUID");
    }
    for (const Json& vm : status.at("vms")) {
        text += text_line("%-24s %4s %-12s %8s  %s",
                          str(vm, "name").c_str(),
                          str(vm, "host").c_str(),
                          str(vm, "state").c_str(),
                          str(vm, "claim").c_str(),
                          str(vm, "uuid").c_str());
    }
    if (!status.at("unprotected").empty()) text += "\nnot protected on this host:\n";
    for (const Json& vm : status.at("unprotected")) {
        text += "    " + str(vm, "name") + ": " + str(vm, "reason") + "\n";
    }
    return text;
}

// A list's entries each begin with a dash; the first key stands on the same line.
// NOLINTNEXTLINE(misc-no-recursion): as deep as our own JSON
void indent(const Json& value, std::size_t depth, std::string& out) {
    const std::string margin(2 * depth, ' ');
    if (value.is_array()) {
        for (const Json& item : value) {
            std::string part;
            indent(item, depth + 1, part);
            if (part.size() > margin.size() + 2) part[margin.size()] = '-';
            out += part;
        }
        return;
    }
    if (!value.is_object()) {
        out += margin + (value.is_string() ? value.get<std::string>() : value.dump()) + "\n";
        return;
    }
    for (const auto& [key, member] : value.items()) {
        if (member.is_structured() && !member.empty()) {
            out += margin + key + ":\n";
            indent(member, depth + 1, out);
        } else {
            const std::string text = member.is_structured() ? "none" : str(value, key.c_str());
            out += margin + key + ": " + text + "\n";
        }
    }
}

}  // namespace

std::string indented_view(const std::string& json) {
    try {
        std::string text;
        indent(Json::parse(json), 0, text);
        return text;
    } catch (const nlohmann::json::exception&) {
        return json + "\n";
    }
}

std::string status_view(const std::string& json) {
    try {
        const Json status = Json::parse(json);
        return head_view(status) + absorption_view(status) + hosts_view(status) +
               datastores_view(status) + links_view(status) + vms_view(status);
    } catch (const nlohmann::json::exception&) {
        return json;
    }
}

std::string event_view(const std::string& json) {
    try {
        const Json event = Json::parse(json);
        return text_line("%10.3f %-7s %s [%s]",
                         event.at("time_s").get<double>(),
                         str(event, "level").c_str(),
                         str(event, "text").c_str(),
                         str(event, "id").c_str());
    } catch (const nlohmann::json::exception&) {
        return json + "\n";
    }
}

std::optional<Timing> find_timing(const std::string& status_json) {
    try {
        return timing_of(Json::parse(status_json).at("configuration"));
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
}

HostLook find_host(const std::string& status_json, const std::string& host) {
    HostLook look;
    const Json status = Json::parse(status_json, nullptr, false);
    if (!status.is_object() || !status.contains("hosts")) return look;
    for (const Json& entry : status.at("hosts")) {
        if (str(entry, "name") != host && str(entry, "id") != host) continue;
        unsigned boot = 0;
        unsigned restart = 0;
        // NOLINTNEXTLINE(cert-err34-c): what does not parse stays 0, "none"
        std::sscanf(str(entry, "incarnation").c_str(), "%u.%u", &boot, &restart);
        look.id = HostId{entry.at("id").get<std::uint16_t>()};
        look.name = str(entry, "name");
        look.incarnation = Incarnation{boot, restart};
        look.verdict = str(entry, "verdict");
        const auto beat = entry.at("beat_age_ms").get<std::int64_t>();
        const auto slot = entry.at("slot_age_ms").get<std::int64_t>();
        const bool by_beat = slot < 0 || (beat >= 0 && beat < slot);
        look.heard = age(entry, by_beat ? "beat_age_ms" : "slot_age_ms");
        return look;
    }
    return look;
}

}  // namespace holdfast::cli
