#include "agent/vm/path_probe.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <system_error>

#include <spawn.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/files.h"
#include "agent/text.h"
#include "agent/vm/log.h"

namespace holdfast {
namespace {

constexpr Duration kProbeInterval = std::chrono::seconds(10);
constexpr Duration kProbeTimeout = std::chrono::seconds(3);

}  // namespace

PathProbes::PathProbes(std::string program, const std::vector<PathConfig>& paths)
    : program_(std::move(program)) {
    for (const PathConfig& path : paths) probes_.push_back({.path = path});
}

bool PathProbes::tick(Instant now) {
    for (std::size_t i = 0; i < probes_.size(); ++i) {
        Probe& probe = probes_[i];
        if (probe.pid != 0) {
            int status = 0;
            if (::waitpid(probe.pid, &status, WNOHANG) == probe.pid) {
                probe.pid = 0;
                if (!probe.late) finish(probe, i, WIFEXITED(status) && WEXITSTATUS(status) == 0);
            } else if (!probe.late && now - probe.started_at >= kProbeTimeout) {
                probe.late = true;
                ::kill(probe.pid, SIGKILL);
                finish(probe, i, false);
            }
        } else if (now - probe.started_at >= kProbeInterval || probe.started_at == kNotYet) {
            std::string flag = "--probe";
            std::array<char*, 4> arguments{
                program_.data(), flag.data(), probe.path.path.data(), nullptr};
            probe.late = false;
            probe.started_at = now;
            if (::posix_spawn(
                    &probe.pid, program_.c_str(), nullptr, nullptr, arguments.data(), environ) !=
                0) {
                probe.pid = 0;
                finish(probe, i, false);
            }
        }
    }
    return std::exchange(changed_, false);
}

void PathProbes::finish(Probe& probe, std::size_t index, bool is_reachable) {
    const std::uint32_t bit = std::uint32_t{1} << index;
    const bool was_reachable = (reachable_ & bit) != 0;
    if (probe.known && is_reachable == was_reachable) return;
    if (probe.known || !is_reachable) {
        log_line(fmt::format(
            "VM datastore {} ({}) is {} [HF-6060]",
            printable(probe.path.name),
            printable(probe.path.path),
            is_reachable ? "reachable again" : "not reachable: VMs on it are not placed here"));
    }
    probe.known = true;
    reachable_ = is_reachable ? reachable_ | bit : reachable_ & ~bit;
    changed_ = true;
}

int probe_path(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::path target(path);
    if (fs::is_directory(target, error)) {
        // statvfs asks an NFS server, and reading the folder asks for its content.
        struct statvfs filesystem {};

        if (::statvfs(path.c_str(), &filesystem) != 0) return 1;
        const fs::directory_iterator entries(target, error);
        return error ? 1 : 0;
    }
    if (fs::exists(target, error)) return 0;
    // A prefix of device paths.
    const std::string prefix = target.filename().string();
    const auto names = names_in(target.parent_path().string());
    if (!names) return 1;
    const auto has_prefix = [&](const std::string& name) { return name.starts_with(prefix); };
    return std::any_of(names->begin(), names->end(), has_prefix) ? 0 : 1;
}

}  // namespace holdfast
