#include "agent/vm/worker_pool.h"

#include <thread>
#include <utility>

namespace holdfast {

WorkerPool::WorkerPool(std::size_t workers_max) : workers_max_(workers_max) {}

WorkerPool::~WorkerPool() {
    const std::lock_guard lock(shared_->mutex);
    shared_->closed = true;
    shared_->jobs.clear();
    shared_->wakeup.notify_all();
}

void WorkerPool::post(std::function<void()> job) {
    const std::lock_guard lock(shared_->mutex);
    shared_->jobs.push_back(std::move(job));
    if (shared_->jobs.size() <= shared_->idle) {
        shared_->wakeup.notify_one();
    } else if (shared_->workers < workers_max_) {
        ++shared_->workers;
        std::thread(work, shared_).detach();
    }
}

std::size_t WorkerPool::waiting() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->jobs.size();
}

void WorkerPool::work(const std::shared_ptr<Shared>& shared) {
    std::unique_lock lock(shared->mutex);
    for (;;) {
        while (shared->jobs.empty() && !shared->closed) {
            ++shared->idle;
            shared->wakeup.wait(lock);
            --shared->idle;
        }
        if (shared->closed) return;
        const std::function<void()> job = std::move(shared->jobs.front());
        shared->jobs.pop_front();
        lock.unlock();
        job();
        lock.lock();
    }
}

}  // namespace holdfast
