// The four ways in which every I/O test runs: both back-ends, on a file and on a loop device.
#pragma once

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "storage/backend_select.h"
#include "tests/unit/storage/temp_target.h"

namespace holdfast::test {

struct IoMode {
    BackendChoice backend;
    bool on_loop;
};

inline constexpr IoMode kIoModes[] = {{BackendChoice::Uring, false},
                                      {BackendChoice::Aio, false},
                                      {BackendChoice::Uring, true},
                                      {BackendChoice::Aio, true}};

[[nodiscard]] inline std::string io_mode_name(const testing::TestParamInfo<IoMode>& instance) {
    const std::string backend = instance.param.backend == BackendChoice::Uring ? "Uring" : "Aio";
    return backend + (instance.param.on_loop ? "OnLoopDevice" : "OnFile");
}

// A zeroed target of the wanted kind; skips, loudly, where this machine cannot have it.
class IoModeTest : public testing::TestWithParam<IoMode> {
  protected:
    void SetUp() override {
        const std::string reason = folder_.unusable_reason();
        if (!reason.empty()) GTEST_SKIP() << "NOT TESTED: " << reason;
        path_ = folder_.path("target");
        write_zero_file(path_, kSmallGeometry.total_bytes());
        if (!GetParam().on_loop) return;
        auto loop = LoopDevice::attach(path_);
        if (!loop) GTEST_SKIP() << "NOT TESTED: loop devices need root: " << loop.error().text;
        path_ = loop->path();
        loop_.emplace(std::move(*loop));
    }

    TempFolder folder_;
    std::optional<LoopDevice> loop_;
    std::string path_;
};

}  // namespace holdfast::test
