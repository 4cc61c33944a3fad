// What Holdfast needs to know of a libvirt domain, taken from its XML.
//
// Any thread.  The XML comes from libvirt or from a datastore, so nothing about it is trusted: whatever is missing or
// malformed is an error with the place named, never a default.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/machine/roster.h"

namespace holdfast {

// The element of a domain's <metadata> that carries its policy:
//     <holdfast:policy xmlns:holdfast="https://holdfast.example/policy/1" priority="high"/>
// A domain without it is protected with priority medium.
inline constexpr const char* kPolicyNamespace = "https://holdfast.example/policy/1";

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
    Priority priority = Priority::Medium;
    std::vector<DomainNeed> needs;
};

[[nodiscard]] Result<DomainDescription> parse_domain_xml(const std::string& xml);

}  // namespace holdfast
