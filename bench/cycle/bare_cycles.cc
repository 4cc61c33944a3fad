#include <cerrno>
#include <cstring>
#include <span>

#include <sys/mman.h>
#include <unistd.h>

#include <liburing.h>

#include "bench/cycle/cycle.h"
#include "storage/crc32c.h"
#include "storage/record_frame.h"

namespace holdfast::bench {

namespace {

// Page-aligned memory for one slot copy and a scan.
class Arena {
  public:
    explicit Arena(std::size_t scan_bytes) : bytes_(kSlotCopyBytes + scan_bytes) {
        void* memory = ::mmap(nullptr,
                              bytes_,
                              PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                              -1,
                              0);
        HF_CHECK(memory != MAP_FAILED);
        memory_ = static_cast<std::byte*>(memory);
    }

    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    ~Arena() { ::munmap(memory_, bytes_); }

    [[nodiscard]] std::byte* slot() const { return memory_; }

    [[nodiscard]] std::byte* scan() const { return memory_ + kSlotCopyBytes; }

    [[nodiscard]] iovec whole() const { return {memory_, bytes_}; }

  private:
    std::size_t bytes_;
    std::byte* memory_ = nullptr;
};

// What both cycles below do: where they write and what they read.
class BareCycle : public Cycle {
  public:
    BareCycle(const SlotArea& area, HostId self)
        : file_(area.file.get()),
          geometry_(area.superblock.geometry),
          self_(self),
          scan_bytes_(static_cast<unsigned>(geometry_.hosts_max() * kSlotBytes)),
          arena_(scan_bytes_) {
        // A valid record: others scan it too.
        const ssize_t got = ::pread(file_, arena_.slot(), kSlotCopyBytes, offset(copy_));
        HF_CHECK(got == static_cast<ssize_t>(kSlotCopyBytes));
    }

    [[nodiscard]] std::uint64_t failures() const override { return failures_; }

  protected:
    [[nodiscard]] off_t offset(Copy copy) const {
        return static_cast<off_t>(geometry_.slot(self_, copy));
    }

    void judge(ssize_t written, ssize_t read) {
        copy_ = other_copy(copy_);
        if (written != static_cast<ssize_t>(kSlotCopyBytes) ||
            read != static_cast<ssize_t>(scan_bytes_))
            ++failures_;
    }

    int file_;
    Geometry geometry_;
    HostId self_;
    unsigned scan_bytes_;
    Arena arena_;
    Copy copy_ = Copy::A;
    std::uint64_t failures_ = 0;
};

class BareUringCycle : public BareCycle {
  public:
    using BareCycle::BareCycle;

    ~BareUringCycle() override {
        if (ready_) io_uring_queue_exit(&ring_);
    }

    [[nodiscard]] int init() {
        constexpr unsigned kFlagSets[] = {
            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_COOP_TASKRUN, 0};
        int error = -EINVAL;
        for (const unsigned flags : kFlagSets) {
            error = io_uring_queue_init(8, &ring_, flags);
            if (error != -EINVAL) break;
        }
        if (error != 0) return error;
        ready_ = true;
        const iovec whole = arena_.whole();
        error = io_uring_register_files(&ring_, &file_, 1);
        return error != 0 ? error : io_uring_register_buffers(&ring_, &whole, 1);
    }

    void run() override {
        io_uring_sqe* write = io_uring_get_sqe(&ring_);
        io_uring_prep_write_fixed(
            write, 0, arena_.slot(), kSlotCopyBytes, static_cast<std::uint64_t>(offset(copy_)), 0);
        io_uring_sqe_set_flags(write, IOSQE_FIXED_FILE);
        io_uring_sqe_set_data64(write, 0);
        io_uring_sqe* read = io_uring_get_sqe(&ring_);
        io_uring_prep_read_fixed(read, 0, arena_.scan(), scan_bytes_, geometry_.slots_begin(), 0);
        io_uring_sqe_set_flags(read, IOSQE_FIXED_FILE);
        io_uring_sqe_set_data64(read, 1);
        io_uring_submit_and_wait(&ring_, 2);
        ssize_t results[2] = {-1, -1};
        unsigned head = 0;
        unsigned seen = 0;
        io_uring_cqe* done = nullptr;
        io_uring_for_each_cqe(&ring_, head, done) {
            ++seen;
            results[done->user_data] = done->res;
        }
        io_uring_cq_advance(&ring_, seen);
        judge(results[0], results[1]);
    }

  private:
    io_uring ring_{};
    bool ready_ = false;
};

class CheckingUringCycle final : public BareUringCycle {
  public:
    using BareUringCycle::BareUringCycle;

    void run() override {
        BareUringCycle::run();
        for (std::size_t offset = 0; offset < scan_bytes_; offset += kSlotBytes) {
            const std::span<const std::byte> sector{arena_.scan() + offset, kSectorBytes};
            const std::uint32_t computed = crc32c(sealed_part(sector));
            if (load<std::uint32_t>(sector.subspan(kSectorCrcOffset)) != computed) ++failures_;
        }
    }
};

class PlainCycle final : public BareCycle {
  public:
    using BareCycle::BareCycle;

    void run() override {
        const ssize_t written = ::pwrite(file_, arena_.slot(), kSlotCopyBytes, offset(copy_));
        const ssize_t read =
            ::pread(file_, arena_.scan(), scan_bytes_, static_cast<off_t>(geometry_.slots_begin()));
        judge(written, read);
    }
};

template <typename Way>
Result<std::unique_ptr<Cycle>> make_uring(const SlotArea& area, HostId self) {
    auto cycle = std::make_unique<Way>(area, self);
    if (const int error = cycle->init(); error != 0) {
        return Unexpected{
            Error{-error, std::string("io_uring is not usable: ") + std::strerror(-error)}};
    }
    return std::unique_ptr<Cycle>(std::move(cycle));
}

}  // namespace

Result<std::unique_ptr<Cycle>> make_bare_uring_cycle(const SlotArea& area, HostId self) {
    return make_uring<BareUringCycle>(area, self);
}

Result<std::unique_ptr<Cycle>> make_checking_uring_cycle(const SlotArea& area, HostId self) {
    return make_uring<CheckingUringCycle>(area, self);
}

Result<std::unique_ptr<Cycle>> make_plain_cycle(const SlotArea& area, HostId self) {
    return std::unique_ptr<Cycle>(std::make_unique<PlainCycle>(area, self));
}

}  // namespace holdfast::bench
