// IoBackend on io_uring.
//
// Cheapest first: SINGLE_ISSUER|DEFER_TASKRUN (Linux 6.1), then COOP_TASKRUN (5.19), then no flags.
// A kernel that does not know a flag answers EINVAL.  Registered buffers pin the arena; where the
// memory limit forbids it we go without.
//
// One system call and one wake-up a beat: what submit() was given goes into the kernel with the wait() that follows; a wait
// for operations that were handed over together waits for two of them, though not for long; and reap() enters the kernel
// only when the ring's flags say (TASKRUN_FLAG) that completions are waiting there.
//
// Destruction with I/O in flight returns at once; the kernel keeps the pinned pages and finishes,
// or not.  The wake-up eventfd is watched by a one-shot poll in the ring, so that one wait covers
// everything.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <liburing.h>

#include "storage/completion_queue.h"
#include "storage/io_backend.h"

namespace holdfast {

namespace {

constexpr unsigned kEntries = 64;  // kIoInFlightMax and the poll, with room
constexpr std::uint64_t kWakeupToken = ~std::uint64_t{0};

// How long the first completion of several, or a wake-up, may be kept back because the second is expected: once, in the wait
// behind their submission.  Leases count from the issue of a write, so its news may be a little late.  A timer that ends
// sooner than the kernel's own tick would cost more, in a virtual machine, than the second wake-up that it saves.
constexpr Duration kCompanionWait = std::chrono::milliseconds{10};
constexpr unsigned kCompanions = 2;

struct FlagSet {
    unsigned flags;
    const char* name;
};

#ifndef IORING_SETUP_SUBMIT_ALL
#define IORING_SETUP_SUBMIT_ALL (1U << 7U)
#endif

constexpr FlagSet kFlagSets[] = {
    {IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
         IORING_SETUP_TASKRUN_FLAG,
     "SINGLE_ISSUER|DEFER_TASKRUN"},
    {IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
     "COOP_TASKRUN"},
    {0, "no flags"},
};

class UringBackend final : public IoBackend {
  public:
    explicit UringBackend(const IoTarget& target) : target_(target) {}

    UringBackend(const UringBackend&) = delete;
    UringBackend& operator=(const UringBackend&) = delete;

    ~UringBackend() override {
        if (ready_) io_uring_queue_exit(&ring_);
    }

    // 0 or the errno of io_uring_setup.
    int init();

    [[nodiscard]] const char* name() const override { return "io_uring"; }

    [[nodiscard]] const char* features() const override { return features_.c_str(); }

    void submit(std::span<const IoOperation> operations) override;
    [[nodiscard]] std::size_t reap(std::span<IoCompletion> completions) override;
    void wait(Duration timeout) override;

    [[nodiscard]] std::size_t in_flight() const override { return in_flight_; }

  private:
    void prepare(const IoOperation& operation);
    void hand_over();
    void wait_for(unsigned completions, Duration timeout);
    void arm_wakeup();
    void collect();
    bool consume_wakeup();
    void register_resources();

