// Whether a domain can be protected: everything that it needs must lie where other hosts reach it, too.
//
// Decides from paths alone and touches no file: a look at a hung datastore would not come back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config.h"
#include "agent/vm/domain_xml.h"

namespace holdfast {

struct Protection {
    bool protectable = false;
    std::uint32_t datastores = 0;  // bit i: needs the i-th VM datastore
    std::string reason;            // a sentence, when not protectable
};

[[nodiscard]] Protection judge_protection(const DomainDescription& domain,
                                          const std::vector<PathConfig>& vm_datastores);

// Whether `path` lies on the VM datastore whose configured path is `root`: below that directory, or, for paths in /dev,
// beginning with it ("/dev/mapper/vm-" covers "/dev/mapper/vm-a").
[[nodiscard]] bool lies_on(std::string_view path, std::string_view root);

}  // namespace holdfast
