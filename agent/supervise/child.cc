#include "agent/supervise/child.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fmt/format.h>
#include <utility>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kBackoffFirst = milliseconds(50);
constexpr Duration kBackoffMax = seconds(2);
constexpr Duration kConfigPause = seconds(10);  // a configuration does not mend itself
constexpr Duration kStableAfter =
    seconds(10);  // who lived so long starts over with the first pause
constexpr int kExitConfig = 2;
constexpr std::size_t kLineMax = 8192;

std::string describe_end(int status) {
    if (WIFSIGNALED(status)) {
        return fmt::format(
            "was killed by signal {} ({})", WTERMSIG(status), ::sigdescr_np(WTERMSIG(status)));
    }
    if (WEXITSTATUS(status) == kExitConfig) return "refuses its configuration (exit 2)";
    return fmt::format("ended with exit {}", WEXITSTATUS(status));
}

}  // namespace

Child::Child(std::string program, std::vector<std::string> arguments)
    : program_(std::move(program)),
      arguments_(std::move(arguments)),
      name_(program_.substr(program_.rfind('/') + 1)) {}

Child::Child(Child&& other) noexcept
    : program_(std::move(other.program_)),
      arguments_(std::move(other.arguments_)),
      name_(std::move(other.name_)),
      pid_(std::exchange(other.pid_, 0)),
      output_(std::exchange(other.output_, -1)),
      partial_line_(std::move(other.partial_line_)),
      started_at_(other.started_at_),
      next_start_(other.next_start_),
      backoff_(other.backoff_),
      last_end_(std::move(other.last_end_)) {}

Child::~Child() {
    if (output_ >= 0) ::close(output_);
}

bool Child::start_if_due(Instant now, std::string* text) {
    if (runs() || now < next_start_) return true;
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        next_start_ = now + kBackoffMax;
        *text = fmt::format("no pipe: {}", ::strerrordesc_np(errno));
        return false;
    }
    std::vector<char*> arguments{program_.data()};
    for (std::string& argument : arguments_) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
        sigset_t none;
        ::sigemptyset(&none);
        ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
        ::dup2(ends[1], STDOUT_FILENO);
        ::dup2(ends[1], STDERR_FILENO);
        ::execv(program_.c_str(), arguments.data());
        constexpr int kExitNotFound = 127;
        ::_exit(kExitNotFound);
    }
    ::close(ends[1]);
    if (pid < 0) {
        ::close(ends[0]);
        next_start_ = now + kBackoffMax;
        *text = fmt::format("cannot fork: {}", ::strerrordesc_np(errno));
        return false;
    }
    if (output_ >= 0) ::close(output_);
    output_ = ends[0];
    ::fcntl(output_, F_SETFL, O_NONBLOCK);
    pid_ = pid;
    started_at_ = now;
    return true;
}

bool Child::on_ended(pid_t pid, int status, Instant now) {
    if (pid_ == 0 || pid != pid_) return false;
    pid_ = 0;
    last_end_ = describe_end(status);
    next_start_ = now + pause_after(status, now - started_at_);
    return true;
}

void Child::signal(int number) const {
    if (runs()) ::kill(pid_, number);
}

std::vector<std::string> Child::take_lines() {
    std::vector<std::string> lines;
    std::array<char, 4096> buffer{};
    while (output_ >= 0) {
        const ssize_t size = ::read(output_, buffer.data(), buffer.size());
        if (size < 0) break;
        if (size == 0) {
            ::close(std::exchange(output_, -1));
            break;
        }
        partial_line_.append(buffer.data(), static_cast<std::size_t>(size));
        for (std::size_t end = partial_line_.find('\n'); end != std::string::npos;
             end = partial_line_.find('\n')) {
            lines.push_back(partial_line_.substr(0, end));
            partial_line_.erase(0, end + 1);
        }
        if (partial_line_.size() > kLineMax) lines.push_back(std::exchange(partial_line_, {}));
    }
    if (output_ < 0 && !partial_line_.empty()) lines.push_back(std::exchange(partial_line_, {}));
    return lines;
}

Duration Child::pause_after(int status, Duration lived) {
    const bool is_config = WIFEXITED(status) && WEXITSTATUS(status) == kExitConfig;
    if (is_config) return kConfigPause;
    backoff_ = lived >= kStableAfter || backoff_ == Duration::zero()
                   ? kBackoffFirst
                   : std::min(2 * backoff_, kBackoffMax);
    return backoff_;
}

}  // namespace holdfast
