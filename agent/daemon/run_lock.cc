#include "agent/daemon/run_lock.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/daemon/clock.h"
#include "agent/text.h"

namespace holdfast {

namespace {

constexpr Duration kRetry = std::chrono::milliseconds{20};

void sleep_for(Duration span) {
    timespec time{};
    time.tv_nsec = span.count();
    nanosleep(&time, nullptr);
}

// What the holder wrote into the file: its pid.
std::string holder_of(int fd) {
    std::array<char, 32> text{};
    const ssize_t length = pread(fd, text.data(), text.size() - 1, 0);
    return length > 0 ? "process " + printable({text.data(), static_cast<std::size_t>(length)})
                      : "an unknown process";
}

}  // namespace

Result<RunLock> RunLock::take(const std::string& path, Duration wait_max) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        const int number = errno;
        return Unexpected{
            Error{number, path + ": cannot be opened: " + std::strerror(number) + ". [HF-5001]"}};
    }
    RunLock lock(fd);
    const Instant give_up = boottime_now() + wait_max;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (boottime_now() >= give_up) {
            return Unexpected{Error{EWOULDBLOCK,
                                    path + ": still held by " + holder_of(fd) + " after " +
                                        duration_text(wait_max) +
                                        ". Only one agent may run: end that one first. [HF-5001]"}};
        }
        sleep_for(kRetry);
    }
    const std::string pid = std::to_string(getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) {
        // The pid is for messages only; the lock is what counts.
    }
    return lock;
}

RunLock::RunLock(RunLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

RunLock::~RunLock() {
    if (fd_ >= 0) close(fd_);
}

}  // namespace holdfast
