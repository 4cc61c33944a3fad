#include "storage/file_io.h"

#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace holdfast {

namespace {

Unexpected<Error> failed(const char* call, std::size_t bytes, std::uint64_t offset, int error) {
    const std::string reason = error == 0 ? "the end of the device or file" : std::strerror(error);
    return Unexpected{Error{error,
                            std::string(call) + " of " + std::to_string(bytes) + " bytes at byte " +
                                std::to_string(offset) + ": " + reason}};
}

}  // namespace

Result<Nothing> read_fully(int fd, std::span<std::byte> bytes, std::uint64_t offset_bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto at = static_cast<off_t>(offset_bytes + done);
        const ssize_t got = ::pread(fd, bytes.data() + done, bytes.size() - done, at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return failed("read", bytes.size(), offset_bytes, got == 0 ? 0 : errno);
        done += static_cast<std::size_t>(got);
    }
    return Nothing{};
}

Result<Nothing> write_fully(int fd, std::span<const std::byte> bytes, std::uint64_t offset_bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto at = static_cast<off_t>(offset_bytes + done);
        const ssize_t put = ::pwrite(fd, bytes.data() + done, bytes.size() - done, at);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return failed("write", bytes.size(), offset_bytes, put == 0 ? 0 : errno);
        done += static_cast<std::size_t>(put);
    }
    return Nothing{};
}

}  // namespace holdfast
