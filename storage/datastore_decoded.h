// What the results of one datastore are decoded into.  Internal to storage/.
#pragma once

#include <array>
#include <vector>

#include "storage/config_format.h"
#include "storage/datastore_memory.h"

namespace holdfast {

// About 450 KiB: on the heap only.
struct DecodedRegion {
    Roster roster;
    Orders orders;
    ConfigRecord config;
};

struct DatastoreMemory::Decoded {
    std::array<std::vector<SlotView>, kScanResults> scans;
    std::array<DecodedRegion, kRegionResults> regions;
    DecodedRegion other_copy;  // scratch: the copy that is compared with the result
};

}  // namespace holdfast
