// holdfast-keeper: holds the watchdog.  See keeper.h for what it promises; this file only sets the scene.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/keeper/keeper.h"
#include "agent/keeper/watchdog_device.h"
#include "agent/keeper_page.h"

namespace {

using namespace std::chrono_literals;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kPriority = 20;  // SCHED_RR; above holdfastd, below the kernel's own threads
constexpr std::size_t kStackTouchedBytes = std::size_t{64} * 1024;

holdfast::Instant boot_time(void* /*context*/) {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return holdfast::Instant{std::chrono::seconds(now.tv_sec) +
                             std::chrono::nanoseconds(now.tv_nsec)};
}

// Writes a line to standard error, or drops it when that would block.  Allocates nothing.
void notice(void* /*context*/, std::string_view text) {
    std::array<char, 512> line{};
    const auto end = fmt::format_to_n(line.data(), line.size() - 1, "holdfast-keeper: {}\n", text);
    pollfd writable{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&writable, 1, 0) != 1) return;
    if (::write(STDERR_FILENO, line.data(), static_cast<std::size_t>(end.out - line.data())) < 0) {
        return;
    }
}

void write_text(const char* path, std::string_view text) {
    const int descriptor = ::open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    if (::write(descriptor, text.data(), text.size()) < 0) {
        notice(nullptr, "cannot write oom_score_adj");
    }
    ::close(descriptor);
}

// Best effort, with a warning each: the lab and containers may refuse all of it.
void become_realtime() {
    write_text("/proc/self/oom_score_adj", "-1000");
    std::array<volatile char, kStackTouchedBytes> stack{};
    for (std::size_t i = 0; i < stack.size(); i += 4096) stack[i] = 0;
    if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        notice(nullptr,
               fmt::format("cannot lock memory: {}; swapping may reset this host [HF-6530]",
                           ::strerrordesc_np(errno)));
    }
    sched_param parameters{};
    parameters.sched_priority = kPriority;
    if (::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) != 0) {
        notice(nullptr,
               fmt::format("no real-time priority: {}; high load may reset this host [HF-6531]",
                           ::strerrordesc_np(errno)));
    }
}

// One keeper a host: the lock ends with its holder.
int lock_place(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0 || ::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return -1;
    return descriptor;
}

// Sleeps, and returns the signal that came meanwhile, or 0.
int wait_for_signal(const sigset_t& signals, holdfast::Duration span) {
    timespec time{};
    time.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(span).count();
    time.tv_nsec = (span % 1s).count();
    const int signal = ::sigtimedwait(&signals, nullptr, &time);
    return signal > 0 ? signal : 0;
}

int run(holdfast::Keeper& keeper, const sigset_t& signals) {
    for (;;) {
        const holdfast::Duration pause = keeper.poll();
        if (wait_for_signal(signals, pause) == 0) continue;
        keeper.poll();
        if (!keeper.is_armed()) {
            keeper.stop();
            notice(nullptr, "stopped");
            return 0;
        }
        notice(nullptr, "VMs are guarded: not stopping. Stop the agent first. [HF-6532]");
    }
}

const char* class_name(holdfast::WatchdogClass watchdog_class) {
    switch (watchdog_class) {
        case holdfast::WatchdogClass::None: return "none";
        case holdfast::WatchdogClass::Soft: return "soft";
        case holdfast::WatchdogClass::Hardware: return "hardware";
    }
    return "unknown";
}

int keep(const holdfast::Config& config, const sigset_t& signals) {
    // The keeper may be the first of the agent's processes; a folder that is there already is left as it is.
    if (::mkdir(config.run_dir.c_str(), 0750) != 0 && errno != EEXIST) {
        notice(
            nullptr,
            fmt::format("cannot make {}: {} [HF-6534]", config.run_dir, ::strerrordesc_np(errno)));
        return kExitFailed;
    }
    const int lock = lock_place(config.run_path("keeper.lock"));
    if (lock < 0) {
        notice(nullptr,
               fmt::format("{}: {} (another keeper?) [HF-6533]",
                           config.run_path("keeper.lock"),
                           ::strerrordesc_np(errno)));
        return kExitFailed;
    }
    auto file = holdfast::KeeperPageFile::create_or_open(config.run_path("keeper.page"));
    if (!file) {
        notice(nullptr, file.error().text);
        return kExitFailed;
    }
    auto guard = holdfast::open_guard(config.watchdog_device, config.timing.watchdog);
    if (!guard) {
        file->page().armed.store(0);
        file->page().watchdog_class.store(0);
        notice(nullptr, guard.error().text);
        return kExitFailed;
    }
    // The device counts from here on: nothing slow may stand between this line and the loop.
    holdfast::Keeper keeper(
        file->page(), *guard->watchdog, *guard->reset, {boot_time, notice, nullptr});
    notice(nullptr,
           fmt::format(
               "{}, class {}, timeout {} ms",
               guard->watchdog->description(),
               class_name(guard->watchdog->watchdog_class()),
               std::chrono::duration_cast<std::chrono::milliseconds>(guard->watchdog->timeout())
                   .count()));
    return run(keeper, signals);
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): one ends the program, and the supervisor starts it again
int main(int argc, char** argv) {
    const std::string config_path =
        argc == 3 && std::string_view(argv[1]) == "--config" ? argv[2] : "";
    if (config_path.empty()) {
        std::fputs("usage: holdfast-keeper --config FILE\n", stderr);
        return kExitUsage;
    }
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started yet
    ::signal(SIGPIPE, SIG_IGN);
    ::close_range(3, ~0U, 0);

    const auto config = holdfast::load_config(config_path);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kExitUsage;
    }
    become_realtime();
    return keep(*config, signals);
}
