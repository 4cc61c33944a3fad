// Handle: one open file of the source, and the aligned buffers that O_DIRECT demands of it.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fuse3/fuse_lowlevel.h>
#include <memory>
#include <string>

#include <fcntl.h>

namespace faultfs {

inline constexpr std::size_t kAlignment = 4096;

struct Handle {
    int fd = -1;
    bool direct = false;  // reads and writes go through aligned_buffer()
};

inline Handle* handle_of(const fuse_file_info* info) {
    // FUSE hands back the number that opening stored, which is this pointer.
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return reinterpret_cast<Handle*>(static_cast<std::uintptr_t>(info->fh));
}

// Opens a file of the source and stores its Handle in `info`.  Returns 0 or an errno.
inline int open_in_source(const std::string& where, int flags, mode_t mode, fuse_file_info* info) {
    bool direct = (flags & O_DIRECT) != 0;
    int fd = ::open(where.c_str(), flags | O_CLOEXEC, mode);
    if (fd < 0 && errno == EINVAL && direct) {  // a source without O_DIRECT, such as an old tmpfs
        direct = false;
        fd = ::open(where.c_str(), (flags & ~O_DIRECT) | O_CLOEXEC, mode);
    }
    if (fd < 0) return errno;
    auto handle = std::make_unique<Handle>(Handle{.fd = fd, .direct = direct});
    info->fh = reinterpret_cast<std::uintptr_t>(handle.release());
    info->direct_io = 1;
    return 0;
}

struct FreeMemory {
    void operator()(char* memory) const { std::free(memory); }
};

// A buffer of this thread, null when there is no memory; valid until the thread's next call.
inline char* aligned_buffer(std::size_t bytes) {
    thread_local std::unique_ptr<char, FreeMemory> buffer;
    thread_local std::size_t capacity = 0;
    if (bytes > capacity) {
        const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
        buffer.reset(static_cast<char*>(std::aligned_alloc(kAlignment, rounded)));
        capacity = buffer ? rounded : 0;
    }
    return buffer.get();
}

}  // namespace faultfs
