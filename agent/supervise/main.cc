// holdfast-supervise: see supervisor.h.  Its log is LOG_FOLDER/supervise.log beside the agent's own log file.
#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/supervise/supervisor.h"

namespace {

using namespace std::chrono_literals;

constexpr int kExitUsage = 2;

holdfast::Instant boot_now() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return holdfast::Instant{std::chrono::seconds(now.tv_sec) +
                             std::chrono::nanoseconds(now.tv_nsec)};
}

std::string wall_time() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    tm parts{};
    ::gmtime_r(&now.tv_sec, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                       parts.tm_year + 1900,
                       parts.tm_mon + 1,
                       parts.tm_mday,
                       parts.tm_hour,
                       parts.tm_min,
                       parts.tm_sec,
                       now.tv_nsec / 1'000'000);
}

// Who has to come back is awaited: the start of a program, up to where it chooses for itself, must not wait for a busy machine.  Best
// effort; children inherit it.
void become_realtime() {
    sched_param parameters{};
    parameters.sched_priority = 1;
    ::sched_setscheduler(0, SCHED_RR, &parameters);
}

// The log, or standard error where it cannot be opened.
int open_log(const std::string& agent_log) {
    const std::filesystem::path path =
        std::filesystem::path(agent_log).parent_path() / "supervise.log";
    std::error_code ignored;
    std::filesystem::create_directories(path.parent_path(), ignored);
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    return descriptor >= 0 ? descriptor : STDERR_FILENO;
}

int watch_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) ::sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started yet
    ::signal(SIGPIPE, SIG_IGN);
    return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool is_asked_to_end(int signals) {
    bool asked = false;
    signalfd_siginfo signal{};
    while (::read(signals, &signal, sizeof(signal)) == static_cast<ssize_t>(sizeof(signal))) {
        asked = asked || signal.ssi_signo != SIGCHLD;
    }
    return asked;
}

void wait_for_work(const holdfast::Supervisor& supervisor, int signals, holdfast::Instant until) {
    std::vector<pollfd> watched{{signals, POLLIN, 0}};
    for (const int descriptor : supervisor.descriptors()) {
        watched.push_back({descriptor, POLLIN, 0});
    }
    const auto pause = std::chrono::ceil<std::chrono::milliseconds>(until - boot_now()).count();
    ::poll(watched.data(), watched.size(), static_cast<int>(pause > 0 ? pause : 0));
}

// The agent's programs lie beside this one.  They are stopped in the opposite order: a host that goes down leaves cleanly only while
// holdfast-vm still says which VMs are gone, and nothing is guarded any more when the keeper is asked.
std::vector<holdfast::Child> make_children(const std::string& config_path) {
    std::error_code ignored;
    const std::filesystem::path folder =
        std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
    std::vector<holdfast::Child> children;
    for (const char* name : {"holdfast-keeper", "holdfast-vm", "holdfastd"}) {
        children.emplace_back((folder / name).string(),
                              std::vector<std::string>{"--config", config_path});
    }
    return children;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 || std::string_view(argv[1]) != "--config") {
        std::fputs("usage: holdfast-supervise --config FILE\n", stderr);
        return kExitUsage;
    }
    const auto config = holdfast::load_config(argv[2]);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kExitUsage;
    }
    const int signals = watch_signals();
    become_realtime();
    const int log = open_log(config->log_file);
    holdfast::Supervisor supervisor(make_children(argv[2]), [log](const std::string& line) {
        const std::string text = fmt::format("{} {}\n", wall_time(), line);
        if (::write(log, text.data(), text.size()) < 0) {
            return;  // a full disk must not stop the agent
        }
    });
    while (!supervisor.has_stopped()) {
        const holdfast::Instant next = supervisor.tick(boot_now());
        wait_for_work(supervisor, signals, next);
        if (is_asked_to_end(signals)) supervisor.begin_stop(boot_now());
    }
    return 0;
}
