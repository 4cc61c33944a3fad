// PathProbes: which VM datastores this host reaches, found out without ever waiting for one.
//
// Each look at a path is made by a process of its own (this program with --probe PATH): on a hung NFS it stays behind in
// the kernel, holds nothing, and is collected whenever it ends.  A path whose probe has not ended in time is not
// reachable, and gets no second probe meanwhile.  One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "agent/config.h"
#include "engine/base/types.h"

namespace holdfast {

class PathProbes {
  public:
    // `program`: what to run, usually /proc/self/exe.
    PathProbes(std::string program, const std::vector<PathConfig>& paths);

    // Starts what is due, collects what ended.  True when reachable() changed or is known for the first time.
    [[nodiscard]] bool tick(Instant now);

    // Bit i: path i answered its last probe in time.
    [[nodiscard]] std::uint32_t reachable() const { return reachable_; }

  private:
    struct Probe {
        PathConfig path;
        pid_t pid = 0;  // 0: none runs
        bool late = false;
        bool known = false;
        Instant started_at = kNotYet;
    };

    void finish(Probe& probe, std::size_t index, bool is_reachable);

    std::string program_;
    std::vector<Probe> probes_;
    std::uint32_t reachable_ = 0;
    bool changed_ = false;
};

// What the child does: 0 when something under `path` can be read.
[[nodiscard]] int probe_path(const std::string& path);

}  // namespace holdfast
