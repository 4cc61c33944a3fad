#include "agent/daemon/host_identity.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include "agent/text.h"

namespace holdfast {

namespace {

constexpr const char* kMachineIdFile = "/etc/machine-id";
constexpr const char* kBootIdFile = "/proc/sys/kernel/random/boot_id";
constexpr std::string_view kFirstWord = "holdfast-incarnation";

Unexpected<Error> failed(const std::string& path, int number, const std::string& text) {
    std::string sentence = path + ": " + text;
    if (number != 0) sentence += std::string(": ") + std::strerror(number);
    return Unexpected{Error{number, sentence + ". [HF-5002]"}};
}

Result<std::string> read_small_file(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed(path, errno, "cannot be opened");
    std::array<char, 512> text{};
    const ssize_t length = ::read(fd, text.data(), text.size());
    const int number = errno;
    close(fd);
    if (length < 0) return failed(path, number, "cannot be read");
    std::string content(text.data(), static_cast<std::size_t>(length));
    while (!content.empty() && content.back() == '\n') content.pop_back();
    return content;
}

}  // namespace

Uuid derive_host_uuid(const std::string& machine_id, const ClusterUuid& cluster) {
    Uuid uuid;
    crypto_generichash(uuid.bytes.data(),
                       uuid.bytes.size(),
                       reinterpret_cast<const unsigned char*>(machine_id.data()),
                       machine_id.size(),
                       cluster.bytes.data(),
                       cluster.bytes.size());
    return uuid;
}

Result<HostIdentity> read_host_identity(const ClusterUuid& cluster) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts
    const char* other = std::getenv("HOLDFAST_MACHINE_ID");
    const std::string path = other != nullptr ? other : kMachineIdFile;
    const Result<std::string> machine = read_small_file(path);
    if (!machine) return Unexpected{machine.error()};
    if (machine->size() < 8)
        return failed(path, 0, "holds no machine id; run systemd-machine-id-setup");
    const Result<std::string> boot = read_small_file(kBootIdFile);
    if (!boot) return Unexpected{boot.error()};
    const auto boot_id = parse_uuid(*boot);
    if (!boot_id || boot_id->is_none()) return failed(kBootIdFile, 0, "holds no boot id");
    return HostIdentity{derive_host_uuid(*machine, cluster), *boot_id};
}

Result<IncarnationRecord> read_incarnation(const std::string& path) {
    const Result<std::string> content = read_small_file(path);
    if (!content) return Unexpected{content.error()};
    std::array<char, 40> uuid{};
    unsigned boot = 0;
    unsigned restart = 0;
    int used = 0;
    const std::string format_check = std::string(kFirstWord) + " 1 ";
    if (!content->starts_with(format_check) ||
        std::sscanf(content->c_str() + format_check.size(),
                    "%36s %u.%u%n",
                    uuid.data(),
                    &boot,
                    &restart,
                    &used) != 3 ||
        format_check.size() + static_cast<std::size_t>(used) != content->size()) {
        return failed(
            path, 0, "is damaged. Nothing is known of the agent before; it is void after a reboot");
    }
    const auto boot_id = parse_uuid(uuid.data());
    if (!boot_id || boot_id->is_none()) return failed(path, 0, "is damaged: no boot id");
    return IncarnationRecord{*boot_id, Incarnation{boot, restart}};
}

Result<Nothing> write_incarnation(const std::string& path, const IncarnationRecord& record) {
    const std::string beside = path + ".new";
    const std::string content = std::string(kFirstWord) + " 1 " + uuid_text(record.boot_id) + " " +
                                incarnation_text(record.incarnation) + "\n";
    const int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return failed(beside, errno, "cannot be written");
    const ssize_t written = write(fd, content.data(), content.size());
    const int number = errno;
    close(fd);
    if (written != static_cast<ssize_t>(content.size()))
        return failed(beside, number, "cannot be written");
    if (std::rename(beside.c_str(), path.c_str()) != 0)
        return failed(path, errno, "cannot be replaced");
    return Nothing{};
}

Result<Incarnation> next_incarnation(const std::string& path, const BootId& boot_id) {
    const Result<IncarnationRecord> before = read_incarnation(path);
    if (!before && before.error().system_errno != ENOENT) return Unexpected{before.error()};
    const bool same_boot = before && before->boot_id == boot_id;
    const Incarnation next =
        same_boot ? Incarnation{before->incarnation.boot(), before->incarnation.restart() + 1}
                  : Incarnation{0, 1};
    const Result<Nothing> written = write_incarnation(path, {boot_id, next});
    if (!written) return Unexpected{written.error()};
    return next;
}

}  // namespace holdfast
