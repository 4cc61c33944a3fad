// holdfast-vm: stands between holdfastd and libvirt.  See vm_manager.h for what it does; this file is its loop.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/vm/arrival_mark.h"
#include "agent/vm/boot_clock.h"
#include "agent/vm/daemon_link.h"
#include "agent/vm/fence_calls.h"
#include "agent/vm/judge.h"
#include "agent/vm/libvirt_hypervisor.h"
#include "agent/vm/log.h"
#include "agent/vm/path_probe.h"
#include "agent/vm/qemu_process.h"
#include "agent/vm/report_queue.h"
#include "agent/vm/start_marks.h"
#include "agent/vm/vm_manager.h"

namespace {

using namespace std::chrono_literals;

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr holdfast::Duration kPauseMax = 100ms;  // how late a connection or a probe may be noticed

// One holdfast-vm a host: the lock ends with its holder.
bool lock_place(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return descriptor >= 0 && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
}

// A descriptor that becomes readable when the process is asked to end.
int watch_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT}) ::sigaddset(&signals, signal);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread has been started yet
    ::signal(SIGPIPE, SIG_IGN);
    return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

// One round: waits for something to happen, until `until` at the latest.
void wait_for_work(int reports,
                   const holdfast::DaemonLink& link,
                   int signals,
                   holdfast::Instant until) {
    const auto link_events = static_cast<short>(link.wants_to_write() ? POLLIN | POLLOUT : POLLIN);
    std::array<pollfd, 3> watched{
        {{reports, POLLIN, 0}, {link.descriptor(), link_events, 0}, {signals, POLLIN, 0}}};
    const holdfast::Duration pause =
        std::clamp<holdfast::Duration>(until - holdfast::boot_now(), 0ms, kPauseMax);
    const auto pause_ms = std::chrono::ceil<std::chrono::milliseconds>(pause).count();
    ::poll(watched.data(), watched.size(), static_cast<int>(pause_ms));
}

bool is_asked_to_end(int signals) {
    signalfd_siginfo signal{};
    return ::read(signals, &signal, sizeof(signal)) == static_cast<ssize_t>(sizeof(signal));
}

int serve(const holdfast::Config& config, holdfast::StartMarks& marks, int signals) {
    // Workers that hang in libvirt use the queue until the process ends, so it is never destroyed.
    auto& reports = *new holdfast::ReportQueue;
    holdfast::LibvirtHypervisor hypervisor(config.libvirt_uri, reports);
    holdfast::ProcQemuProcesses processes;
    holdfast::DaemonLink link(config.run_path("vm.sock"));
    holdfast::PathProbes probes("/proc/self/exe", config.vm_datastores);
    holdfast::VmManager manager(
        {config.libvirt_uri, config.vm_datastores, config.memory_reserve_mib},
        hypervisor,
        processes,
        marks,
        link);
    holdfast::FenceCalls fences(config.members);
    while (!is_asked_to_end(signals)) {
        if (link.connect(holdfast::boot_now())) manager.on_daemon_connected(holdfast::boot_now());
        for (const auto& message : link.receive()) {
            if (const auto* fence = std::get_if<holdfast::vm_protocol::Fence>(&message)) {
                fences.obey(*fence, holdfast::boot_now());
            } else {
                manager.handle(message, holdfast::boot_now());
            }
        }
        fences.tick(holdfast::boot_now(), [&link](holdfast::vm_protocol::Fenced answer) {
            link.send(std::move(answer));
        });
        for (const auto& report : reports.take()) manager.handle(report, holdfast::boot_now());
        if (probes.tick(holdfast::boot_now())) manager.on_datastores_probed(probes.reachable());
        const holdfast::Instant next = manager.tick(holdfast::boot_now());
        link.flush();
        wait_for_work(reports.descriptor(), link, signals, next);
    }
    holdfast::log_line("asked to end; VMs go on");
    // Neither workers nor libvirt's threads can be waited for.
    std::fflush(nullptr);
    ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view flag = argc == 3 ? argv[1] : "";
    if (flag == "--probe") return holdfast::probe_path(argv[2]);
    if (flag == "--let-in") return holdfast::mark_standard_input(argv[2]);
    if (flag == "--judge") return holdfast::judge_standard_input(argv[2]);
    if (flag != "--config") {
        std::fputs("usage: holdfast-vm --config FILE\n", stderr);
        return kExitUsage;
    }
    // What it talks to is slower than any machine is busy; the supervisor's real-time priority ends here.
    const sched_param ordinary{};
    ::sched_setscheduler(0, SCHED_OTHER, &ordinary);
    const auto config = holdfast::load_config(argv[2]);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return kExitUsage;
    }
    auto marks = holdfast::StartMarks::open(config->run_path("vm-starts"));
    if (!marks) {
        holdfast::log_line(marks.error().text);
        return kExitFailed;
    }
    if (!lock_place(config->run_path("vm.lock"))) {
        holdfast::log_line("cannot lock " + config->run_path("vm.lock") +
                           ": another holdfast-vm runs [HF-6011]");
        return kExitFailed;
    }
    return serve(*config, *marks, watch_signals());
}
