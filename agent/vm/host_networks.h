// The networks of a host that VMs can be attached to, by the names that domain_xml.h gives to what a VM needs: "device br0"
// (a bridge, or an interface for macvtap) and "network default" (of libvirt).
//
// Any thread.  Reads /sys, which does not hang.
#pragma once

#include <string>
#include <vector>

#include "engine/machine/roster.h"

namespace holdfast {

// Every interface that a VM's own could be attached to: not the loopback, and none that itself belongs to a VM or a container.
[[nodiscard]] std::vector<std::string> interfaces_of_host(
    const std::string& folder = "/sys/class/net");

// Not known when there are more than a roster carries.
[[nodiscard]] HostNetworks hash_networks(const std::vector<std::string>& interfaces,
                                         const std::vector<std::string>& libvirt_networks);

}  // namespace holdfast
