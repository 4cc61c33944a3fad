// ReportQueue: reports from workers and libvirt's event thread to the main thread.
//
// put() from any thread; take() and descriptor() belong to the main thread, whose poll() wakes when something waits.
#pragma once

#include <mutex>
#include <vector>

#include "agent/vm/hypervisor.h"

namespace holdfast {

class ReportQueue {
  public:
    ReportQueue();
    ReportQueue(const ReportQueue&) = delete;
    ReportQueue& operator=(const ReportQueue&) = delete;
    ~ReportQueue();

    void put(Report report);

    // Everything that waits, oldest first.
    [[nodiscard]] std::vector<Report> take();

    [[nodiscard]] int descriptor() const { return descriptor_; }

  private:
    int descriptor_;  // an eventfd
    std::mutex mutex_;
    std::vector<Report> reports_;  // protected by mutex_
};

}  // namespace holdfast
