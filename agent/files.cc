#include "agent/files.h"

#include <array>
#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace holdfast {

std::optional<std::string> read_to_end(int descriptor) {
    std::string text;
    std::array<char, 16 * 1024> part;
    for (;;) {
        const ssize_t count = ::read(descriptor, part.data(), part.size());
        if (count == 0) return text;
        if (count > 0) {
            text.append(part.data(), static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            return std::nullopt;
        }
    }
}

std::optional<std::string> read_file(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return std::nullopt;
    std::optional<std::string> text = read_to_end(descriptor);
    const int error = errno;
    ::close(descriptor);
    errno = error;
    return text;
}

std::optional<std::vector<std::string>> names_in(const std::string& folder) {
    DIR* const open_folder = ::opendir(folder.c_str());
    if (open_folder == nullptr) return std::nullopt;
    std::vector<std::string> names;
    errno = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this thread's own
    while (const dirent* const entry = ::readdir(open_folder)) {
        const std::string name = static_cast<const char*>(entry->d_name);
        if (name != "." && name != "..") names.push_back(name);
        errno = 0;
    }
    const int error = errno;
    ::closedir(open_folder);
    errno = error;
    if (error != 0) return std::nullopt;
    return names;
}

}  // namespace holdfast
