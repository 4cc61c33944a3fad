#include "agent/config.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <sstream>

#include "agent/config_check.h"
#include "agent/config_fence.h"
#include "agent/config_report.h"
#include "agent/table_reader.h"
#include "agent/text.h"
#include "agent/toml_tree.h"
#include "engine/base/limits.h"

namespace holdfast {

namespace {

constexpr std::size_t kConfigBytesMax = 1U << 20U;

void read_cluster(const TomlNode& root, Config& config, ConfigReport& report) {
    TableReader table(root.find("cluster"), "[cluster]", report);
    std::string uuid;
    const int line = table.string("uuid", uuid);
    table.require("uuid", line, "It is the same on every host; `holdfast init` makes one.");
    if (!uuid.empty()) {
        const auto parsed = parse_uuid(uuid);
        if (!parsed || parsed->is_none()) {
            report.add(line,
                       "HF-1003",
                       "uuid = \"" + printable(uuid) +
                           "\" in [cluster] is not a uuid of 32 hex digits other than zero.");
        } else {
            config.cluster_uuid = *parsed;
        }
    }
    table.string("name", config.cluster_name);
    table.string("key_file", config.key_file);
    table.finish();
}

void read_host(const TomlNode& root, Config& config, ConfigLines& lines, ConfigReport& report) {
    TableReader table(root.find("host"), "[host]", report);
    std::int64_t id = 0;
    lines.host_id = table.integer("id", 1, static_cast<std::int64_t>(kHostsMax), id);
    table.require("id", lines.host_id, "Give this host the id that its [[member]] has.");
    config.self = HostId{static_cast<std::uint16_t>(id)};
    std::uint64_t reserve = std::uint64_t{config.memory_reserve_mib} << 20U;
    table.bytes("memory_reserve", reserve);
    config.memory_reserve_mib = static_cast<std::uint32_t>(
        std::min<std::uint64_t>((reserve + (1U << 20U) - 1) >> 20U, UINT32_MAX));
    table.finish();
}

void read_timing(const TomlNode& root, Config& config, ConfigLines& lines, ConfigReport& report) {
    TableReader table(root.find("timing"), "[timing]", report);
    lines.timing = table.line();
    const int profile = table.word("profile", {"fast", "standard", "patient"}, config.profile);
    if (profile != 0) lines.timing = profile;
    config.timing = config.profile == "fast"      ? kTimingFast
                    : config.profile == "patient" ? kTimingPatient
                                                  : kTimingStandard;
    Timing& timing = config.timing;
    lines.interval = table.duration("interval", timing.interval);
    lines.fresh = table.duration("fresh", timing.fresh);
    lines.silent = table.duration("silent", timing.silent);
    lines.isolation_after = table.duration("isolation_after", timing.isolation_after);
    lines.lease = table.duration("lease", timing.lease);
    lines.watchdog = table.duration("watchdog", timing.watchdog);
    table.duration("granularity", timing.granularity);
    table.duration("landing", timing.landing);
    lines.dead = table.duration("dead", timing.dead);
    const int limit = table.duration("blackout_limit", config.blackout_limit);
    if (limit != 0 && config.blackout_limit < timing.lease)
        report.add(limit,
                   "HF-1004",
                   "blackout_limit is shorter than one lease: give at least that, or leave it out "
                   "for 5 min.");
    table.finish();
}

// The tables of an array of tables; reports anything else.
std::vector<const TomlNode*> tables_of(const TomlNode& root,
                                       const std::string& key,
                                       ConfigReport& report) {
    std::vector<const TomlNode*> tables;
    const TomlNode* list = root.find(key);
    if (list == nullptr) return tables;
    if (list->kind != TomlNode::Kind::Array) {
        report.add(list->line,
                   "HF-1003",
                   "write [[" + key + "]], with two brackets, once for each entry.");
        return tables;
    }
    for (const TomlNode& item : list->items) {
        if (item.kind == TomlNode::Kind::Table) {
            tables.push_back(&item);
        } else {
            report.add(item.line, "HF-1003", "write [[" + key + "]] as tables.");
        }
    }
    return tables;
}

void read_members(const TomlNode& root, Config& config, ConfigLines& lines, ConfigReport& report) {
    for (const TomlNode* node : tables_of(root, "member", report)) {
        TableReader table(node, "[[member]]", report);
        MemberConfig member;
        std::int64_t id = 0;
        table.require("id",
                      table.integer("id", 1, static_cast<std::int64_t>(kHostsMax), id),
                      "Every member has its own, 1 to 1024.");
        member.id = HostId{static_cast<std::uint16_t>(id)};
        table.require("name", table.string("name", member.name), "People need one.");
        table.require("addresses",
                      table.addresses("addresses", member.addresses),
                      "Give one literal address per link.");
        if (const TomlNode* fence = table.table("fence")) member.fence = read_fence(*fence, report);
        table.finish();
        lines.members.push_back(node->line);
        config.members.push_back(std::move(member));
    }
}

void read_paths(const TomlNode& root,
                const std::string& key,
                std::vector<PathConfig>& entries,
                std::vector<int>& lines,
                ConfigReport& report) {
    for (const TomlNode* node : tables_of(root, key, report)) {
        TableReader table(node, "[[" + key + "]]", report);
        PathConfig entry;
        table.require("name", table.string("name", entry.name), "Messages call it by its name.");
        const int line = table.string("path", entry.path);
        table.require("path", line, "Give an absolute path.");
        if (!entry.path.empty() && entry.path.front() != '/') {
            report.add(
                line,
                "HF-1003",
                "path = \"" + printable(entry.path) + "\" in [[" + key + "]] is not absolute.");
        }
        table.finish();
        lines.push_back(node->line);
        entries.push_back(std::move(entry));
    }
}

void read_watchdog(const TomlNode& root, Config& config, ConfigReport& report) {
    TableReader table(root.find("watchdog"), "[watchdog]", report);
    const int line = table.string("device", config.watchdog_device);
    const std::string& device = config.watchdog_device;
    if (device != "none" && !device.starts_with("/") && !device.starts_with("stand-in:/")) {
        report.add(line,
                   "HF-1003",
                   "device = \"" + printable(device) +
                       "\" in [watchdog] is not an absolute path, \"none\" or \"stand-in:/PATH\".");
    }
    std::string sentence;
    const int sentence_line = table.string("accept_without_hardware", sentence);
    config.accept_weak_watchdog = sentence == kAcceptWeakWatchdog;
    if (!sentence.empty() && !config.accept_weak_watchdog) {
        report.add(sentence_line,
                   "HF-1003",
                   std::string("accept_without_hardware must be exactly \"") + kAcceptWeakWatchdog +
                       "\", or not be there.");
    }
    table.finish();
}

void read_isolation(const TomlNode& root, Config& config, ConfigReport& report) {
    TableReader table(root.find("isolation"), "[isolation]", report);
    const std::vector<std::string> responses{"leave", "shutdown", "poweroff"};
    std::string response = "leave";
    table.word("response", responses, response);
    const auto position =
        std::find(responses.begin(), responses.end(), response) - responses.begin();
    config.isolation_response = static_cast<IsolationResponse>(position + 1);
    const int line = table.duration("shutdown_limit", config.shutdown_limit);
    if (config.shutdown_limit < std::chrono::seconds{1} ||
        config.shutdown_limit > std::chrono::hours{1}) {
        report.add(line,
                   "HF-1003",
                   "shutdown_limit = " + duration_text(config.shutdown_limit) +
                       " in [isolation] is not between 1 s and 1 h: a guest needs some time, and a "
                       "host that is cut off cannot wait for ever.");
    }
    table.finish();
}

void read_small_tables(const TomlNode& root, Config& config, ConfigReport& report) {
    TableReader network(root.find("network"), "[network]", report);
    std::int64_t port = config.port;
    network.integer("port", 1, 65535, port);
    config.port = static_cast<std::uint16_t>(port);
    network.addresses("isolation_addresses", config.isolation_addresses);
    network.finish();

    read_isolation(root, config, report);

    TableReader io(root.find("io"), "[io]", report);
    io.word("backend", {"auto", "io_uring", "libaio"}, config.io_backend);
    io.flag("shared_filesystem_check", config.shared_filesystem_check);
    io.finish();

    TableReader libvirt(root.find("libvirt"), "[libvirt]", report);
    libvirt.string("uri", config.libvirt_uri);
    libvirt.finish();

    TableReader log(root.find("log"), "[log]", report);
    log.string("file", config.log_file);
    const std::vector<std::string> levels{"error", "warning", "notice", "info", "debug"};
    std::string level = "info";
    log.word("level", levels, level);
    const auto position = std::find(levels.begin(), levels.end(), level) - levels.begin();
    config.log_level = static_cast<TraceLevel>(position + 1);
    log.bytes("flight_bytes_max", config.flight_bytes_max);
    log.finish();

    TableReader paths(root.find("paths"), "[paths]", report);
    paths.string("run", config.run_dir);
    paths.string("state", config.state_dir);
    paths.finish();
}

void check_top_level(const TomlNode& root, ConfigReport& report) {
    static const std::vector<std::string> kTables{"cluster",
                                                  "host",
                                                  "timing",
                                                  "member",
                                                  "datastore",
                                                  "vm_datastore",
                                                  "network",
                                                  "isolation",
                                                  "watchdog",
                                                  "io",
                                                  "libvirt",
                                                  "log",
                                                  "paths"};
    for (const auto& [key, member] : root.members) {
        if (std::find(kTables.begin(), kTables.end(), key) != kTables.end()) continue;
        report.add(member.line,
                   "HF-1002",
                   "unknown key \"" + printable(key) + "\"; see docs/CONFIGURATION.md.");
    }
    if (root.find("cluster") == nullptr) report.add(0, "HF-1008", "[cluster] is missing.");
    if (root.find("host") == nullptr) report.add(0, "HF-1008", "[host] is missing.");
}

}  // namespace

const MemberConfig& Config::self_member() const {
    const auto found = std::find_if(
        members.begin(), members.end(), [this](const MemberConfig& m) { return m.id == self; });
    HF_CHECK(found != members.end());
    return *found;
}

std::string Config::host_name(HostId host) const {
    for (const MemberConfig& member : members) {
        if (member.id == host) return member.name;
    }
    return "host " + std::to_string(host.value());
}

Result<Config> parse_config(const std::string& content, const std::string& file) {
    const Result<TomlNode> root = parse_toml(content, file);
    if (!root) return Unexpected{root.error()};

    ConfigReport report(file);
    ConfigLines lines;
    Config config;
    config.file = file;
    check_top_level(*root, report);
    if (root->find("cluster") != nullptr) read_cluster(*root, config, report);
    if (root->find("host") != nullptr) read_host(*root, config, lines, report);
    read_timing(*root, config, lines, report);
    read_members(*root, config, lines, report);
    read_paths(*root, "datastore", config.datastores, lines.datastores, report);
    read_paths(*root, "vm_datastore", config.vm_datastores, lines.vm_datastores, report);
    read_watchdog(*root, config, report);
    read_small_tables(*root, config, report);
    check_timing(config.timing, lines, report);
    check_members(config, lines, report);
    check_datastores(config, lines, report);
    if (!report.empty()) return Unexpected{Error{0, report.text()}};

    std::sort(config.members.begin(), config.members.end(), [](const auto& a, const auto& b) {
        return a.id < b.id;
    });
    const auto count = static_cast<std::uint8_t>(config.datastores.size());
    config.voters_count = count % 2 == 1 ? count : static_cast<std::uint8_t>(count - 1);
    return config;
}

Result<Config> load_config(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        const int number = errno;
        return Unexpected{Error{number,
                                path + ": cannot be read: " + std::strerror(number) +
                                    ". `holdfast init` writes one to start from. [HF-1001]"}};
    }
    std::ostringstream content;
    content << stream.rdbuf();
    if (stream.bad() || content.str().size() > kConfigBytesMax) {
        return Unexpected{
            Error{0, path + ": is larger than 1 MiB or cannot be read to its end. [HF-1001]"}};
    }
    return parse_config(content.str(), path);
}

}  // namespace holdfast
