// HF_CHECK: for programmer errors only: a broken precondition, an impossible state, an invariant
// that a file promised.  It prints one line and aborts, in every build.
//
// HF_CHECK must never see data that came from a disk, a packet, libvirt or a configuration.  Those
// are operating errors: decode them into a Result and let the engine decide.  Aborting the agent
// starts a countdown to a reset of the host, so a check fires on a bug or not at all.
#pragma once

namespace holdfast {

// Prints "FILE:LINE: check failed: TEXT" to standard error and aborts.  Never returns.
[[noreturn]] void check_failed(const char* file, int line, const char* text) noexcept;

}  // namespace holdfast

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): __FILE__ and __LINE__ need a macro
#define HF_CHECK(condition)                                           \
    do {                                                              \
        if (!(condition)) {                                           \
            ::holdfast::check_failed(__FILE__, __LINE__, #condition); \
        }                                                             \
    } while (false)
