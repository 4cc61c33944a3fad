// Daemon: the beat process put together: who this host is, every thread, every ring between them, and the order in which they start
// and end.
//
// Start-up takes things in the order in which a predecessor gives them up: the run lock first (it ends with the predecessor), then the
// incarnation, then sockets and threads.  An error is a sentence for people; nothing runs then.
#pragma once

#include <memory>

#include "agent/config.h"
#include "engine/base/result.h"

namespace holdfast {

class Daemon {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Daemon>> make(const Config& config);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    // Starts every thread.
    void start();

    // The agent is to stop and leave its VMs running; ended() tells when the engine has written what it must.
    void ask_shutdown();
    [[nodiscard]] bool ended() const;

    // Writes the last lines.  Threads that hang in the kernel are left to the end of the process.
    void finish();

    // Ends every thread: waits for those that open a datastore.  For tests.
    void stop();

  private:
    struct Parts;
    explicit Daemon(std::unique_ptr<Parts> parts);

    std::unique_ptr<Parts> parts_;
};

}  // namespace holdfast
