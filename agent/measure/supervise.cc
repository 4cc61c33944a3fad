#include "agent/measure/supervise.h"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <new>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "storage/clock.h"

namespace holdfast::measure {

namespace {

constexpr Duration kLookEvery = std::chrono::milliseconds{50};
constexpr int kLooksPerProgress = 4;
// Longer than a measuring process itself waits for what is out at the end.
constexpr Duration kEndPatience = std::chrono::milliseconds{3500};
// Formatting that shows no progress for so long hangs.
constexpr Duration kPreparePatience = std::chrono::seconds{45};

void sleep_for(Duration span) {
    const timespec pause{0, span.count()};
    ::nanosleep(&pause, nullptr);
}

pid_t start_child(const std::function<void()>& work) {
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child != 0) return child;
    // Ctrl-C goes to the whole group; the parent says when to stop.
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGTERM, SIG_DFL);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    work();
    ::_exit(0);
}

struct Watched {
    pid_t child = -1;
    bool running = false;
    ChildEnd end = ChildEnd::Hung;
    std::uint32_t prepared = 0;
    Instant moved_at{};
};

void look(Watched& watched) {
    if (!watched.running) return;
    int status = 0;
    const pid_t got = ::waitpid(watched.child, &status, WNOHANG);
    if (got == 0) return;
    watched.running = false;
    const bool well = got == watched.child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    watched.end = well ? ChildEnd::Ended : ChildEnd::Crashed;
}

// Whether it is worth waiting for this one.
bool may_still_end(Watched& watched, const TargetResult& result, Duration duration, Instant now) {
    if (!watched.running) return false;
    const std::int64_t begun = result.begun_at.load();
    if (begun != 0) return now < Instant{Duration{begun}} + duration + kEndPatience;
    if (result.prepared.load() != watched.prepared) {
        watched.prepared = result.prepared.load();
        watched.moved_at = now;
    }
    return now < watched.moved_at + kPreparePatience;
}

void give_up(pid_t child) {
    // At once unless it is in the kernel; then when its storage answers.
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, WNOHANG);
}

}  // namespace

SharedResults::SharedResults(std::size_t count) : first_(nullptr), count_(count) {
    void* memory = ::mmap(nullptr,
                          count * sizeof(TargetResult),
                          PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS,
                          -1,
                          0);
    HF_CHECK(memory != MAP_FAILED);
    first_ = static_cast<TargetResult*>(memory);
    for (std::size_t i = 0; i < count; ++i) new (first_ + i) TargetResult;
}

SharedResults::~SharedResults() {
    ::munmap(first_, count_ * sizeof(TargetResult));
}

std::vector<ChildEnd> supervise(SharedResults& results,
                                const std::function<void(std::size_t)>& work,
                                const std::vector<std::function<void()>>& extra,
                                const SuperviseOptions& options) {
    std::vector<Watched> watched(results.all().size());
    for (std::size_t i = 0; i < watched.size(); ++i) {
        watched[i].child = start_child([&work, i] { work(i); });
        watched[i].running = watched[i].child > 0;
        watched[i].moved_at = boottime_now();
    }
    std::vector<pid_t> helpers;
    for (const auto& helper : extra) helpers.push_back(start_child(helper));
    Instant patience = kNever;
    for (int turn = 0;; ++turn) {
        const Instant now = boottime_now();
        bool any = false;
        for (std::size_t i = 0; i < watched.size(); ++i) {
            look(watched[i]);
            any = may_still_end(watched[i], results[i], options.duration, now) || any;
        }
        if (!any || now >= patience) break;
        if (patience == kNever && options.interrupted && options.interrupted()) {
            for (TargetResult& result : results.all()) result.stop.store(true);
            patience = now + kEndPatience;
        }
        if (options.progress && turn % kLooksPerProgress == 0) options.progress();
        sleep_for(kLookEvery);
    }
    for (TargetResult& result : results.all()) result.stop.store(true);
    std::vector<ChildEnd> ends;
    for (Watched& one : watched) {
        look(one);
        if (one.running) give_up(one.child);
        ends.push_back(one.running ? ChildEnd::Hung : one.end);
    }
    for (const pid_t helper : helpers) {
        if (helper > 0) give_up(helper);
    }
    return ends;
}

}  // namespace holdfast::measure
