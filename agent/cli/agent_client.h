// AgentClient: one request to the running agent and its answer.  Blocks up to the time limit; for the command line.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "agent/control_protocol.h"
#include "engine/base/result.h"
#include "engine/base/types.h"

namespace holdfast::cli {

// Sends the request and calls take() for each part of the answer's text, until the end packet comes.  `patience` is how long the agent may be
// silent; kNever as a duration (Duration::max()) waits for ever.  Error: nobody listens, no answer in time, refused access; each a
// sentence with the next step.
[[nodiscard]] Result<ControlEnd> ask_agent(const std::string& socket_path,
                                           const ControlRequest& request,
                                           Duration patience,
                                           const std::function<void(std::string_view)>& take);

}  // namespace holdfast::cli
