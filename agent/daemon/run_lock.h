// RunLock: `run/agent.lock`, an exclusive kernel lock that makes this process the only agent of its run directory.  The kernel
// releases it when the process is gone, whichever way; so whoever holds it knows that its predecessor does nothing any more.
#pragma once

#include <string>

#include "engine/base/result.h"
#include "engine/base/types.h"

namespace holdfast {

class RunLock {
  public:
    // Waits up to `wait_max` for a predecessor to end.  Errors: an unwritable folder; still held, with the pid of the holder.
    [[nodiscard]] static Result<RunLock> take(const std::string& path, Duration wait_max);

    RunLock(RunLock&& other) noexcept;
    RunLock& operator=(RunLock&& other) noexcept;
    RunLock(const RunLock&) = delete;
    RunLock& operator=(const RunLock&) = delete;
    ~RunLock();

  private:
    explicit RunLock(int fd) : fd_(fd) {}

    int fd_ = -1;
};

}  // namespace holdfast
