#include "agent/vm/fence_calls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/text.h"

namespace holdfast {

namespace {

constexpr int kStatusOn = 0;
constexpr int kStatusOff = 2;
constexpr std::size_t kOutputBytesMax = 400;  // the end of what a program wrote

// What a program may repeat of its input, and nobody is to read.
bool is_secret(const std::string& key) {
    static constexpr std::array kWords{"pass", "secret", "token", "key", "login", "user"};
    return std::any_of(kWords.begin(), kWords.end(), [&key](const char* word) {
        return key.find(word) != std::string::npos;
    });
}

std::string without_secrets(std::string text, const FenceConfig& fence) {
    for (const auto& [key, value] : fence.options) {
        if (!is_secret(key) || value.empty()) continue;
        for (std::size_t at = text.find(value); at != std::string::npos; at = text.find(value, at))
            text.replace(at, value.size(), "***");
    }
    return text;
}

// A memory file that holds `content`, to be read from its beginning.
int memory_file(const std::string& content) {
    const int file = ::memfd_create("holdfast-fence", MFD_CLOEXEC);
    if (file < 0) return -1;
    const auto bytes = static_cast<ssize_t>(content.size());
    if (::write(file, content.data(), content.size()) == bytes && ::lseek(file, 0, SEEK_SET) == 0)
        return file;
    ::close(file);
    return -1;
}

std::string input_of(const FenceConfig& fence, const char* action) {
    std::string text;
    for (const auto& [key, value] : fence.options) text += key + "=" + value + "\n";
    return text + "action=" + action + "\n";
}

int start_process(const std::string& program, int input, int output, pid_t& pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    std::string path = program;
    std::array<char*, 2> arguments{path.data(), nullptr};
    const int error =
        ::posix_spawn(&pid, path.c_str(), &files, &attributes, arguments.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
    return error;
}

}  // namespace

FenceCalls::FenceCalls(const std::vector<MemberConfig>& members) {
    for (const MemberConfig& member : members) {
        if (!member.fence.is_none()) calls_[member.id].fence = member.fence;
    }
}

FenceCalls::~FenceCalls() {
    for (auto& [host, call] : calls_) {
        if (call.pid != 0) ::kill(-call.pid, SIGKILL);
        if (call.output >= 0) ::close(call.output);
    }
}

bool FenceCalls::busy() const {
    const bool running = std::any_of(
        calls_.begin(), calls_.end(), [](const auto& entry) { return entry.second.running; });
    return running || !done_.empty() || !killed_.empty();
}

void FenceCalls::obey(const vm_protocol::Fence& order, Instant now) {
    const auto found = calls_.find(order.host);
    if (found == calls_.end()) {
        done_.push_back({order.host,
                         order.request,
                         FenceReply::NotRun,
                         PowerState::Unknown,
                         "the configuration names no program."});
        return;
    }
    Call& call = found->second;
    if (call.running) {
        if (call.running->request != order.request) call.waiting = order;
        return;
    }
    begin(call, order, now);
}

void FenceCalls::begin(Call& call, const vm_protocol::Fence& order, Instant now) {
    call.running = order;
    call.answer = {order.host, order.request, FenceReply::NotRun, PowerState::Unknown, {}};
    call.off_over = order.task == FenceTask::Prepare;
    if (now >= order.valid_until) {
        call.off_over = true;
        done_.push_back(call.answer);
        call.running.reset();
    } else if (!spawn(call, call.off_over ? "status" : "off", now)) {
        next(call, std::nullopt, now);
    }
}

bool FenceCalls::spawn(Call& call, const char* action, Instant now) {
    const int input = memory_file(input_of(call.fence, action));
    call.output = memory_file({});
    call.until = now + call.fence.timeout;
    int error = errno;
    if (input >= 0 && call.output >= 0) {
        error = start_process(call.fence.program, input, call.output, call.pid);
    }
    if (input >= 0) ::close(input);
    if (error == 0) return true;
    call.pid = 0;
    call.answer.text = call.fence.program + " cannot be run: " + std::strerror(error) + ".";
    if (call.output >= 0) ::close(call.output);
    call.output = -1;
    return false;
}

void FenceCalls::tick(Instant now, const std::function<void(vm_protocol::Fenced)>& send) {
    for (auto& [host, call] : calls_) {
        if (call.pid != 0) {
            int status = 0;
            if (::waitpid(call.pid, &status, WNOHANG) == call.pid) {
                call.pid = 0;
                next(call, WIFEXITED(status) ? WEXITSTATUS(status) : -1, now);
            } else if (now >= call.until) {
                ::kill(-call.pid, SIGKILL);
                killed_.push_back(call.pid);
                call.pid = 0;
                call.answer.text = "it did not end within " + duration_text(call.fence.timeout) +
                                   " and was killed.";
                next(call, std::nullopt, now);
            }
        }
        if (!call.running && call.waiting) {
            const vm_protocol::Fence order = *call.waiting;
            call.waiting.reset();
            begin(call, order, now);
        }
    }
    std::erase_if(killed_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == pid; });
    for (vm_protocol::Fenced& answer : done_) send(std::move(answer));
    done_.clear();
}

// A call has ended with this exit code, or was killed, or never began.
void FenceCalls::next(Call& call, std::optional<int> exit_code, Instant now) {
    const bool failed = exit_code.value_or(-1) != kStatusOn &&
                        !(call.off_over && exit_code.value_or(-1) == kStatusOff);
    if (failed && exit_code) note_output(call);
    if (call.output >= 0) ::close(call.output);
    call.output = -1;
    if (!call.off_over) {
        const bool ended = exit_code.has_value();
        call.answer.off = ended               ? (failed ? FenceReply::Failed : FenceReply::Ok)
                          : now >= call.until ? FenceReply::NoAnswer
                                              : FenceReply::Failed;
        call.off_over = true;
        if (spawn(call, "status", now)) return;
        exit_code.reset();
    }
    if (exit_code == kStatusOn) call.answer.power = PowerState::On;
    if (exit_code == kStatusOff) call.answer.power = PowerState::Off;
    done_.push_back(call.answer);
    call.running.reset();
}

void FenceCalls::note_output(Call& call) {
    std::string text(kOutputBytesMax, '\0');
    const off_t size = call.output >= 0 ? ::lseek(call.output, 0, SEEK_END) : 0;
    const off_t from = std::max<off_t>(0, size - static_cast<off_t>(kOutputBytesMax));
    const ssize_t count =
        call.output >= 0 ? ::pread(call.output, text.data(), text.size(), from) : 0;
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    call.answer.text = without_secrets(text, call.fence);
}

}  // namespace holdfast
