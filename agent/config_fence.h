// The fence device of a member: `fence = { program = "fence_ipmilan", timeout = "30s", … }`.
#pragma once

#include "agent/config.h"
#include "agent/config_report.h"
#include "agent/toml_tree.h"

namespace holdfast {

// Every key but program and timeout goes to the program as it stands.  Values are never part of a message.
[[nodiscard]] FenceConfig read_fence(const TomlNode& node, ConfigReport& report);

}  // namespace holdfast
