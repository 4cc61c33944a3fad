// Fault: what faultfs does to a request, as its control file says at this moment.
//
// The file holds one line (replace it by rename, so that nobody reads half of it):
//
//   ok              serve the request
//   eio             fail it with EIO
//   delay=300ms     serve it that much later
//   hang            keep it until the fault changes; a killed caller gets its request back
//   hang!           the same, but the caller stays in the kernel (state D) even when killed
//
// followed, where wanted, by " write-only": then only what changes a file is concerned.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace faultfs {

enum class FaultKind { Ok, Eio, Delay, Hang, HangUnkillable };
enum class Access { Reads, Writes };

inline constexpr std::chrono::milliseconds kHangPoll{10};

struct Fault {
    FaultKind kind = FaultKind::Ok;
    std::chrono::milliseconds delay{0};
    bool write_only = false;
};

inline Fault parse_fault(std::string_view line) {
    Fault fault;
    const std::string_view word = line.substr(0, line.find_first_of(" \n"));
    fault.write_only = line.find("write-only") != std::string_view::npos;
    if (word == "eio") fault.kind = FaultKind::Eio;
    if (word == "hang") fault.kind = FaultKind::Hang;
    if (word == "hang!") fault.kind = FaultKind::HangUnkillable;
    if (word.starts_with("delay=")) {
        const std::string_view digits = word.substr(6);
        unsigned milliseconds = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), milliseconds);
        fault.kind = FaultKind::Delay;
        fault.delay = std::chrono::milliseconds{milliseconds};
    }
    return fault;
}

// A control file that is missing or empty means no fault.
inline Fault read_fault(const std::string& control) {
    const int fd = ::open(control.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return {};
    std::array<char, 64> line{};
    const ssize_t size = ::read(fd, line.data(), line.size());
    ::close(fd);
    if (size <= 0) return {};
    return parse_fault({line.data(), static_cast<std::size_t>(size)});
}

// Waits or fails as the control file demands.  `interrupted` says whether the caller has been
// signalled.  Returns 0 or an errno.
template <typename Interrupted>
int suffer(const std::string& control, Access access, Interrupted interrupted) {
    const auto begin = std::chrono::steady_clock::now();
    for (;;) {
        const Fault fault = read_fault(control);
        if (fault.kind == FaultKind::Ok) return 0;
        if (fault.write_only && access == Access::Reads) return 0;
        if (fault.kind == FaultKind::Eio) return EIO;
        if (fault.kind == FaultKind::Delay) {
            const auto left = begin + fault.delay - std::chrono::steady_clock::now();
            if (left <= std::chrono::nanoseconds::zero()) return 0;
            std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kHangPoll));
            continue;
        }
        if (fault.kind == FaultKind::Hang && interrupted()) return EINTR;
        std::this_thread::sleep_for(kHangPoll);
    }
}

}  // namespace faultfs
