// holdfastd: the beat process.  Exit codes: 0 ended as asked, 2 usage or configuration, 3 could not start.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/daemon/clock.h"
#include "agent/daemon/daemon.h"
#include "agent/daemon/real_time.h"

namespace holdfast {
namespace {

constexpr Duration kShutdownMax = std::chrono::seconds{3};

struct Arguments {
    std::string config = kConfigFileDefault;
    bool help = false;
    bool version = false;
    bool wrong = false;
};

Arguments parse_arguments(int count, char** values) {
    Arguments arguments;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = values[i];
        if (word == "--config" && i + 1 < count) {
            arguments.config = values[++i];
        } else if (word == "--help" || word == "-h") {
            arguments.help = true;
        } else if (word == "--version") {
            arguments.version = true;
        } else {
            arguments.wrong = true;
        }
    }
    return arguments;
}

constexpr const char* kUsage =
    "usage: holdfastd [--config FILE]\n"
    "\n"
    "The beat process of Holdfast.  Normally started by holdfastd.service.  SIGTERM ends it and "
    "leaves\n"
    "the VMs running; it must be back within what is left of the lease (`holdfast status`).\n";

// Blocks the signals that end the agent in every thread, and returns a descriptor that reports them.
int catch_signals() {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigprocmask(SIG_BLOCK, &wanted, nullptr);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &wanted, SFD_CLOEXEC);
}

void wait_for_signal(int signals) {
    pollfd entry{signals, POLLIN, 0};
    while (poll(&entry, 1, -1) < 0) {
    }
}

int run(const Config& config) {
    const int signals = catch_signals();
    // Whoever comes back lives on what is left of its predecessor's lease: a busy machine must not keep it from its first beat.
    set_pace(Pace::BeatPath);
    auto made = Daemon::make(config);
    if (!made) {
        std::fprintf(stderr, "holdfastd: %s\n", made.error().text.c_str());
        return 3;
    }
    const std::unique_ptr<Daemon> daemon = std::move(made.value());
    daemon->start();
    wait_for_signal(signals);
    daemon->ask_shutdown();
    const Instant give_up = boottime_now() + kShutdownMax;
    while (!daemon->ended() && boottime_now() < give_up) {
        const timespec pause{0, 10'000'000};
        nanosleep(&pause, nullptr);
    }
    daemon->finish();
    // Not exit(): a thread that hangs in the kernel with its datastore would never be joined.
    _exit(0);
}

}  // namespace
}  // namespace holdfast

int main(int count, char** values) {
    const auto arguments = holdfast::parse_arguments(count, values);
    if (arguments.help || arguments.wrong) {
        std::fputs(holdfast::kUsage, arguments.wrong ? stderr : stdout);
        return arguments.wrong ? 2 : 0;
    }
    if (arguments.version) {
        std::puts("holdfastd " HF_VERSION);
        return 0;
    }
    const auto config = holdfast::load_config(arguments.config);
    if (!config) {
        std::fprintf(stderr, "%s\n", config.error().text.c_str());
        return 2;
    }
    return holdfast::run(*config);
}
