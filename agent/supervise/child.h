// Child: one supervised program, its restarts and its output.
//
// One thread.  start() forks from a process without threads; nothing else here blocks.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "engine/base/types.h"

namespace holdfast {

class Child {
  public:
    // `program`: the full path.  Its name for the log is what follows the last slash.
    Child(std::string program, std::vector<std::string> arguments);
    Child(Child&& other) noexcept;
    Child& operator=(Child&&) = delete;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();

    // Starts it when it is due and does not run.  False: it could not be started, see text.
    [[nodiscard]] bool start_if_due(Instant now, std::string* text);

    // Tells that process `pid` ended with this waitpid() status.  False: it is another's.
    bool on_ended(pid_t pid, int status, Instant now);

    // What its last end was, as a sentence; valid after on_ended() returned true.
    [[nodiscard]] const std::string& last_end() const { return last_end_; }

    // Sends a signal, if it runs.
    void signal(int number) const;

    // Whole lines that it has written to standard output or error since.
    [[nodiscard]] std::vector<std::string> take_lines();

    [[nodiscard]] bool runs() const { return pid_ != 0; }

    [[nodiscard]] int descriptor() const { return output_; }

    [[nodiscard]] const std::string& name() const { return name_; }

    [[nodiscard]] Instant next_start() const { return next_start_; }

  private:
    [[nodiscard]] Duration pause_after(int status, Duration lived);

    std::string program_;
    std::vector<std::string> arguments_;
    std::string name_;
    pid_t pid_ = 0;
    int output_ = -1;
    std::string partial_line_;
    Instant started_at_ = kNotYet;
    Instant next_start_ = kNotYet;
    Duration backoff_{};
    std::string last_end_;
};

}  // namespace holdfast
