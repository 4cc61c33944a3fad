// Places to do real O_DIRECT I/O on: a folder that is removed, and loop devices that detach by
// themselves.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/result.h"
#include "storage/block_target.h"
#include "storage/geometry.h"

namespace holdfast::test {

// Small enough to be formatted in every test.
inline constexpr Geometry kSmallGeometry{4, kHeapBytesMin};

// A folder under HOLDFAST_TEST_DIR, or /var/tmp (not /tmp: that may be a tmpfs, which refuses
// O_DIRECT).
class TempFolder {
  public:
    TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder();

    [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

    [[nodiscard]] const std::string& path() const { return path_; }

    // Why O_DIRECT cannot be tested here; empty when it can.
    [[nodiscard]] std::string unusable_reason() const;

  private:
    std::string path_;
};

// /dev/loopN over a file.  The kernel detaches it when the last descriptor closes, so also when a
// test crashes.
class LoopDevice {
  public:
    [[nodiscard]] static Result<LoopDevice> attach(const std::string& file);

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    LoopDevice(OwnedFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    OwnedFd fd_;
    std::string path_;
};

// A file of `bytes` zeros, really allocated.
void write_zero_file(const std::string& path, std::uint64_t bytes);

void write_bytes(const std::string& path, std::uint64_t offset, const std::string& bytes);

}  // namespace holdfast::test
