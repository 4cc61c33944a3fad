#include "tests/unit/storage/temp_target.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/base/check.h"

namespace holdfast::test {

TempFolder::TempFolder() {
    const char* base = std::getenv("HOLDFAST_TEST_DIR");
    path_ = std::string(base != nullptr ? base : "/var/tmp") + "/holdfast-test-XXXXXX";
    HF_CHECK(::mkdtemp(path_.data()) != nullptr);
}

TempFolder::~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::unusable_reason() const {
    const std::string file = path("direct");
    const OwnedFd fd{::open(file.c_str(), O_RDWR | O_CREAT | O_DIRECT, 0600)};
    const int error = errno;
    ::unlink(file.c_str());
    if (fd.get() >= 0) return {};
    return path_ + " does not support O_DIRECT (" + std::strerror(error) +
           "); set HOLDFAST_TEST_DIR to a folder on a disk";
}

Result<LoopDevice> LoopDevice::attach(const std::string& file) {
    const OwnedFd control{::open("/dev/loop-control", O_RDWR | O_CLOEXEC)};
    const OwnedFd backing{::open(file.c_str(), O_RDWR | O_CLOEXEC)};
    if (control.get() < 0 || backing.get() < 0) {
        return Unexpected{Error{errno, std::string("no loop devices: ") + std::strerror(errno)}};
    }
    for (int attempt = 0; attempt < 50; ++attempt) {
        const int index = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (index < 0) break;
        const std::string path = "/dev/loop" + std::to_string(index);
        OwnedFd device{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
        if (device.get() < 0) break;
        loop_config config{};
        config.fd = static_cast<std::uint32_t>(backing.get());
        config.block_size = 512;
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
        if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0)
            return LoopDevice{std::move(device), path};
        if (errno != EBUSY) break;  // EBUSY: somebody else was faster
    }
    return Unexpected{Error{errno, std::string("no loop device: ") + std::strerror(errno)}};
}

void write_zero_file(const std::string& path, std::uint64_t bytes) {
    const OwnedFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    HF_CHECK(fd.get() >= 0);
    const std::vector<char> zeros(64 * 1024);
    for (std::uint64_t done = 0; done < bytes;) {
        const std::uint64_t chunk = std::min<std::uint64_t>(zeros.size(), bytes - done);
        const ssize_t put = ::write(fd.get(), zeros.data(), chunk);
        HF_CHECK(put > 0);
        done += static_cast<std::uint64_t>(put);
    }
    HF_CHECK(::fsync(fd.get()) == 0);
}

void write_bytes(const std::string& path, std::uint64_t offset, const std::string& bytes) {
    const OwnedFd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
    HF_CHECK(fd.get() >= 0);
    const ssize_t put = ::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    HF_CHECK(put == static_cast<ssize_t>(bytes.size()));
    HF_CHECK(::fsync(fd.get()) == 0);
}

}  // namespace holdfast::test
