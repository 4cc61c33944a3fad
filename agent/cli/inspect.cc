#include "storage/inspect.h"

#include <cstdio>
#include <string>

#include "agent/cli/inspect_json.h"
#include "agent/cli/options.h"
#include "agent/cli/status_view.h"

namespace holdfast::cli {

int run_inspect(const InspectOptions& options) {
    holdfast::InspectOptions inspect;
    inspect.path = options.path;
    inspect.only = HostId{options.host};
    const Result<Inspection> inspection = inspect_datastore(inspect);
    if (!inspection) {
        std::fprintf(stderr, "holdfast: %s\n", inspection.error().text.c_str());
        return kNo;
    }
    const std::string json = inspect_json(*inspection, options.region);
    if (options.json) {
        std::printf("%s\n", json.c_str());
    } else {
        std::fputs(indented_view(json).c_str(), stdout);
    }
    return inspection->superblock && inspection->damaged_copies == 0 ? kYes : kNo;
}

}  // namespace holdfast::cli
