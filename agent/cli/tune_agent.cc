#include "agent/cli/tune_agent.h"

#include <cstdio>

#include "agent/cli/agent_client.h"
#include "agent/cli/options.h"

namespace holdfast::cli {

int ask_agent_for_measurements(const std::string& /*config_file*/,
                               std::vector<measure::Measurement>& /*measurements*/) {
    return kUnreachable;
}

int apply_timing(const std::string& /*config_file*/, const Timing& /*timing*/) {
    std::fputs(
        "holdfast: the agents of this release take no change of timing from a command yet, so "
        "nothing was changed. Put the table "
        "into /etc/holdfast/holdfast.toml of every host, in the order that docs/TIMING.md gives "
        "(\"Choosing and changing\").\n",
        stderr);
    return kNo;
}

}  // namespace holdfast::cli
