// Measuring one datastore from this host, with the agent's own I/O path: every interval a slot write and a scan of
// all slots in one submission, O_DIRECT|O_DSYNC, at most one write in flight, as engine/machine/output.cc asks for it.
//
// Runs in a process of its own (supervise.h), because whatever touches a hung datastore may stay in the kernel, also
// when it exits.
#pragma once

#include <cstdint>
#include <string>

#include "agent/measure/target_result.h"
#include "engine/base/result.h"
#include "engine/base/types.h"
#include "storage/geometry.h"

namespace holdfast::measure {

// "holdfast bench": the cluster to which every measuring target belongs and no agent ever does.
inline constexpr ClusterUuid kMeasuringCluster{
    {'h', 'o', 'l', 'd', 'f', 'a', 's', 't', ' ', 'b', 'e', 'n', 'c', 'h', '\0', '\1'}};

struct DatastoreJob {
    std::string path;
    std::string backend = "auto";  // auto | io_uring | libaio | plain
    Duration interval = std::chrono::milliseconds{500};
    Duration duration = std::chrono::seconds{60};
    std::uint32_t hosts = 64;  // slots that each scan reads
    HostId host{
        1};  // whose slot is written: hosts that measure one target at once take different ones
};

[[nodiscard]] inline Geometry measuring_geometry(std::uint32_t hosts) {
    return Geometry{hosts, kHeapBytesMin};
}

// Makes a measuring target of `path`, or finds that it is one: a device or file that holds nothing but zeros where
// formatting would write, or nothing yet.  Says for how many hosts it is formatted.  Error: what it holds instead; then
// nothing was changed.
[[nodiscard]] Result<std::uint32_t> prepare_target(const DatastoreJob& job, TargetResult& result);

// Prepares and measures, until the duration is over or result.stop is set.  All that is to be told lies in `result`.
// Returns normally also when operations are still out.
void measure_datastore(const DatastoreJob& job, TargetResult& result);

// Competing I/O on a measuring target until result.stop is set: 64 KiB writes and reads in turn, at random places behind the
// slots.  For a process of its own.  `seed` tells several of them apart.
void load_datastore(const DatastoreJob& job, const TargetResult& result, std::uint64_t seed);

}  // namespace holdfast::measure