    IoTarget target_;
    io_uring ring_{};
    bool ready_ = false;
    bool fixed_file_ = false;
    bool fixed_buffers_ = false;
    bool companions_ = false;  // submitted together, and not waited for yet
    bool wakeup_armed_ = false;
    bool woken_ = false;
    std::size_t in_flight_ = 0;
    CompletionQueue done_;
    std::string features_;
};

int UringBackend::init() {
    int error = EINVAL;
    for (const FlagSet& set : kFlagSets) {
        io_uring_params params{};
        params.flags = set.flags;
        error = -io_uring_queue_init_params(kEntries, &ring_, &params);
        if (error == EINVAL) continue;
        if (error != 0) return error;
        ready_ = true;
        if ((params.features & IORING_FEAT_EXT_ARG) == 0) return ENOSYS;  // before Linux 5.11
        features_ = set.name;
        register_resources();
        return 0;
    }
    return error;
}

void UringBackend::register_resources() {
    fixed_file_ = io_uring_register_files(&ring_, &target_.file, 1) == 0;
    const iovec whole{target_.arena.data(), target_.arena.size()};
    fixed_buffers_ = io_uring_register_buffers(&ring_, &whole, 1) == 0;
    features_ += fixed_file_ ? ", registered file" : ", plain file";
    features_ += fixed_buffers_ ? ", registered buffers" : ", plain buffers (memory lock limit)";
}

void UringBackend::prepare(const IoOperation& operation) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    HF_CHECK(sqe != nullptr);
    const int file = fixed_file_ ? 0 : target_.file;
    const bool read = operation.kind == IoKind::Read;
    if (fixed_buffers_ && read) {
        io_uring_prep_read_fixed(
            sqe, file, operation.memory, operation.length_bytes, operation.offset_bytes, 0);
    } else if (fixed_buffers_) {
        io_uring_prep_write_fixed(
            sqe, file, operation.memory, operation.length_bytes, operation.offset_bytes, 0);
    } else if (read) {
        io_uring_prep_read(
            sqe, file, operation.memory, operation.length_bytes, operation.offset_bytes);
    } else {
        io_uring_prep_write(
            sqe, file, operation.memory, operation.length_bytes, operation.offset_bytes);
    }
    if (fixed_file_) io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data64(sqe, operation.token);
}

void UringBackend::submit(std::span<const IoOperation> operations) {
    HF_CHECK(in_flight_ + operations.size() <= kIoInFlightMax);
    if (operations.empty()) return;
    for (const IoOperation& operation : operations) prepare(operation);
    in_flight_ += operations.size();
    companions_ = operations.size() >= kCompanions;
}

// For whoever does not wait.  What the kernel does not take now (EAGAIN, EBUSY) stays queued and goes with the next call.
void UringBackend::hand_over() {
    if (io_uring_sq_ready(&ring_) > 0) io_uring_submit(&ring_);
}

void UringBackend::arm_wakeup() {
    if (target_.wakeup_fd < 0 || wakeup_armed_) return;
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) return;
    io_uring_prep_poll_add(sqe, target_.wakeup_fd, POLLIN);
    io_uring_sqe_set_data64(sqe, kWakeupToken);
    wakeup_armed_ = true;
}

void UringBackend::collect() {
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
        ++seen;
        if (cqe->user_data == kWakeupToken) {
            wakeup_armed_ = false;
            woken_ = true;
        } else {
            done_.push(IoCompletion{cqe->user_data, cqe->res});
        }
    }
    io_uring_cq_advance(&ring_, seen);
}

// Only wait() consumes the eventfd: a reap() in between must not swallow a wake-up that nobody has
// acted upon.
bool UringBackend::consume_wakeup() {
    if (!woken_) return false;
    woken_ = false;
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(target_.wakeup_fd, &count, sizeof count);
    return true;
}

std::size_t UringBackend::reap(std::span<IoCompletion> completions) {
    hand_over();
    if ((IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_TASKRUN) != 0)
        io_uring_get_events(&ring_);
    collect();
    const std::size_t taken = done_.take(completions);
    in_flight_ -= taken;
    return taken;
}

void UringBackend::wait_for(unsigned completions, Duration timeout) {
    const std::int64_t ns = std::max<std::int64_t>(timeout.count(), 0);
    __kernel_timespec limit{ns / 1'000'000'000, ns % 1'000'000'000};
    io_uring_cqe* cqe = nullptr;
    io_uring_submit_and_wait_timeout(&ring_, &cqe, completions, &limit, nullptr);
    collect();
}

void UringBackend::wait(Duration timeout) {
    collect();
    if (consume_wakeup() || !done_.empty()) return hand_over();
    arm_wakeup();
    if (companions_ && timeout > kCompanionWait) {
        companions_ = false;
        wait_for(kCompanions, kCompanionWait);
        if (consume_wakeup() || !done_.empty()) return;
        timeout -= kCompanionWait;
    }
    wait_for(1, timeout);
    consume_wakeup();
}

}  // namespace

Result<std::unique_ptr<IoBackend>> make_uring_backend(const IoTarget& target) {
    auto backend = std::make_unique<UringBackend>(target);
    const int error = backend->init();
    if (error != 0) {
        return Unexpected{
            Error{error, std::string("io_uring_setup failed with ") + ::strerrorname_np(error)}};
    }
    return std::unique_ptr<IoBackend>(std::move(backend));
}

}  // namespace holdfast
