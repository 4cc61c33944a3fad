// WorkerPool: threads for calls that may hang.
//
// A job that never returns costs one thread; another takes its place, up to workers_max.  When all of them hang, jobs
// wait: there is then nothing that libvirt would answer anyway.  Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace holdfast {

class WorkerPool {
  public:
    explicit WorkerPool(std::size_t workers_max);
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;
    // Does not wait for jobs that run: they may hang.  Jobs that wait are dropped.
    ~WorkerPool();

    void post(std::function<void()> job);

    // Jobs that wait because every worker is busy.
    [[nodiscard]] std::size_t waiting() const;

  private:
    // Outlives the pool while a worker hangs.
    struct Shared {
        std::mutex mutex;
        std::condition_variable wakeup;
        std::deque<std::function<void()>> jobs;
        std::size_t workers = 0;
        std::size_t idle = 0;
        bool closed = false;
    };

    static void work(const std::shared_ptr<Shared>& shared);

    std::size_t workers_max_;
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace holdfast
