#include "agent/daemon/real_time.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "engine/base/check.h"

namespace holdfast {

namespace {

constexpr int kPriority =
    20;  // above ordinary real-time workers, far below the kernel's own threads
constexpr std::size_t kStackBytes = std::size_t{512} * 1024;

}  // namespace

std::string lock_memory() {
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) return {};
    const int number = errno;
    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    return std::string("mlockall failed: ") + std::strerror(number) + ", RLIMIT_MEMLOCK is " +
           (limit.rlim_cur == RLIM_INFINITY ? "unlimited"
                                            : std::to_string(limit.rlim_cur) + " bytes");
}

std::string set_pace(Pace pace) {
    sched_param parameter{};
    parameter.sched_priority = pace == Pace::BeatPath ? kPriority : 0;
    const int policy = pace == Pace::BeatPath ? SCHED_RR : SCHED_OTHER;
    const int failed = pthread_setschedparam(pthread_self(), policy, &parameter);
    if (failed == 0) return {};
    return std::string("pthread_setschedparam failed: ") + std::strerror(failed);
}

WorkerThread::~WorkerThread() {
    join();
}

void* WorkerThread::run(void* self) {
    auto* thread = static_cast<WorkerThread*>(self);
    set_pace(
        thread
            ->pace_);  // a thread begins with its creator's; Daemon::make has said what is refused
    thread->body_();
    return nullptr;
}

void WorkerThread::start(const char* name, Pace pace, std::function<void()> body) {
    HF_CHECK(!thread_);
    body_ = std::move(body);
    pace_ = pace;
    pthread_attr_t attributes;
    HF_CHECK(pthread_attr_init(&attributes) == 0);
    HF_CHECK(pthread_attr_setstacksize(&attributes, kStackBytes) == 0);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread{};
    const int failed = pthread_create(&thread, &attributes, &WorkerThread::run, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    HF_CHECK(failed == 0);
    thread_ = thread;
    pthread_setname_np(thread, name);
}

void WorkerThread::join() {
    if (!thread_) return;
    pthread_join(*thread_, nullptr);
    thread_.reset();
}

}  // namespace holdfast
