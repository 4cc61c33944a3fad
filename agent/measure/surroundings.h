// Surroundings: what this host says about itself that a timing must reckon with.  Reads files only; opens no device.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace holdfast::measure {

struct Surroundings {
    std::optional<double> watchdog_min_s;   // the shortest time that the device can do
    std::string watchdog;                   // its name; empty: none seen
    bool network_storage = false;           // a target lies on NFS, or disks come by iSCSI
    std::optional<double> nfs_timeo_s;      // how long the client waits before it asks again
    std::optional<double> path_failover_s;  // multipath: until a dead path is given up
    std::optional<bool>
        shared_interface;  // beats and storage leave by the same one; nullopt: cannot be told
    std::vector<std::string> findings;  // sentences for people: what was found and what follows
};

// `root`: "" on a host; a folder with etc, proc and sys in tests.  `targets`: paths that were measured.  `peers`: other
// hosts' addresses, literal; may be empty.
[[nodiscard]] Surroundings look_around(const std::string& root,
                                       const std::vector<std::string>& targets,
                                       const std::vector<std::string>& peers);

}  // namespace holdfast::measure
