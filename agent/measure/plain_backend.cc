#include "agent/measure/plain_backend.h"

#include <cerrno>
#include <ctime>

#include <unistd.h>

#include "storage/completion_queue.h"

namespace holdfast::measure {

namespace {

class PlainBackend final : public IoBackend {
  public:
    explicit PlainBackend(int file) : file_(file) {}

    [[nodiscard]] const char* name() const override { return "plain"; }

    [[nodiscard]] const char* features() const override { return "pwrite and pread"; }

    void submit(std::span<const IoOperation> operations) override {
        for (const IoOperation& operation : operations) {
            const auto offset = static_cast<off_t>(operation.offset_bytes);
            const ssize_t done =
                operation.kind == IoKind::Write
                    ? ::pwrite(file_, operation.memory, operation.length_bytes, offset)
                    : ::pread(file_, operation.memory, operation.length_bytes, offset);
            done_.push({operation.token, static_cast<std::int32_t>(done < 0 ? -errno : done)});
            ++in_flight_;
        }
    }

    [[nodiscard]] std::size_t reap(std::span<IoCompletion> completions) override {
        const std::size_t taken = done_.take(completions);
        in_flight_ -= taken;
        return taken;
    }

    void wait(Duration timeout) override {
        if (!done_.empty() || timeout <= Duration::zero()) return;
        constexpr std::int64_t kSecond = 1'000'000'000;
        const timespec span{timeout.count() / kSecond, timeout.count() % kSecond};
        ::clock_nanosleep(CLOCK_MONOTONIC, 0, &span, nullptr);
    }

    [[nodiscard]] std::size_t in_flight() const override { return in_flight_; }

  private:
    int file_;
    CompletionQueue done_;
    std::size_t in_flight_ = 0;
};

}  // namespace

std::unique_ptr<IoBackend> make_plain_backend(int file) {
    return std::make_unique<PlainBackend>(file);
}

}  // namespace holdfast::measure
