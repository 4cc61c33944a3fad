#include "tests/mutants/hunt.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/mutants/attempt.h"

namespace holdfast::mutants {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kSeparator = '\t';

// What goes through the pipe: BY, PROMISE, TEXT of a catch; nothing when there was none.
void report(int fd, const std::string& by, const Catch& caught, bool control_failed) {
    std::string line = (control_failed ? "control" : "caught");
    for (const std::string& part : {by, caught.promise, caught.text}) line += kSeparator + part;
    const ssize_t ignored = ::write(fd, line.data(), line.size());
    static_cast<void>(ignored);
}

std::string name_of(const Catcher& catcher, std::uint64_t seed) {
    if (catcher.kind == Catcher::Kind::Seeds) return "seed " + std::to_string(seed);
    return std::string(catcher.what) + ", seed " + std::to_string(seed);
}

// True when the test fails, or dies, with the mutant.
bool test_fails(const HuntOptions& options, const char* mutant, const char* filter) {
    const pid_t child = ::fork();
    if (child < 0) return false;
    if (child == 0) {
        if (mutant == nullptr) {
            ::unsetenv("HF_MUTANT");
        } else {
            ::setenv("HF_MUTANT", mutant, 1);
        }
        const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        ::dup2(nowhere, STDOUT_FILENO);
        ::dup2(nowhere, STDERR_FILENO);
        const std::string wanted = std::string("--gtest_filter=") + filter;
        ::execl(options.test_program.c_str(),
                options.test_program.c_str(),
                wanted.c_str(),
                "--gtest_brief=1",
                static_cast<char*>(nullptr));
        ::_exit(0);  // a test that cannot run catches nothing
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

// In the child: every catcher in turn.
void work(int fd, const Entry& entry, const HuntOptions& options) {
    for (const Catcher& catcher : entry.catchers) {
        if (catcher.kind == Catcher::Kind::Test) {
            if (!test_fails(options, entry.name, catcher.what)) continue;
            const bool control = test_fails(options, nullptr, catcher.what);
            report(fd, catcher.what, {"test", "the test fails", 0}, control);
            return;
        }
        const bool own_range = options.seed_first != 0 && catcher.kind == Catcher::Kind::Seeds;
        plant(entry.mutant);
        const auto caught = try_all(catcher,
                                    own_range ? options.seed_first : 1,
                                    own_range ? options.seed_last : catcher.tries_max);
        plant(Mutant::None);
        if (!caught) continue;
        const bool control = try_all(catcher, caught->seed, caught->seed).has_value();
        report(fd, name_of(catcher, caught->seed), *caught, control);
        return;
    }
}

struct Running {
    pid_t child = -1;
    int fd = -1;
    std::string text;
    SteadyClock::time_point began;
    Outcome outcome;
};

Running begin(const Entry& entry, const HuntOptions& options) {
    Running running;
    running.outcome.entry = &entry;
    running.began = SteadyClock::now();
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return running;
    running.child = ::fork();
    if (running.child == 0) {
        ::setpgid(0, 0);
        ::close(ends[0]);
        work(ends[1], entry, options);
        ::_exit(0);
    }
    ::close(ends[1]);
    running.fd = ends[0];
    return running;
}

void conclude(Running& running, bool out_of_time) {
    Outcome& outcome = running.outcome;
    outcome.seconds = std::chrono::duration<double>(SteadyClock::now() - running.began).count();
    if (out_of_time) ::kill(-running.child, SIGKILL);
    int status = 0;
    while (::waitpid(running.child, &status, 0) < 0 && errno == EINTR) {
    }
    ::close(running.fd);
    std::vector<std::string> parts(1);
    for (const char c : running.text) {
        if (c == kSeparator && parts.size() < 4) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    if (parts.size() == 4) {
        outcome.caught = parts[0] == "caught";
        outcome.control_failed = !outcome.caught;
        outcome.by = parts[1];
        outcome.promise = parts[2];
        outcome.text = parts[3];
    } else if (out_of_time) {
        outcome.text = "no verdict in time";
    } else if (WIFSIGNALED(status)) {
        // One of the engine's own checks, or of the checked containers.
        outcome.caught = true;
        outcome.by = "a run that ended by " + std::string(::strsignal(WTERMSIG(status)));
        outcome.promise = "check";
    }
}

}  // namespace

std::vector<Outcome> hunt(const std::vector<const Entry*>& entries,
                          const HuntOptions& options,
                          const std::function<void(const Outcome&)>& told) {
    std::vector<Outcome> outcomes;
    std::vector<Running> running;
    std::size_t next = 0;
    while (next < entries.size() || !running.empty()) {
        while (next < entries.size() && running.size() < options.jobs) {
            running.push_back(begin(*entries[next++], options));
        }
        std::vector<pollfd> waits;
        for (const Running& one : running) waits.push_back({one.fd, POLLIN, 0});
        ::poll(waits.data(), waits.size(), 200);
        for (std::size_t i = running.size(); i-- > 0;) {
            Running& one = running[i];
            bool over = false;
            if (waits[i].revents != 0) {
                char buffer[4096];
                const ssize_t got = ::read(one.fd, buffer, sizeof buffer);
                if (got > 0) one.text.append(buffer, static_cast<std::size_t>(got));
                over = got == 0 || (got < 0 && errno != EINTR);
            }
            const double seconds =
                std::chrono::duration<double>(SteadyClock::now() - one.began).count();
            const bool out_of_time = !over && seconds > options.seconds_max;
            if (!over && !out_of_time) continue;
            conclude(one, out_of_time);
            told(one.outcome);
            outcomes.push_back(one.outcome);
            running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }
    return outcomes;
}

}  // namespace holdfast::mutants
