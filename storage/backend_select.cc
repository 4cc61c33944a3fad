#include "storage/backend_select.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "storage/blocking_read.h"
#include "storage/geometry.h"

namespace holdfast {

namespace {

// "(kernel.io_uring_disabled = 2)", or nothing where that is not the cause.
std::string sysctl_note(int error) {
    if (error != EPERM) return {};
    std::FILE* file = std::fopen("/proc/sys/kernel/io_uring_disabled", "re");
    if (file == nullptr) return " (seccomp or a security policy)";
    int value = 0;
    const bool read = std::fscanf(file, "%d", &value) == 1;
    std::fclose(file);
    if (!read || value == 0) return " (seccomp or a security policy)";
    return " (kernel.io_uring_disabled = " + std::to_string(value) + ")";
}

Result<std::unique_ptr<IoBackend>> make_proved(BackendChoice kind,
                                               const IoTarget& target,
                                               Duration timeout) {
    auto made =
        kind == BackendChoice::Uring ? make_uring_backend(target) : make_aio_backend(target);
    if (!made) {
        const std::string note =
            kind == BackendChoice::Uring ? sysctl_note(made.error().system_errno) : "";
        return Unexpected{Error{made.error().system_errno, made.error().text + note}};
    }
    if (auto error = blocking_read(**made, target.arena.first(kBlockBytes), 0, timeout))
        return Unexpected{std::move(*error)};
    return made;
}

std::string using_it(const IoBackend& backend, const std::string& why) {
    return std::string("using ") + backend.name() + " (" + backend.features() + ") " + why;
}

}  // namespace

Result<BackendChoice> parse_backend_choice(std::string_view text) {
    if (text == "auto") return BackendChoice::Auto;
    if (text == "io_uring") return BackendChoice::Uring;
    if (text == "libaio") return BackendChoice::Aio;
    return Unexpected{
        Error{0, "I/O back-end \"" + std::string(text) + "\" is none of auto, io_uring, libaio"}};
}

Result<BackendChoice> effective_backend_choice(BackendChoice configured) {
    const char* value = std::getenv("HOLDFAST_IO");
    if (value == nullptr || *value == '\0') return configured;
    auto choice = parse_backend_choice(value);
    if (!choice)
        return Unexpected{Error{0, "environment variable HOLDFAST_IO: " + choice.error().text}};
    return choice;
}

Result<SelectedBackend> select_backend(BackendChoice choice,
                                       const IoTarget& target,
                                       Duration self_test_timeout) {
    if (choice != BackendChoice::Auto) {
        auto made = make_proved(choice, target, self_test_timeout);
        if (!made) {
            const char* name = choice == BackendChoice::Uring ? "io_uring" : "libaio";
            return Unexpected{Error{
                made.error().system_errno,
                std::string(name) + " was asked for and cannot be used: " + made.error().text}};
        }
        std::string reason = using_it(**made, "because it was asked for");
        return SelectedBackend{std::move(*made), std::move(reason)};
    }
    auto uring = make_proved(BackendChoice::Uring, target, self_test_timeout);
    if (uring) {
        std::string reason = using_it(**uring, "because its test read succeeded");
        return SelectedBackend{std::move(*uring), std::move(reason)};
    }
    if (uring.error().system_errno == ETIMEDOUT) {
        return Unexpected{
            Error{ETIMEDOUT, "the storage does not answer: io_uring: " + uring.error().text}};
    }
    auto aio = make_proved(BackendChoice::Aio, target, self_test_timeout);
    if (aio) {
        std::string reason = using_it(**aio, "because " + uring.error().text);
        return SelectedBackend{std::move(*aio), std::move(reason)};
    }
    return Unexpected{Error{aio.error().system_errno,
                            "no I/O back-end can be used: io_uring: " + uring.error().text +
                                "; libaio: " + aio.error().text}};
}

}  // namespace holdfast
