// The checks of a configuration that need more than one key: members, datastores and timing.
#pragma once

#include <vector>

#include "agent/config.h"
#include "agent/config_report.h"

namespace holdfast {

// Where a message about a key that may be missing should point.
struct ConfigLines {
    int timing = 0;  // of the [timing] table
    int lease = 0;   // 0: not overridden
    int dead = 0;
    int watchdog = 0;
    int fresh = 0;
    int silent = 0;
    int interval = 0;
    int isolation_after = 0;
    int host_id = 0;
    std::vector<int> members;
    std::vector<int> datastores;
    std::vector<int> vm_datastores;
};

// Adds a finding for every rule that does not hold; names values that would.
void check_timing(const Timing& timing, const ConfigLines& lines, ConfigReport& report);
void check_members(const Config& config, const ConfigLines& lines, ConfigReport& report);
void check_datastores(const Config& config, const ConfigLines& lines, ConfigReport& report);

}  // namespace holdfast
