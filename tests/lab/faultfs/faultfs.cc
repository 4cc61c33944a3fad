// faultfs: a directory passed through FUSE, with faults that are switched at run time (fault.h).
//
//   faultfs SOURCE CONTROL MOUNTPOINT [--name=NAME] [--no-locks]
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
//
// The low-level interface of libfuse, because the other one keeps a list of locks of its own, from
// which those of a killed process never go away.

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fuse3/fuse_lowlevel.h>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/lab/faultfs/fault.h"
#include "tests/lab/faultfs/handle.h"
#include "tests/lab/faultfs/names.h"

namespace {

using namespace faultfs;

constexpr unsigned kThreadsMax = 512;
constexpr double kNotCached = 0.0;

struct Settings {
    std::string source;
    std::string control;
    std::string name = "faultfs";
    bool forward_locks = true;
};

Settings settings;
Names names;

std::string in_source(const std::string& path) {
    return settings.source + path;
}

std::string in_source(fuse_ino_t node) {
    return settings.source + names.path_of(node);
}

// --- helpers --------------------------------------------------------------------------------------

// Whether the fault has answered the request already.
bool failed(fuse_req_t request, Access access) {
    const auto interrupted = [request] { return fuse_req_interrupted(request) != 0; };
    const int error = suffer(settings.control, access, interrupted);
    if (error != 0) fuse_reply_err(request, error);
    return error != 0;
}

void refuse(fuse_req_t request, int error) {
    fuse_reply_err(request, error);
}

void reply_result(fuse_req_t request, int returned) {
    fuse_reply_err(request, returned == -1 ? errno : 0);
}

// Fills `entry` for a path; returns 0 or an errno.
int describe(const std::string& path, fuse_entry_param& entry) {
    if (::lstat(in_source(path).c_str(), &entry.attr) != 0) return errno;
    entry.ino = names.number_of(path);
    entry.attr_timeout = kNotCached;
    entry.entry_timeout = kNotCached;
    return 0;
}

// --- files ----------------------------------------------------------------------------------------

void fs_open(fuse_req_t request, fuse_ino_t node, fuse_file_info* info) {
    if (failed(request, Access::Reads)) return;
    const int flags = info->flags & ~(O_CREAT | O_EXCL | O_APPEND);
    const int error = open_in_source(in_source(node), flags, 0, info);
    if (error != 0) return refuse(request, error);
    fuse_reply_open(request, info);
}

void fs_create(
    fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* info) {
    if (failed(request, Access::Writes)) return;
    const std::string path = names.child(parent, name);
    const int flags = (info->flags & ~O_APPEND) | O_CREAT;
    fuse_entry_param entry{};
    int error = open_in_source(in_source(path), flags, mode, info);
    if (error == 0) error = describe(path, entry);
    if (error != 0) return refuse(request, error);
    fuse_reply_create(request, &entry, info);
}

void fs_read(
    fuse_req_t request, fuse_ino_t /*node*/, size_t size, off_t offset, fuse_file_info* info) {
    if (failed(request, Access::Reads)) return;
    char* buffer = aligned_buffer(size);
    if (buffer == nullptr) return refuse(request, ENOMEM);
    const ssize_t done = ::pread(handle_of(info)->fd, buffer, size, offset);
    if (done < 0) return refuse(request, errno);
    fuse_reply_buf(request, buffer, static_cast<std::size_t>(done));
}

void fs_write(fuse_req_t request,
              fuse_ino_t /*node*/,
              const char* data,
              size_t size,
              off_t offset,
              fuse_file_info* info) {
    if (failed(request, Access::Writes)) return;
    const Handle* handle = handle_of(info);
    if (handle->direct) {
        char* buffer = aligned_buffer(size);
        if (buffer == nullptr) return refuse(request, ENOMEM);
        std::memcpy(buffer, data, size);
        data = buffer;
    }
    const ssize_t done = ::pwrite(handle->fd, data, size, offset);
    if (done < 0) return refuse(request, errno);
    fuse_reply_write(request, static_cast<std::size_t>(done));
}

void fs_fsync(fuse_req_t request, fuse_ino_t /*node*/, int data_only, fuse_file_info* info) {
    if (failed(request, Access::Writes)) return;
    const int fd = handle_of(info)->fd;
    reply_result(request, data_only != 0 ? ::fdatasync(fd) : ::fsync(fd));
}

void fs_release(fuse_req_t request, fuse_ino_t /*node*/, fuse_file_info* info) {
    const std::unique_ptr<Handle> handle{handle_of(info)};
    ::close(handle->fd);
    fuse_reply_err(request, 0);
}

void fs_fallocate(fuse_req_t request,
                  fuse_ino_t /*node*/,
                  int mode,
                  off_t offset,
                  off_t size,
                  fuse_file_info* info) {
    if (failed(request, Access::Writes)) return;
    reply_result(request, ::fallocate(handle_of(info)->fd, mode, offset, size));
}

void fs_lseek(
    fuse_req_t request, fuse_ino_t /*node*/, off_t offset, int whence, fuse_file_info* info) {
    if (failed(request, Access::Reads)) return;
    const off_t found = ::lseek(handle_of(info)->fd, offset, whence);
    if (found < 0) return refuse(request, errno);
    fuse_reply_lseek(request, found);
}

// --- names and attributes -------------------------------------------------------------------------

void fs_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    if (failed(request, Access::Reads)) return;
    fuse_entry_param entry{};
    const int error = describe(names.child(parent, name), entry);
    if (error != 0) return refuse(request, error);
    fuse_reply_entry(request, &entry);
}

