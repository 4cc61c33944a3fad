#include "agent/keeper/kernel_watchdog.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <utility>

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace holdfast {
namespace {

constexpr const char* kSoftNobootPath = "/sys/module/softdog/parameters/soft_noboot";

Error describe_open_failure(const std::string& path, int system_errno) {
    if (system_errno == EBUSY) {
        return {
            system_errno,
            fmt::format(
                "watchdog {} is held by another program (systemd's RuntimeWatchdogSec, sbd, wdmd, "
                "watchdog-mux?): without it a hung host runs on. Stop that program. [HF-6510]",
                path)};
    }
    return {
        system_errno,
        fmt::format("cannot open the watchdog {}: {}. Load its driver (softdog at least), or say "
                    "watchdog.device = \"none\". [HF-6511]",
                    path,
                    ::strerrordesc_np(system_errno))};
}

bool is_soft_noboot() {
    const int descriptor = ::open(kSoftNobootPath, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return false;
    char value = '0';
    const bool known = ::read(descriptor, &value, 1) == 1;
    ::close(descriptor);
    return known && value != '0' && value != 'N';
}

class KernelWatchdog final : public WatchdogDevice {
  public:
    explicit KernelWatchdog(int descriptor) : descriptor_(descriptor) {}

    KernelWatchdog(const KernelWatchdog&) = delete;
    KernelWatchdog& operator=(const KernelWatchdog&) = delete;

    // Closing without stop() lets the countdown go on, after one last feed by the kernel.
    ~KernelWatchdog() override { ::close(descriptor_); }

    // Sets the timeout and learns what the device is.
    [[nodiscard]] Result<Nothing> prepare(const std::string& path, Duration timeout) {
        watchdog_info info{};
        if (::ioctl(descriptor_, WDIOC_GETSUPPORT, &info) == 0) {
            const auto* text = reinterpret_cast<const char*>(info.identity);
            identity_.assign(text, ::strnlen(text, sizeof(info.identity)));
            magic_close_ = (info.options & WDIOF_MAGICCLOSE) != 0;
        }
        const auto wanted = std::chrono::duration_cast<std::chrono::seconds>(timeout);
        int seconds = static_cast<int>(std::max<std::int64_t>(wanted.count(), 1));
        // A device with a fixed timeout refuses; what counts is the answer to the next question.
        ::ioctl(descriptor_, WDIOC_SETTIMEOUT, &seconds);
        int real_seconds = 0;
        if (::ioctl(descriptor_, WDIOC_GETTIMEOUT, &real_seconds) != 0 || real_seconds <= 0) {
            const int why = errno;
            // NOLINTNEXTLINE(bugprone-unused-return-value): best effort
            if (!stop()) identity_ += " (cannot be stopped)";
            return Unexpected{Error{
                why,
                fmt::format("watchdog {} ({}) does not say its timeout: nobody could know when "
                            "this host is dead. Use another driver. [HF-6512]",
                            path,
                            identity_)}};
        }
        timeout_ = std::chrono::seconds(real_seconds);
        class_ = classify_watchdog(identity_, is_soft_noboot());
        return Nothing{};
    }

    [[nodiscard]] bool feed() override {
        const char any = 1;
        return ::write(descriptor_, &any, 1) == 1;
    }

    [[nodiscard]] bool stop() override {
        const char magic = 'V';
        return magic_close_ && ::write(descriptor_, &magic, 1) == 1;
    }

    [[nodiscard]] Duration timeout() const override { return timeout_; }

    [[nodiscard]] WatchdogClass watchdog_class() const override { return class_; }

    [[nodiscard]] std::string description() const override { return identity_; }

  private:
    int descriptor_;
    std::string identity_ = "unknown watchdog";
    bool magic_close_ = false;
    Duration timeout_{};
    WatchdogClass class_ = WatchdogClass::None;
};

class Sysrq final : public ResetDevice {
  public:
    explicit Sysrq(int descriptor) : descriptor_(descriptor) {}

    Sysrq(const Sysrq&) = delete;
    Sysrq& operator=(const Sysrq&) = delete;

    ~Sysrq() override { ::close(descriptor_); }

    void reset() override {
        const char reboot = 'b';
        if (::write(descriptor_, &reboot, 1) != 1) return;
    }

  private:
    int descriptor_;
};

}  // namespace

Result<std::unique_ptr<WatchdogDevice>> open_kernel_watchdog(const std::string& path,
                                                             Duration timeout) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return Unexpected{describe_open_failure(path, errno)};
    auto device = std::make_unique<KernelWatchdog>(descriptor);
    const Result<Nothing> prepared = device->prepare(path, timeout);
    if (!prepared) return Unexpected{prepared.error()};
    return std::unique_ptr<WatchdogDevice>(std::move(device));
}

Result<std::unique_ptr<ResetDevice>> open_sysrq() {
    const int descriptor = ::open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return Unexpected{Error{errno,
                                fmt::format("cannot open /proc/sysrq-trigger: {}. [HF-6513]",
                                            ::strerrordesc_np(errno))}};
    }
    return std::unique_ptr<ResetDevice>(std::make_unique<Sysrq>(descriptor));
}

WatchdogClass classify_watchdog(std::string_view identity, bool soft_noboot) {
    if (identity != "Software Watchdog") return WatchdogClass::Hardware;
    return soft_noboot ? WatchdogClass::None : WatchdogClass::Soft;
}

}  // namespace holdfast
