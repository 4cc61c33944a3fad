// Supervisor: runs the agent's processes where no systemd does.
//
// Starts the keeper, holdfastd and holdfast-vm, in that order, and starts again whichever ends.  Asked to end, it stops
// holdfast-vm, then holdfastd, then the keeper; a keeper that guards VMs does not stop, and is left behind: ending it by
// force would reset the host.  One thread; reaps every child of the process, so it may be a pid namespace's first one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "agent/supervise/child.h"
#include "engine/base/types.h"

namespace holdfast {

class Supervisor {
  public:
    using WriteLine = std::function<void(const std::string& line)>;

    // `children` in the order of starting; they are stopped in the reverse order.
    Supervisor(std::vector<Child> children, WriteLine write_line);

    // Starts what is due, reaps what ended, passes on what was written.  Returns when to be called again at the latest.
    [[nodiscard]] Instant tick(Instant now);

    void begin_stop(Instant now);

    // Whether all that can be stopped has stopped.
    [[nodiscard]] bool has_stopped() const { return is_stopping_ && stopping_index_ == 0; }

    [[nodiscard]] std::vector<int> descriptors() const;

  private:
    void reap(Instant now);
    void collect_output();
    void go_on_stopping(Instant now);

    std::vector<Child> children_;
    WriteLine write_line_;
    bool is_stopping_ = false;
    std::size_t stopping_index_ = 0;  // children below this one still run
    Instant asked_at_ = kNotYet;
};

}  // namespace holdfast
