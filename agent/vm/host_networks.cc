#include "agent/vm/host_networks.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "engine/base/name_hash.h"

namespace holdfast {

std::vector<std::string> interfaces_of_host(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        const bool is_tap = std::filesystem::exists(entry.path() / "tun_flags", error);
        if (name == "lo" || is_tap || name.starts_with("veth")) continue;
        names.push_back(name);
    }
    return names;
}

HostNetworks hash_networks(const std::vector<std::string>& interfaces,
                           const std::vector<std::string>& libvirt_networks) {
    std::set<std::uint32_t> hashes;
    for (const std::string& name : libvirt_networks) hashes.insert(name_hash("network " + name));
    for (const std::string& name : interfaces) hashes.insert(name_hash("device " + name));
    HostNetworks networks;
    networks.known = hashes.size() <= kHostNetworksMax;
    if (!networks.known) return networks;
    for (const std::uint32_t hash : hashes) networks.hashes.push(hash);
    return networks;
}

}  // namespace holdfast
