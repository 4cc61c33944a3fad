// What Holdfast needs to know of a libvirt domain, taken from its XML.
//
// Any thread.  The XML comes from libvirt or from a datastore, so nothing about it is trusted: whatever is missing or
// malformed is an error with the place named, never a default; only a policy that cannot be understood is a problem to
// report, and a default.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/vm/vm_policy.h"
#include "engine/base/result.h"
#include "engine/base/types.h"

namespace holdfast {

// Something that must be reachable wherever the domain is to run.
struct DomainNeed {
    std::string what;  // "disk vda", "NVRAM", "TPM state", "kernel", "folder", "host device"
    std::string path;  // empty: it is no file, and bound to this host or unknown to the agent
};

struct DomainDescription {
    VmId vm;
    std::string name;
    std::uint32_t memory_mib = 0;  // rounded up
    std::uint16_t cpus = 0;
    VmPolicy policy;
    std::vector<DomainNeed> needs;
    std::vector<std::string> networks;  // as host_networks.h names them, each once
    bool guest_agent = false;           // it has a channel for one
};

[[nodiscard]] Result<DomainDescription> parse_domain_xml(const std::string& xml);

// Whether the guest agent has opened its channel, by the XML of a domain that runs.
[[nodiscard]] bool guest_agent_is_up(const std::string& live_xml);

}  // namespace holdfast
