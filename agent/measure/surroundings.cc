#include "agent/measure/surroundings.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <arpa/inet.h>

#include "agent/files.h"
#include "agent/measure/report_text.h"
#include "agent/text.h"

namespace holdfast::measure {

namespace {

namespace fs = std::filesystem;

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return printable(line);
}

std::optional<double> number_of(const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (end == text.c_str() || value < 0 || value > 1e6) return std::nullopt;
    return value;
}

void look_at_watchdog(const std::string& root, Surroundings& around) {
    const std::string folder = root + "/sys/class/watchdog/watchdog0/";
    around.watchdog = first_line(folder + "identity");
    if (around.watchdog.empty()) {
        around.findings.emplace_back(
            "No watchdog tells its limits here (/sys/class/watchdog/watchdog0), so the proposal "
            "takes 3 s; give --watchdog where yours can do less.");
        return;
    }
    // A device without a lower limit says 0; the interface counts whole seconds.
    const auto least = number_of(first_line(folder + "min_timeout"));
    if (!least) return;
    around.watchdog_min_s = std::max(*least, 1.0);
    around.findings.push_back("Watchdog " + around.watchdog + " can do " +
                              short_time(*around.watchdog_min_s) + ".");
}

struct Mount {
    std::string folder;
    std::string type;
    std::string options;
};

std::vector<Mount> mounts_of(const std::string& root) {
    std::vector<Mount> mounts;
    std::ifstream file(root + "/proc/mounts");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string source;
        Mount mount;
        words >> source >> mount.folder >> mount.type >> mount.options;
        mounts.push_back(mount);
    }
    return mounts;
}

std::string option_of(const std::string& options, const std::string& name) {
    std::istringstream words(options);
    for (std::string word; std::getline(words, word, ',');) {
        if (word.starts_with(name + "=")) return word.substr(name.size() + 1);
    }
    return {};
}

const Mount* mount_of(const std::vector<Mount>& mounts, const std::string& target) {
    std::error_code ignored;
    const std::string path = fs::absolute(target, ignored).lexically_normal().string();
    const Mount* best = nullptr;
    for (const Mount& mount : mounts) {
        const std::string prefix = mount.folder == "/" ? "/" : mount.folder + "/";
        if (!path.starts_with(prefix)) continue;
        if (best == nullptr || mount.folder.size() >= best->folder.size()) best = &mount;
    }
    return best;
}

// Returns the servers' addresses.
std::set<std::string> look_at_mounts(const std::string& root,
                                     const std::vector<std::string>& targets,
                                     Surroundings& around) {
    std::set<std::string> servers;
    std::set<std::string> said;
    const std::vector<Mount> mounts = mounts_of(root);
    for (const std::string& target : targets) {
        const Mount* mount = mount_of(mounts, target);
        if (mount == nullptr || !mount->type.starts_with("nfs")) continue;
        around.network_storage = true;
        if (const std::string server = option_of(mount->options, "addr"); !server.empty())
            servers.insert(server);
        const auto timeo = number_of(option_of(mount->options, "timeo"));
        if (timeo) around.nfs_timeo_s = std::max(around.nfs_timeo_s.value_or(0), *timeo / 10);
        if (!said.insert(mount->folder).second) continue;
        std::string text = "NFS on " + printable(mount->folder) + ": ";
        if (timeo) {
            text += "timeo " + short_time(*timeo / 10) + ", retrans " +
                    printable(option_of(mount->options, "retrans")) +
                    ": a request whose answer was lost is asked again only after that time, and no "
                    "measurement without such a loss shows it. ";
        }
        if (("," + mount->options + ",").find(",soft,") != std::string::npos) {
            text +=
                "It is mounted soft: writes fail instead of waiting, and guests see I/O errors. ";
        }
        around.findings.push_back(text + "The proposal lets writes land for 2 s at least.");
    }
    return servers;
}

