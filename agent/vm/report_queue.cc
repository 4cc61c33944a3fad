#include "agent/vm/report_queue.h"

#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/check.h"

namespace holdfast {

ReportQueue::ReportQueue() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    HF_CHECK(descriptor_ >= 0);
}

ReportQueue::~ReportQueue() {
    ::close(descriptor_);
}

void ReportQueue::put(Report report) {
    {
        const std::lock_guard lock(mutex_);
        reports_.push_back(std::move(report));
    }
    ::eventfd_write(descriptor_, 1);
}

std::vector<Report> ReportQueue::take() {
    eventfd_t count = 0;
    ::eventfd_read(descriptor_, &count);
    const std::lock_guard lock(mutex_);
    return std::exchange(reports_, {});
}

}  // namespace holdfast
