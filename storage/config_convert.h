// Between the configuration as the engine sees it and the record on disk, which also names hosts and addresses.
#pragma once

#include "engine/machine/cluster_config.h"
#include "storage/config_format.h"

namespace holdfast {

// Fills `record` with `copy`.  Names, uuids and addresses of hosts come from `directory`, where it has them; it may be empty, and is
// read only.
void to_record(const ConfigCopy& copy, const ConfigRecord& directory, ConfigRecord& record);

// What the engine needs of a record.
void from_record(const ConfigRecord& record, ConfigCopy& copy);

}  // namespace holdfast
