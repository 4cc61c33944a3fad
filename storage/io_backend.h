// IoBackend: how reads and writes reach one open datastore.  One object, one thread, one open
// target, one arena.
//
// Thread safety
//   Created, used and destroyed by one thread: the datastore's loop.  Only the wake-up eventfd is
//   written by others.
//
// Only a completion ends an I/O
//   There is no cancel and no timeout of an operation.  Its memory belongs to the kernel until
//   reap() returned its completion, however long that takes; a hung operation simply stays.
//
// Allocation and blocking
//   submit() and reap() neither allocate nor block on the device; wait() blocks at most for its
//   timeout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/base/result.h"
#include "engine/base/types.h"

namespace holdfast {

enum class IoKind : std::uint8_t { Read = 1, Write = 2 };

// `memory` lies inside the arena given to the back-end; memory, length and offset are multiples of
// 4096.
struct IoOperation {
    IoKind kind = IoKind::Read;
    std::uint64_t token = 0;  // comes back in the completion; not ~0
    std::byte* memory = nullptr;
    std::uint32_t length_bytes = 0;
    std::uint64_t offset_bytes = 0;  // in the target
};

struct IoCompletion {
    std::uint64_t token = 0;
    std::int32_t result = 0;  // bytes transferred, or the negative errno
};

inline constexpr std::size_t kIoInFlightMax = 32;

class IoBackend {
  public:
    IoBackend() = default;
    IoBackend(const IoBackend&) = delete;
    IoBackend& operator=(const IoBackend&) = delete;

    // Never waits for I/O in flight; see the implementations for what the kernel then does.
    virtual ~IoBackend() = default;

    // "io_uring" or "libaio".
    [[nodiscard]] virtual const char* name() const = 0;

    // Which optional features are in use, for the log ("registered file and buffers,
    // DEFER_TASKRUN").
    [[nodiscard]] virtual const char* features() const = 0;

    // Hands all operations over, unordered; the kernel has them no later than with the wait() or reap()
    // that follows.  One that it refuses is completed with its errno.  REQUIRES: in_flight() + operations.size() <= kIoInFlightMax.
    virtual void submit(std::span<const IoOperation> operations) = 0;

    // Takes finished operations, without waiting; returns how many.
    [[nodiscard]] virtual std::size_t reap(std::span<IoCompletion> completions) = 0;

    // Returns when an operation has finished, the wake-up eventfd was written (its count is then
    // consumed), or the timeout is over.  May return early.
    virtual void wait(Duration timeout) = 0;

    // Operations submitted and not yet reaped.
    [[nodiscard]] virtual std::size_t in_flight() const = 0;
};

// What a back-end works on.  It owns none of it; all of it must outlive every operation in flight.
struct IoTarget {
    int file = -1;               // O_DIRECT|O_DSYNC
    int wakeup_fd = -1;          // non-blocking eventfd, or -1
    std::span<std::byte> arena;  // 4096-aligned; every operation's memory lies in it
};

[[nodiscard]] Result<std::unique_ptr<IoBackend>> make_uring_backend(const IoTarget& target);
[[nodiscard]] Result<std::unique_ptr<IoBackend>> make_aio_backend(const IoTarget& target);

}  // namespace holdfast
