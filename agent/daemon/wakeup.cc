#include "agent/daemon/wakeup.h"

#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/check.h"

namespace holdfast {

Wakeup::Wakeup() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    HF_CHECK(fd_ >= 0);
}

Wakeup::~Wakeup() {
    close(fd_);
}

void Wakeup::signal() const {
    const std::uint64_t one = 1;
    // The only failure is a counter that is full: then the waiter is about to wake anyway.
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
}

void Wakeup::drain() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t taken = read(fd_, &count, sizeof count);
}

}  // namespace holdfast
