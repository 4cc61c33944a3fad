#include "agent/vm/qemu_process.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

#include <sys/syscall.h>
#include <unistd.h>

#include "agent/files.h"
#include "agent/text.h"

namespace holdfast {
namespace {

struct Stat {
    char state = '?';
    std::uint64_t started = 0;
};

// A process that ends while it is looked at leaves these behind; any other failure says nothing about it.
bool says_gone(int error) {
    return error == ENOENT || error == ESRCH;
}

// Fields 3 and 22 of /proc/PID/stat.  The name in field 2 may hold anything, so fields count from its last ')'.
// Nothing: errno says why.
std::optional<Stat> read_stat(const std::string& path) {
    const std::optional<std::string> text = read_file(path);
    const std::size_t name_end = text ? text->rfind(')') : std::string::npos;
    if (text) errno = EBADMSG;
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream fields(text->substr(name_end + 1));
    Stat stat;
    fields >> stat.state;
    std::string skipped;
    for (int field = 4; field < 22; ++field) fields >> skipped;
    fields >> stat.started;
    if (fields.fail()) return std::nullopt;
    return stat;
}

// The UUID behind "-uuid" in a command line whose arguments end with NUL, when it also has the "-name" that libvirt
// gives to every guest.
std::optional<VmId> uuid_argument(std::string_view command_line) {
    std::optional<VmId> vm;
    bool has_name = false;
    std::string_view before;
    while (!command_line.empty()) {
        const std::size_t end = std::min(command_line.find('\0'), command_line.size());
        const std::string_view argument = command_line.substr(0, end);
        if (before == "-uuid") vm = parse_uuid(argument);
        has_name = has_name || argument == "-name";
        before = argument;
        command_line.remove_prefix(std::min(end + 1, command_line.size()));
    }
    return has_name ? vm : std::nullopt;
}

bool is_over(char state) {
    return state == 'Z' || state == 'X';
}

std::optional<pid_t> parse_pid(const std::string& name) {
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
    return pid;
}

}  // namespace

void ProcQemuProcesses::look() {
    for (auto entry = living_.begin(); entry != living_.end();) {
        std::vector<Process>& processes = entry->second;
        std::erase_if(processes, [this](const Process& process) { return !is_alive(process); });
        entry = processes.empty() ? living_.erase(entry) : std::next(entry);
    }
    const auto names = names_in(proc_);
    blind_ = !names;
    if (!names) return;
    for (const std::string& name : *names) {
        const std::optional<pid_t> pid = parse_pid(name);
        if (pid && !recognize(*pid)) blind_ = true;
    }
}

int ProcQemuProcesses::kill(const VmId& vm) {
    const auto found = living_.find(vm);
    if (found == living_.end()) return 0;
    int count = 0;
    for (const Process& process : found->second) {
        // The descriptor pins the process, so that what is checked is what is killed.
        const auto descriptor = static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0));
        if (descriptor < 0) continue;
        if (is_alive(process) &&
            ::syscall(SYS_pidfd_send_signal, descriptor, SIGKILL, nullptr, 0) == 0) {
            ++count;
        }
        ::close(descriptor);
    }
    return count;
}

bool ProcQemuProcesses::is_alive(const Process& process) const {
    const std::string folder = proc_ + "/" + std::to_string(process.pid);
    const std::optional<Stat> stat = read_stat(folder + "/stat");
    if (!stat) return !says_gone(errno);
    if (stat->started != process.started) return false;
    if (!is_over(stat->state)) return true;
    // The first thread is over; the others may still be in the kernel.
    const std::string tasks = folder + "/task/";
    const auto names = names_in(tasks);
    if (!names) return !says_gone(errno);
    return std::any_of(names->begin(), names->end(), [&tasks](const std::string& name) {
        const std::optional<Stat> thread = read_stat(tasks + name + "/stat");
        return thread ? !is_over(thread->state) : !says_gone(errno);
    });
}

bool ProcQemuProcesses::recognize(pid_t pid) {
    const std::string folder = proc_ + "/" + std::to_string(pid);
    const std::optional<std::string> command_line = read_file(folder + "/cmdline");
    if (!command_line) return says_gone(errno);
    const std::optional<VmId> vm = uuid_argument(*command_line);
    if (!vm) return true;
    const std::optional<Stat> stat = read_stat(folder + "/stat");
    if (!stat) return says_gone(errno);
    if (is_over(stat->state)) return true;
    std::vector<Process>& processes = living_[*vm];
    const Process process{pid, stat->started};
    if (std::find(processes.begin(), processes.end(), process) == processes.end()) {
        processes.push_back(process);
    }
    return true;
}

}  // namespace holdfast
