#include "agent/vm/start_marks.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "agent/files.h"
#include "agent/text.h"

namespace holdfast {

Result<StartMarks> StartMarks::open(const std::string& folder) {
    StartMarks marks(folder);
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    const auto names = names_in(folder);
    if (!names) {
        const int number = errno;
        return Unexpected{
            Error{number, "cannot use " + folder + ": " + std::strerror(number) + " [HF-6010]"}};
    }
    for (const std::string& name : *names) {
        const std::optional<VmId> vm = parse_uuid(name);
        if (vm) marks.marks_.insert(*vm);
    }
    marks.inherited_ = marks.marks_;
    return marks;
}

bool StartMarks::set(const VmId& vm) {
    const int descriptor = ::open(path_of(vm).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return false;
    ::close(descriptor);
    marks_.insert(vm);
    return true;
}

void StartMarks::clear(const VmId& vm) {
    if (marks_.erase(vm) == 0) return;
    inherited_.erase(vm);
    ::unlink(path_of(vm).c_str());
}

std::string StartMarks::path_of(const VmId& vm) const {
    return folder_ + "/" + uuid_text(vm);
}

}  // namespace holdfast
