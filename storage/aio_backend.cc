// IoBackend on Linux AIO, for kernels and sandboxes that refuse io_uring.
//
// Completions and wake-ups arrive on two eventfds that one ppoll() waits for.  Three things differ
// from io_uring. io_submit() may block when the file system must allocate, so datastores are
// written in full when formatted.  io_destroy() waits for I/O in flight: the context of a hung
// datastore is left behind.  And the process cannot exit before its I/O ends.
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <libaio.h>

#include "storage/completion_queue.h"
#include "storage/io_backend.h"

namespace holdfast {

namespace {

class AioBackend final : public IoBackend {
  public:
    explicit AioBackend(const IoTarget& target) : target_(target) {}

    AioBackend(const AioBackend&) = delete;
    AioBackend& operator=(const AioBackend&) = delete;
    ~AioBackend() override;

    // 0 or an errno.
    int init();

    [[nodiscard]] const char* name() const override { return "libaio"; }

    [[nodiscard]] const char* features() const override { return "one context, eventfd"; }

    void submit(std::span<const IoOperation> operations) override;
    [[nodiscard]] std::size_t reap(std::span<IoCompletion> completions) override;
    void wait(Duration timeout) override;

    [[nodiscard]] std::size_t in_flight() const override { return in_kernel_ + done_count_; }

  private:
    void prepare(const IoOperation& operation, iocb& block) const;
    void complete(std::uint64_t token, std::int64_t result);
    void collect();

    IoTarget target_;
    io_context_t context_ = nullptr;
    int completion_fd_ = -1;
    std::size_t in_kernel_ = 0;
    std::size_t done_count_ = 0;
    CompletionQueue done_;
};

int AioBackend::init() {
    completion_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (completion_fd_ < 0) return errno;
    return -io_setup(static_cast<int>(kIoInFlightMax), &context_);
}

AioBackend::~AioBackend() {
    if (in_kernel_ > 0) return;  // would block; context and eventfd belong to the kernel's I/O now
    if (context_ != nullptr) io_destroy(context_);
    if (completion_fd_ >= 0) ::close(completion_fd_);
}

void AioBackend::prepare(const IoOperation& operation, iocb& block) const {
    const auto offset = static_cast<long long>(operation.offset_bytes);
    if (operation.kind == IoKind::Read) {
        io_prep_pread(&block, target_.file, operation.memory, operation.length_bytes, offset);
    } else {
        io_prep_pwrite(&block, target_.file, operation.memory, operation.length_bytes, offset);
    }
    io_set_eventfd(&block, completion_fd_);
    std::memcpy(&block.data, &operation.token, sizeof block.data);
    static_assert(sizeof block.data == sizeof operation.token);
}

void AioBackend::complete(std::uint64_t token, std::int64_t result) {
    done_.push(IoCompletion{token, static_cast<std::int32_t>(result)});
    ++done_count_;
}

void AioBackend::submit(std::span<const IoOperation> operations) {
    HF_CHECK(in_flight() + operations.size() <= kIoInFlightMax);
    std::array<iocb, kIoInFlightMax> blocks{};
    std::array<iocb*, kIoInFlightMax> pointers{};
    for (std::size_t i = 0; i < operations.size(); ++i) {
        prepare(operations[i], blocks[i]);
        pointers[i] = &blocks[i];
    }
    std::size_t next = 0;
    while (next < operations.size()) {
        const int taken =
            io_submit(context_, static_cast<long>(operations.size() - next), &pointers[next]);
        if (taken > 0) {
            in_kernel_ += static_cast<std::size_t>(taken);
            next += static_cast<std::size_t>(taken);
        } else if (taken != -EINTR) {
            // The first of the rest was refused; it never reached the kernel.
            complete(operations[next].token, taken == 0 ? -EAGAIN : taken);
            ++next;
        }
    }
}

void AioBackend::collect() {
    std::array<io_event, kIoInFlightMax> events{};
    timespec now{};
    while (in_kernel_ > 0) {
        const int got =
            io_getevents(context_, 0, static_cast<long>(events.size()), events.data(), &now);
        if (got <= 0) return;
        for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
            std::uint64_t token = 0;
            std::memcpy(&token, &events[i].data, sizeof token);
            complete(token, static_cast<std::int64_t>(events[i].res));
        }
        in_kernel_ -= static_cast<std::size_t>(got);
    }
}

std::size_t AioBackend::reap(std::span<IoCompletion> completions) {
    collect();
    const std::size_t taken = done_.take(completions);
    done_count_ -= taken;
    return taken;
}

void AioBackend::wait(Duration timeout) {
    collect();
    std::array<pollfd, 2> fds{{{completion_fd_, POLLIN, 0}, {target_.wakeup_fd, POLLIN, 0}}};
    const std::int64_t ns = timeout.count() > 0 && done_.empty() ? timeout.count() : 0;
    const timespec limit{ns / 1'000'000'000, ns % 1'000'000'000};
    if (::ppoll(fds.data(), fds.size(), &limit, nullptr) <= 0) return;
    for (const pollfd& ready : fds) {
        std::uint64_t count = 0;
        if ((ready.revents & POLLIN) == 0) continue;
        [[maybe_unused]] const ssize_t got = ::read(ready.fd, &count, sizeof count);
    }
}

}  // namespace

Result<std::unique_ptr<IoBackend>> make_aio_backend(const IoTarget& target) {
    auto backend = std::make_unique<AioBackend>(target);
    const int error = backend->init();
    if (error != 0) {
        return Unexpected{Error{error,
                                std::string("io_setup failed with ") + ::strerrorname_np(error) +
                                    (error == EAGAIN ? " (fs.aio-max-nr reached)" : "")}};
    }
    return std::unique_ptr<IoBackend>(std::move(backend));
}

}  // namespace holdfast
