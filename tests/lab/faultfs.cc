// faultfs: a directory passed through FUSE, with faults that are switched at run time.
//
//   faultfs SOURCE CONTROL MOUNTPOINT [--name=NAME] [--no-locks]
//
// Every request first looks at the CONTROL file, which holds one line (replace it by rename, so
// that nobody reads half of it):
//
//   ok              serve the request
//   eio             fail it with EIO
//   delay=300ms     serve it that much later
//   hang            keep it until the fault changes; a killed caller gets its request back
//   hang!           the same, but the caller stays in the kernel (state D) even when killed
//
// followed, where wanted, by " write-only": then only what changes the file is concerned.
//
// Locks are forwarded to SOURCE as open-file-description locks, so that several mounts of one
// SOURCE exclude each other as NFS clients do.  With --no-locks they stay inside this mount, as on
// a LUN that two kernels share.
//
// O_DIRECT reaches the file in SOURCE, and nothing is cached on the way: what one mount has
// written, another one reads.
//
// Threads: one per request in flight, up to kThreadsMax; hung requests cost a thread each and
// delay nobody else.

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fuse3/fuse.h>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace {

constexpr unsigned kThreadsMax = 512;
constexpr unsigned kIdleThreads = 32;
constexpr std::size_t kAlignment = 4096;
constexpr std::chrono::milliseconds kHangPoll{10};

enum class FaultKind { Ok, Eio, Delay, Hang, HangUnkillable };
enum class Access { Reads, Writes };

struct Fault {
    FaultKind kind = FaultKind::Ok;
    std::chrono::milliseconds delay{0};
    bool write_only = false;
};

struct Settings {
    std::string source;
    std::string control;
    std::string name = "faultfs";
    bool forward_locks = true;
};

// One open file: the descriptor in SOURCE, and whether it wants aligned buffers.
struct Handle {
    int fd = -1;
    bool direct = false;
};

Settings settings;

// --- the control file ---------------------------------------------------------------------------

Fault parse_fault(std::string_view line) {
    Fault fault;
    const auto space = line.find_first_of(" \n");
    const std::string_view word = line.substr(0, space);
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

Fault current_fault() {
    const int fd = ::open(settings.control.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return {};
    std::array<char, 64> line{};
    const ssize_t size = ::read(fd, line.data(), line.size());
    ::close(fd);
    if (size <= 0) return {};
    return parse_fault({line.data(), static_cast<std::size_t>(size)});
}

// Waits or fails as the control file demands.  Returns 0 or a negative errno.
int suffer(Access access) {
    const auto begin = std::chrono::steady_clock::now();
    for (;;) {
        const Fault fault = current_fault();
        if (fault.kind == FaultKind::Ok) return 0;
        if (fault.write_only && access == Access::Reads) return 0;
        if (fault.kind == FaultKind::Eio) return -EIO;
        if (fault.kind == FaultKind::Delay) {
            const auto left = begin + fault.delay - std::chrono::steady_clock::now();
            if (left <= std::chrono::nanoseconds::zero()) return 0;
            std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, kHangPoll));
            continue;
        }
        if (fault.kind == FaultKind::Hang && fuse_interrupted() != 0) return -EINTR;
        std::this_thread::sleep_for(kHangPoll);
    }
}

// --- helpers ------------------------------------------------------------------------------------

std::string in_source(const char* path) {
    return settings.source + path;
}

int result_of(int returned) {
    return returned == -1 ? -errno : 0;
}

Handle* handle_of(const fuse_file_info* info) {
    // FUSE hands back the number that open() stored, which is this pointer.
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return reinterpret_cast<Handle*>(static_cast<std::uintptr_t>(info->fh));
}

struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
};

// A buffer of this thread that O_DIRECT accepts; valid until the thread's next call.
std::byte* aligned_buffer(std::size_t bytes) {
    thread_local std::unique_ptr<std::byte, Free> buffer;
    thread_local std::size_t capacity = 0;
    if (bytes > capacity) {
        const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
        buffer.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)));
        capacity = buffer ? rounded : 0;
    }
    return buffer.get();
}

int open_in_source(const char* path, int flags, mode_t mode, fuse_file_info* info) {
    const std::string where = in_source(path);
    bool direct = (flags & O_DIRECT) != 0;
    int fd = ::open(where.c_str(), flags | O_CLOEXEC, mode);
    if (fd < 0 && errno == EINVAL && direct) {  // a SOURCE without O_DIRECT, such as an old tmpfs
        direct = false;
        fd = ::open(where.c_str(), (flags & ~O_DIRECT) | O_CLOEXEC, mode);
    }
    if (fd < 0) return -errno;
    auto handle = std::make_unique<Handle>(Handle{.fd = fd, .direct = direct});
    info->fh = reinterpret_cast<std::uintptr_t>(handle.release());
    info->direct_io = 1;
    return 0;
}

