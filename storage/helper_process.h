// A disposable process for system calls that may never return.
//
// The child is forked, closes every descriptor but its socket, makes system calls only (no
// allocation, no lock: it may be forked from a process with threads), sends one fixed-size answer
// and at most one descriptor, and exits.  It is an orphan from the start, so nobody waits for it;
// one that hangs is left behind and ends when its storage answers.  Internal to storage/.
#pragma once

#include <cstddef>
#include <span>

#include "engine/base/result.h"
#include "engine/base/types.h"

namespace holdfast {

// Runs in the child.  Fills `answer` and returns a descriptor to hand over, or -1.
using HelperWork = int (*)(const void* argument, std::span<std::byte> answer);

// Runs `work` within `timeout` and fills `answer`; returns the descriptor, or -1.  `argument` is
// copied by the fork.  Errors: ETIMEDOUT, or that no process could be made.
[[nodiscard]] Result<int> run_in_helper(HelperWork work,
                                        const void* argument,
                                        std::span<std::byte> answer,
                                        Duration timeout);

}  // namespace holdfast
