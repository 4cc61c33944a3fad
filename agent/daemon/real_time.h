// What the beat process asks of the kernel: locked memory, real-time scheduling, small stacks.  Each is best effort: what is refused is
// said once as a warning, and the agent carries on.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <pthread.h>

namespace holdfast {

// Locks pages as they are touched (MCL_ONFAULT), so that the process stays small.  Empty: granted; else why not, with the limit.
[[nodiscard]] std::string lock_memory();

enum class Pace : unsigned char {
    BeatPath,  // SCHED_RR where granted
    Ordinary,
};

// For the calling thread.  Empty: granted; else why not.
std::string set_pace(Pace pace);

// A thread with a name (15 bytes at most), a small stack, and all signals blocked.  Joined by join() or the destructor.
class WorkerThread {
  public:
    WorkerThread() = default;
    ~WorkerThread();
    WorkerThread(const WorkerThread&) = delete;
    WorkerThread& operator=(const WorkerThread&) = delete;

    // REQUIRES: not started before.
    void start(const char* name, Pace pace, std::function<void()> body);

    void join();

  private:
    static void* run(void* self);

    std::optional<pthread_t> thread_;
    std::function<void()> body_;
    Pace pace_ = Pace::Ordinary;
};

}  // namespace holdfast
