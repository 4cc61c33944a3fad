#include "agent/supervise/supervisor.h"

#include <algorithm>
#include <csignal>
#include <fmt/format.h>
#include <utility>

#include <sys/wait.h>

namespace holdfast {
namespace {

// How long a child may take to end before the next one is asked, and it is left behind.
constexpr Duration kStopTimeout = std::chrono::seconds(10);
constexpr Duration kTickMax = std::chrono::milliseconds(200);

}  // namespace

Supervisor::Supervisor(std::vector<Child> children, WriteLine write_line)
    : children_(std::move(children)), write_line_(std::move(write_line)) {}

Instant Supervisor::tick(Instant now) {
    collect_output();
    reap(now);
    if (is_stopping_) {
        go_on_stopping(now);
        return now + kTickMax;
    }
    Instant next = now + kTickMax;
    for (Child& child : children_) {
        const bool is_due = !child.runs() && now >= child.next_start();
        std::string text;
        if (!child.start_if_due(now, &text)) write_line_(fmt::format("{}: {}", child.name(), text));
        if (is_due && child.runs()) write_line_(fmt::format("started {}", child.name()));
        if (!child.runs()) next = std::min(next, child.next_start());
    }
    return next;
}

void Supervisor::begin_stop(Instant now) {
    if (is_stopping_) return;
    write_line_("stopping");
    is_stopping_ = true;
    stopping_index_ = children_.size();
    asked_at_ = now;
    if (stopping_index_ > 0) children_[stopping_index_ - 1].signal(SIGTERM);
}

std::vector<int> Supervisor::descriptors() const {
    std::vector<int> descriptors;
    for (const Child& child : children_) {
        if (child.descriptor() >= 0) descriptors.push_back(child.descriptor());
    }
    return descriptors;
}

void Supervisor::reap(Instant now) {
    int status = 0;
    for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
         pid = ::waitpid(-1, &status, WNOHANG)) {
        for (Child& child : children_) {
            if (!child.on_ended(pid, status, now)) continue;
            collect_output();
            const auto pause =
                std::chrono::duration_cast<std::chrono::milliseconds>(child.next_start() - now);
            const std::string then =
                is_stopping_ ? "" : fmt::format("; starting it again in {} ms", pause.count());
            write_line_(fmt::format("{} {}{} [HF-7001]", child.name(), child.last_end(), then));
            if (&child == &children_.front() && !is_stopping_) {
                write_line_(
                    "WARNING: without the keeper nothing guards this host: while VMs are claimed "
                    "it is reset "
                    "unless the keeper is back within the watchdog's time [HF-7002]");
            }
        }
    }
}

void Supervisor::collect_output() {
    for (Child& child : children_) {
        for (const std::string& line : child.take_lines()) write_line_(line);
    }
}

void Supervisor::go_on_stopping(Instant now) {
    while (stopping_index_ > 0) {
        const Child& child = children_[stopping_index_ - 1];
        if (child.runs()) {
            if (now - asked_at_ < kStopTimeout) return;
            write_line_(fmt::format("{} does not stop: left behind [HF-7003]", child.name()));
        }
        --stopping_index_;
        asked_at_ = now;
        if (stopping_index_ > 0) children_[stopping_index_ - 1].signal(SIGTERM);
    }
}

}  // namespace holdfast
