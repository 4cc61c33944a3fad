#include "storage/blocking_read.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "storage/clock.h"

namespace holdfast {

namespace {

constexpr std::uint64_t kToken = 1;

std::string read_of(std::size_t bytes) {
    return "a read of " + std::to_string(bytes) + " bytes";
}

}  // namespace

std::optional<Error> blocking_read(IoBackend& backend,
                                   std::span<std::byte> memory,
                                   std::uint64_t offset_bytes,
                                   Duration timeout) {
    HF_CHECK(backend.in_flight() == 0);
    const IoOperation read{IoKind::Read,
                           kToken,
                           memory.data(),
                           static_cast<std::uint32_t>(memory.size()),
                           offset_bytes};
    const Instant deadline = boottime_now() + timeout;
    backend.submit({&read, 1});
    for (;;) {
        IoCompletion completion;
        if (backend.reap({&completion, 1}) == 1) {
            if (completion.result == static_cast<std::int32_t>(memory.size())) return std::nullopt;
            if (completion.result >= 0) {
                return Error{
                    0, read_of(memory.size()) + " gave only " + std::to_string(completion.result)};
            }
            const int error = -completion.result;
            return Error{error,
                         read_of(memory.size()) + " failed with " + ::strerrorname_np(error)};
        }
        const Instant now = boottime_now();
        if (now >= deadline) break;
        backend.wait(deadline - now);
    }
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
    return Error{
        ETIMEDOUT,
        read_of(memory.size()) + " did not come back within " + std::to_string(ms) + " ms"};
}

}  // namespace holdfast
