// Formatting: making a heartbeat datastore of a device or of a file.  Blocks for as long as it
// takes; for the command line.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/base/result.h"
#include "storage/geometry.h"
#include "storage/superblock.h"

namespace holdfast {

struct FormatOptions {
    std::string path;
    ClusterUuid cluster;
    Uuid datastore;
    std::string name;
    Geometry geometry;
    bool force = false;                   // overwrite what is there
    bool create = true;                   // create the file when nothing is at `path`
    bool allow_local_filesystem = false;  // test clusters only
    Duration open_timeout = std::chrono::seconds{20};
    std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)>
        progress;  // may be empty
};

struct FormatReport {
    Superblock superblock;
    std::uint64_t bytes_written = 0;
    bool created = false;
    std::string replaced;  // what was there before; empty when nothing was
};

// Invalidates an old superblock first, zero-fills with O_DIRECT|O_DSYNC, syncs file and directory,
// checks that no extent is unwritten, reads a sample back and writes the superblock last.  Refuses
// what is not empty without `force`, and says what it found.  Interrupted anywhere, the target is
// not a datastore.
[[nodiscard]] Result<FormatReport> format_datastore(const FormatOptions& options);

}  // namespace holdfast
