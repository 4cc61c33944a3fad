// The stand-in watchdog of test clusters: a server on a Unix socket plays the hardware (docs/CONFIGURATION.md).
#pragma once

#include <string>

#include "agent/keeper/watchdog_device.h"

namespace holdfast {

// Connects and opens; waits up to two seconds for the server's answer.  Both devices share the connection.
[[nodiscard]] Result<Guard> open_stand_in(const std::string& path, Duration timeout);

}  // namespace holdfast