// --- files --------------------------------------------------------------------------------------

int fs_open(const char* path, fuse_file_info* info) {
    if (const int failed = suffer(Access::Reads); failed != 0) return failed;
    return open_in_source(path, info->flags & ~(O_CREAT | O_EXCL | O_APPEND), 0, info);
}

int fs_create(const char* path, mode_t mode, fuse_file_info* info) {
    if (const int failed = suffer(Access::Writes); failed != 0) return failed;
    return open_in_source(path, info->flags & ~O_APPEND, mode, info);
}

int fs_read(const char* /*path*/, char* data, size_t size, off_t offset, fuse_file_info* info) {
    if (const int failed = suffer(Access::Reads); failed != 0) return failed;
    const Handle* handle = handle_of(info);
    void* target = handle->direct ? static_cast<void*>(aligned_buffer(size)) : data;
    if (target == nullptr) return -ENOMEM;
    const ssize_t done = ::pread(handle->fd, target, size, offset);
    if (done < 0) return -errno;
    if (target != data) std::memcpy(data, target, static_cast<std::size_t>(done));
    return static_cast<int>(done);
}

int fs_write(
    const char* /*path*/, const char* data, size_t size, off_t offset, fuse_file_info* info) {
    if (const int failed = suffer(Access::Writes); failed != 0) return failed;
    const Handle* handle = handle_of(info);
    const void* origin = data;
    if (handle->direct) {
        std::byte* buffer = aligned_buffer(size);
        if (buffer == nullptr) return -ENOMEM;
        std::memcpy(buffer, data, size);
        origin = buffer;
    }
    const ssize_t done = ::pwrite(handle->fd, origin, size, offset);
    return done < 0 ? -errno : static_cast<int>(done);
}

int fs_fsync(const char* /*path*/, int data_only, fuse_file_info* info) {
    if (const int failed = suffer(Access::Writes); failed != 0) return failed;
    const int fd = handle_of(info)->fd;
    return result_of(data_only != 0 ? ::fdatasync(fd) : ::fsync(fd));
}

int fs_release(const char* /*path*/, fuse_file_info* info) {
    const std::unique_ptr<Handle> handle{handle_of(info)};
    ::close(handle->fd);
    return 0;
}

int fs_fallocate(const char* /*path*/, int mode, off_t offset, off_t size, fuse_file_info* info) {
    if (const int failed = suffer(Access::Writes); failed != 0) return failed;
    return result_of(::fallocate(handle_of(info)->fd, mode, offset, size));
}

off_t fs_lseek(const char* /*path*/, off_t offset, int whence, fuse_file_info* info) {
    if (const int failed = suffer(Access::Reads); failed != 0) return failed;
    const off_t found = ::lseek(handle_of(info)->fd, offset, whence);
    return found < 0 ? -errno : found;
}

// --- names and attributes -----------------------------------------------------------------------

int fs_getattr(const char* path, struct stat* attributes, fuse_file_info* /*info*/) {
    if (const int failed = suffer(Access::Reads); failed != 0) return failed;
    return result_of(::lstat(in_source(path).c_str(), attributes));
}

int fs_truncate(const char* path, off_t size, fuse_file_info* /*info*/) {
    if (const int failed = suffer(Access::Writes); failed != 0) return failed;
    return result_of(::truncate(in_source(path).c_str(), size));
}

int fs_unlink(const char* path) {
    if (const int failed = suffer(Access::Writes); failed != 0) return failed;
    return result_of(::unlink(in_source(path).c_str()));
}

int fs_rename(const char* from, const char* to, unsigned flags) {
    if (const int failed = suffer(Access::Writes); failed != 0) return failed;
    return result_of(
        ::renameat2(AT_FDCWD, in_source(from).c_str(), AT_FDCWD, in_source(to).c_str(), flags));
}

int fs_chmod(const char* path, mode_t mode, fuse_file_info* /*info*/) {
    if (const int failed = suffer(Access::Writes); failed != 0) return failed;
    return result_of(::chmod(in_source(path).c_str(), mode));
}

int fs_statfs(const char* path, struct statvfs* attributes) {
    if (const int failed = suffer(Access::Reads); failed != 0) return failed;
    return result_of(::statvfs(in_source(path).c_str(), attributes));
}

