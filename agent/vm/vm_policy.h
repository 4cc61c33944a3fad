// VmPolicy: what a domain's own XML says of how Holdfast shall treat it.
//
//     <metadata>
//       <holdfast:policy xmlns:holdfast="https://holdfast.example/policy/1"
//           priority="high" isolation="shutdown" after="db:agent,queue" after-delay="10s" apart="web" together="shop"/>
//     </metadata>
//
// It lies in the domain, so that virsh, virt-manager and migration carry it along; docs/CONFIGURATION.md explains each word.
// Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/machine/roster.h"

namespace pugi {
class xml_node;
}  // namespace pugi

namespace holdfast {

inline constexpr const char* kPolicyNamespace = "https://holdfast.example/policy/1";

struct VmPolicy {
    Priority priority = Priority::Medium;
    IsolationResponse isolation = IsolationResponse::Cluster;
    VmRelations relations;
    // What was said and could not be understood, a sentence each; such a word counts as not said.
    std::vector<std::string> problems;
};

// The policy of the domain whose root element is `domain`, and whose name is `name`.  Without one, every default.
[[nodiscard]] VmPolicy parse_policy(const pugi::xml_node& domain, std::string_view name);

}  // namespace holdfast