void reply_attributes(fuse_req_t request, fuse_ino_t node) {
    struct stat attributes {};

    if (::lstat(in_source(node).c_str(), &attributes) != 0) return refuse(request, errno);
    fuse_reply_attr(request, &attributes, kNotCached);
}

void fs_getattr(fuse_req_t request, fuse_ino_t node, fuse_file_info* /*info*/) {
    if (failed(request, Access::Reads)) return;
    reply_attributes(request, node);
}

// Size and mode; owner and times are the lab's own and stay.
void fs_setattr(
    fuse_req_t request, fuse_ino_t node, struct stat* wanted, int which, fuse_file_info* /*info*/) {
    if (failed(request, Access::Writes)) return;
    const std::string where = in_source(node);
    int returned = 0;
    if ((which & FUSE_SET_ATTR_SIZE) != 0) returned = ::truncate(where.c_str(), wanted->st_size);
    if (returned == 0 && (which & FUSE_SET_ATTR_MODE) != 0) {
        returned = ::chmod(where.c_str(), wanted->st_mode);
    }
    if (returned != 0) return refuse(request, errno);
    reply_attributes(request, node);
}

void fs_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
    if (failed(request, Access::Writes)) return;
    const std::string path = names.child(parent, name);
    const int returned = ::unlink(in_source(path).c_str());
    if (returned == 0) names.removed(path);
    reply_result(request, returned);
}

void fs_rename(fuse_req_t request,
               fuse_ino_t parent,
               const char* name,
               fuse_ino_t new_parent,
               const char* new_name,
               unsigned flags) {
    if (failed(request, Access::Writes)) return;
    const std::string from = names.child(parent, name);
    const std::string to = names.child(new_parent, new_name);
    const int returned =
        ::renameat2(AT_FDCWD, in_source(from).c_str(), AT_FDCWD, in_source(to).c_str(), flags);
    if (returned == 0) names.renamed(from, to);
    reply_result(request, returned);
}

void fs_statfs(fuse_req_t request, fuse_ino_t node) {
    if (failed(request, Access::Reads)) return;

    struct statvfs attributes {};

    if (::statvfs(in_source(node).c_str(), &attributes) != 0) return refuse(request, errno);
    fuse_reply_statfs(request, &attributes);
}

