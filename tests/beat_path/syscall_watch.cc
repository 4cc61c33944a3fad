#include "tests/beat_path/syscall_watch.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <ucontext.h>

namespace holdfast::test {

namespace {

constexpr std::size_t kNumbers = 512;
std::array<std::atomic<std::uint64_t>, kNumbers> trapped{};

void on_trap(int, siginfo_t* info, void* context) {
    const auto number = static_cast<std::size_t>(info->si_syscall);
    trapped[number < kNumbers ? number : kNumbers - 1].fetch_add(1, std::memory_order_relaxed);
    auto* registers = static_cast<ucontext_t*>(context);
#if defined(__x86_64__)
    registers->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
#elif defined(__aarch64__)
    registers->uc_mcontext.regs[0] = static_cast<unsigned long long>(-ENOSYS);
#endif
}

sock_filter statement(unsigned code, std::uint32_t value, unsigned char yes, unsigned char no) {
    return {static_cast<std::uint16_t>(code), yes, no, value};
}

}  // namespace

std::string watch_syscalls(std::initializer_list<int> allowed) {
    struct sigaction action {};

    action.sa_sigaction = &on_trap;
    action.sa_flags = SA_SIGINFO;
    if (::sigaction(SIGSYS, &action, nullptr) != 0) return "sigaction failed";
    std::vector<sock_filter> program;
    program.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr), 0, 0));
    for (const int number : allowed) {
        program.push_back(
            statement(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
        program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0));
    }
    program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_TRAP, 0, 0));
    sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        return std::string("seccomp filters are not to be had: ") + std::strerror(errno);
    return {};
}

std::uint64_t trapped_count() {
    std::uint64_t sum = 0;
    for (const auto& count : trapped) sum += count.load();
    return sum;
}

std::string trapped_text() {
    std::string text;
    for (std::size_t i = 0; i < kNumbers; ++i) {
        if (trapped[i] > 0)
            text +=
                "system call " + std::to_string(i) + ": " + std::to_string(trapped[i]) + " times; ";
    }
    return text;
}

}  // namespace holdfast::test
