#include "storage/helper_process.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/clock.h"

namespace holdfast {

namespace {

constexpr std::size_t kAnswerBytesMax = 512;

union ControlBuffer {
    cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

void send_answer(int socket, std::span<std::byte> answer, int fd) {
    iovec part{answer.data(), answer.size()};
    ControlBuffer control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

void close_all_but(int keep) {
    if (keep > 0) ::syscall(SYS_close_range, 0U, static_cast<unsigned>(keep) - 1U, 0U);
    ::syscall(SYS_close_range, static_cast<unsigned>(keep) + 1U, ~0U, 0U);
}

// In the child's child.  A lock or socket kept open by a hung helper would outlive the agent, so
// all are closed first.
[[noreturn]] void run_child(int socket, HelperWork work, const void* argument, std::size_t bytes) {
    close_all_but(socket);
    std::byte answer[kAnswerBytesMax] = {};
    const int fd = work(argument, {answer, bytes});
    send_answer(socket, {answer, bytes}, fd);
    ::_exit(0);
}

// Takes the answer; -1 without a descriptor; an errno as error.
Result<int, int> receive_answer(int socket, std::span<std::byte> answer) {
    iovec part{answer.data(), answer.size()};
    ControlBuffer control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    const ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0) return Unexpected{errno};
    int fd = -1;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    }
    if (static_cast<std::size_t>(got) == answer.size()) return fd;
    if (fd >= 0) ::close(fd);
    return Unexpected{ECHILD};
}

Result<int, int> await_answer(int socket, std::span<std::byte> answer, Duration timeout) {
    const Instant deadline = boottime_now() + timeout;
    for (;;) {
        const Duration left = std::max(deadline - boottime_now(), Duration::zero());
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
        const timespec limit{seconds.count(), (left - seconds).count()};
        pollfd ready{socket, POLLIN, 0};
        const int count = ::ppoll(&ready, 1, &limit, nullptr);
        if (count > 0) return receive_answer(socket, answer);
        if (count == 0) return Unexpected{ETIMEDOUT};
        if (errno != EINTR) return Unexpected{errno};
    }
}

}  // namespace

Result<int> run_in_helper(HelperWork work,
                          const void* argument,
                          std::span<std::byte> answer,
                          Duration timeout) {
    HF_CHECK(answer.size() <= kAnswerBytesMax);
    int sockets[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        return Unexpected{
            Error{errno, std::string("no helper process: socketpair: ") + std::strerror(errno)}};
    }
    const pid_t child = ::fork();
    if (child == 0) {
        // Forked twice: the middle one ends at once, so that nobody ever waits for one that hangs.
        if (::fork() == 0) run_child(sockets[1], work, argument, answer.size());
        ::_exit(0);
    }
    const int fork_errno = errno;
    ::close(sockets[1]);
    if (child < 0) {
        ::close(sockets[0]);
        return Unexpected{Error{
            fork_errno, std::string("no helper process: fork: ") + std::strerror(fork_errno)}};
    }
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    auto result = await_answer(sockets[0], answer, timeout);
    ::close(sockets[0]);
    if (result) return *result;
    const int error = result.error();
    if (error != ETIMEDOUT) {
        return Unexpected{Error{
            error,
            std::string("the helper process ended without an answer: ") + std::strerror(error)}};
    }
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
    return Unexpected{
        Error{ETIMEDOUT, "no answer within " + std::to_string(ms) + " ms: the storage hangs"}};
}

}  // namespace holdfast
