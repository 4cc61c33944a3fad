// Measuring in processes of their own, watched by one that touches nothing that can hang.
//
// A process whose I/O hangs cannot even exit: the kernel waits for what it gave to the device.  So the command that
// a person waits for only looks at shared memory; what hangs is left behind, and ends when its storage answers.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "agent/measure/target_result.h"
#include "engine/base/types.h"

namespace holdfast::measure {

// The results of `count` targets in memory that children share; unmapped with the last owner.
class SharedResults {
  public:
    explicit SharedResults(std::size_t count);
    SharedResults(const SharedResults&) = delete;
    SharedResults& operator=(const SharedResults&) = delete;
    ~SharedResults();

    [[nodiscard]] std::span<TargetResult> all() { return {first_, count_}; }

    [[nodiscard]] TargetResult& operator[](std::size_t index) { return first_[index]; }

  private:
    TargetResult* first_;
    std::size_t count_;
};

enum class ChildEnd : std::uint8_t { Ended, Crashed, Hung };

struct SuperviseOptions {
    Duration duration{};                // of the measurement itself, once prepared
    std::function<void()> progress;     // called about five times a second; may be empty
    std::function<bool()> interrupted;  // true: end now, report what was seen
};

// Runs work(i) in a child for each result, and `extra` more children beside them (load) that end by themselves when the
// results say stop.  Returns when all are done, were interrupted, or cannot be waited for any longer; sets stop for all.  Says
// how each child ended.  The caller must have no other threads.
[[nodiscard]] std::vector<ChildEnd> supervise(SharedResults& results,
                                              const std::function<void(std::size_t)>& work,
                                              const std::vector<std::function<void()>>& extra,
                                              const SuperviseOptions& options);

}  // namespace holdfast::measure