void fs_readdir(
    fuse_req_t request, fuse_ino_t node, size_t size, off_t offset, fuse_file_info* /*info*/) {
    if (failed(request, Access::Reads)) return;
    DIR* directory = ::opendir(in_source(node).c_str());
    if (directory == nullptr) return refuse(request, errno);
    std::vector<char> buffer(size);
    std::size_t used = 0;
    off_t position = 0;
    while (const dirent* entry = ::readdir(directory)) {
        if (++position <= offset) continue;

        struct stat attributes {};

        attributes.st_ino = entry->d_ino;
        attributes.st_mode = static_cast<mode_t>(DTTOIF(entry->d_type));
        const std::size_t needed = fuse_add_direntry(
            request, buffer.data() + used, size - used, entry->d_name, &attributes, position);
        if (needed > size - used) break;
        used += needed;
    }
    ::closedir(directory);
    fuse_reply_buf(request, buffer.data(), used);
}

// --- locks ----------------------------------------------------------------------------------------

void fs_getlk(fuse_req_t request, fuse_ino_t /*node*/, fuse_file_info* info, struct flock* lock) {
    lock->l_pid = 0;  // what the kernel demands for this kind of lock
    if (::fcntl(handle_of(info)->fd, F_OFD_GETLK, lock) != 0) return refuse(request, errno);
    lock->l_pid = 0;
    fuse_reply_lock(request, lock);
}

void fs_setlk(
    fuse_req_t request, fuse_ino_t /*node*/, fuse_file_info* info, struct flock* lock, int wait) {
    lock->l_pid = 0;
    int returned = ::fcntl(handle_of(info)->fd, F_OFD_SETLK, lock);
    while (returned != 0 && wait != 0 && errno == EAGAIN && fuse_req_interrupted(request) == 0) {
        std::this_thread::sleep_for(kHangPoll);
        returned = ::fcntl(handle_of(info)->fd, F_OFD_SETLK, lock);
    }
    reply_result(request, returned);
}

void fs_flock(fuse_req_t request, fuse_ino_t /*node*/, fuse_file_info* info, int operation) {
    reply_result(request, ::flock(handle_of(info)->fd, operation));
}

// --- start ----------------------------------------------------------------------------------------

void fs_init(void* /*user*/, fuse_conn_info* connection) {
    // Asynchronous requests beyond this number would wait for the hung ones.
    connection->max_background = kThreadsMax;
    connection->congestion_threshold = kThreadsMax;
}

fuse_lowlevel_ops operations() {
    fuse_lowlevel_ops table{};
    table.init = fs_init;
    table.lookup = fs_lookup;
    table.getattr = fs_getattr;
    table.setattr = fs_setattr;
    table.open = fs_open;
    table.create = fs_create;
    table.read = fs_read;
    table.write = fs_write;
    table.fsync = fs_fsync;
    table.release = fs_release;
    table.fallocate = fs_fallocate;
    table.lseek = fs_lseek;
    table.unlink = fs_unlink;
    table.rename = fs_rename;
    table.statfs = fs_statfs;
    table.readdir = fs_readdir;
    if (settings.forward_locks) {
        table.getlk = fs_getlk;
        table.setlk = fs_setlk;
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
    const fuse_lowlevel_ops table = operations();
    fuse_session* session = fuse_session_new(&arguments, &table, sizeof(table), nullptr);
    fuse_opt_free_args(&arguments);
    if (session == nullptr) return 1;
    int status = 1;
    if (fuse_session_mount(session, mountpoint) == 0) {
        fuse_set_signal_handlers(session);
        fuse_loop_config* loop = fuse_loop_cfg_create();
        fuse_loop_cfg_set_max_threads(loop, kThreadsMax);
        status = fuse_session_loop_mt(session, loop) == 0 ? 0 : 1;
        fuse_loop_cfg_destroy(loop);
        fuse_session_unmount(session);
    }
    fuse_session_destroy(session);
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
    return serve(places[2].c_str());
}