int fs_readdir(const char* path,
               void* target,
               fuse_fill_dir_t fill,
               off_t /*offset*/,
               fuse_file_info* /*info*/,
               fuse_readdir_flags /*flags*/) {
    if (const int failed = suffer(Access::Reads); failed != 0) return failed;
    DIR* directory = ::opendir(in_source(path).c_str());
    if (directory == nullptr) return -errno;
    while (const dirent* entry = ::readdir(directory)) {
        fill(target, entry->d_name, nullptr, 0, fuse_fill_dir_flags{});
    }
    ::closedir(directory);
    return 0;
}

// --- locks --------------------------------------------------------------------------------------

int open_file_description_command(int command) {
    if (command == F_GETLK) return F_OFD_GETLK;
    return command == F_SETLK ? F_OFD_SETLK : F_OFD_SETLKW;
}

int fs_lock(const char* /*path*/, fuse_file_info* info, int command, struct flock* lock) {
    lock->l_pid = 0;  // what the kernel demands for this kind of lock
    return result_of(::fcntl(handle_of(info)->fd, open_file_description_command(command), lock));
}

int fs_flock(const char* /*path*/, fuse_file_info* info, int operation) {
    return result_of(::flock(handle_of(info)->fd, operation));
}

// --- start --------------------------------------------------------------------------------------

void* fs_init(fuse_conn_info* connection, fuse_config* config) {
    config->attr_timeout = 0;
    config->entry_timeout = 0;
    config->negative_timeout = 0;
    config->use_ino = 1;
    config->intr = 1;
    // Asynchronous requests beyond this number would wait for the hung ones.
    connection->max_background = kThreadsMax;
    connection->congestion_threshold = kThreadsMax;
    return nullptr;
}

fuse_operations operations() {
    fuse_operations table{};
    table.init = fs_init;
    table.getattr = fs_getattr;
    table.open = fs_open;
    table.create = fs_create;
    table.read = fs_read;
    table.write = fs_write;
    table.fsync = fs_fsync;
    table.release = fs_release;
    table.fallocate = fs_fallocate;
    table.lseek = fs_lseek;
    table.truncate = fs_truncate;
    table.unlink = fs_unlink;
    table.rename = fs_rename;
    table.chmod = fs_chmod;
    table.statfs = fs_statfs;
    table.readdir = fs_readdir;
    if (settings.forward_locks) {
        table.lock = fs_lock;
        table.flock = fs_flock;
    }
    return table;
}

int serve(const char* mountpoint) {
    const std::string options = "allow_other,subtype=faultfs,fsname=" + settings.name;
    fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
    for (const char* word : {"faultfs", "-o", options.c_str()}) {
        if (fuse_opt_add_arg(&arguments, word) != 0) return 1;
    }
    const fuse_operations table = operations();
    fuse* file_system = fuse_new(&arguments, &table, sizeof(table), nullptr);
    fuse_opt_free_args(&arguments);
    if (file_system == nullptr) return 1;
    int status = 1;
    if (fuse_mount(file_system, mountpoint) == 0) {
        fuse_set_signal_handlers(fuse_get_session(file_system));
        fuse_loop_config* loop = fuse_loop_cfg_create();
        fuse_loop_cfg_set_max_threads(loop, kThreadsMax);
        fuse_loop_cfg_set_idle_threads(loop, kIdleThreads);
        status = fuse_loop_mt(file_system, loop) == 0 ? 0 : 1;
        fuse_loop_cfg_destroy(loop);
        fuse_unmount(file_system);
    }
    fuse_destroy(file_system);
    return status;
}

}  // namespace

int main(int count, char** words) {
    std::vector<std::string> places;
    for (int index = 1; index < count; ++index) {
        const std::string_view word = words[index];
        if (word == "--no-locks") {
            settings.forward_locks = false;
        } else if (word.starts_with("--name=")) {
            settings.name = word.substr(7);
        } else {
            places.emplace_back(word);
        }
    }
    if (places.size() != 3) {
        std::fputs("usage: faultfs SOURCE CONTROL MOUNTPOINT [--name=NAME] [--no-locks]\n", stderr);
        return 2;
    }
    settings.source = places[0];
    settings.control = places[1];
    ::umask(0);

    // libfuse wakes the thread of an interrupted request with SIGUSR1, and installs no handler when
    // interrupts are switched on as late as in fs_init.
    struct sigaction ignored {};

    ignored.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &ignored, nullptr);
    return serve(places[2].c_str());
}