void look_at_multipath(const std::string& root, Surroundings& around) {
    std::ifstream file(root + "/etc/multipath.conf");
    if (!file) return;
    std::string fast_fail;
    std::string retry;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line.substr(0, line.find_first_of("#!")));
        std::string key;
        std::string value;
        words >> key >> value;
        std::erase(value, '"');
        if (key == "fast_io_fail_tmo") fast_fail = value;
        if (key == "no_path_retry") retry = value;
    }
    // multipathd's default is 5 s where the file says nothing.
    around.path_failover_s = number_of(fast_fail).value_or(5);
    std::string text = "multipath: a lost path is given up after fast_io_fail_tmo = " +
                       short_time(*around.path_failover_s) +
                       (fast_fail.empty() ? " (default)" : "") +
                       "; that long the storage stands still at each failover, whether or not the "
                       "measurement saw one.";
    if (retry == "queue") {
        text +=
            " no_path_retry = queue: when all paths are gone, I/O waits for ever; a host then "
            "needs its watchdog to be freed.";
    }
    around.findings.push_back(text);
}

std::set<std::string> look_at_iscsi(const std::string& root, Surroundings& around) {
    std::set<std::string> portals;
    const std::string connections = root + "/sys/class/iscsi_connection/";
    for (const std::string& name : names_in(connections).value_or(std::vector<std::string>{})) {
        const std::string address = first_line(connections + name + "/persistent_address");
        if (!address.empty()) portals.insert(address);
    }
    if (!portals.empty()) {
        around.network_storage = true;
        around.findings.emplace_back(
            "iSCSI: node.session.timeo.replacement_timeout (120 s unless set) is how long a lost "
            "session stands still.");
    }
    return portals;
}

// The interface that leads to an IPv4 address, by /proc/net/route; empty: unknown.
std::string interface_to(const std::string& root, const std::string& address) {
    in_addr target{};
    if (::inet_pton(AF_INET, address.c_str(), &target) != 1) return {};
    std::ifstream file(root + "/proc/net/route");
    std::string line;
    std::getline(file, line);
    std::string best;
    std::uint32_t best_mask = 0;
    while (std::getline(file, line)) {
        std::istringstream words(line);
        std::string name;
        std::array<std::string, 7> columns;
        words >> name;
        for (std::string& column : columns) words >> column;
        // Destination and mask are in the same order as s_addr.
        const auto destination =
            static_cast<std::uint32_t>(std::strtoul(columns[0].c_str(), nullptr, 16));
        const auto mask = static_cast<std::uint32_t>(std::strtoul(columns[6].c_str(), nullptr, 16));
        if ((target.s_addr & mask) != destination) continue;
        if (best.empty() || ntohl(mask) > best_mask) {
            best = name;
            best_mask = ntohl(mask);
        }
    }
    return best;
}

void look_at_routes(const std::string& root,
                    const std::set<std::string>& servers,
                    const std::vector<std::string>& peers,
                    Surroundings& around) {
    for (const std::string& server : servers) {
        const std::string storage = interface_to(root, server);
        for (const std::string& peer : peers) {
            const std::string beats = interface_to(root, peer);
            if (storage.empty() || beats.empty()) continue;
            if (storage != beats) {
                if (!around.shared_interface) around.shared_interface = false;
                continue;
            }
            if (around.shared_interface.value_or(false)) continue;
            around.shared_interface = true;
            around.findings.push_back("Beats to " + peer + " and storage at " + server +
                                      " both leave by " + storage +
                                      ": what takes it away takes both, so answers on the network "
                                      "are not counted on. A second link would mend that.");
        }
    }
}

}  // namespace

Surroundings look_around(const std::string& root,
                         const std::vector<std::string>& targets,
                         const std::vector<std::string>& peers) {
    Surroundings around;
    look_at_watchdog(root, around);
    std::set<std::string> servers = look_at_mounts(root, targets, around);
    look_at_multipath(root, around);
    servers.merge(look_at_iscsi(root, around));
    look_at_routes(root, servers, peers, around);
    return around;
}

}  // namespace holdfast::measure
