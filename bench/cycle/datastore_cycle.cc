#include <array>
#include <utility>

#include "bench/cycle/cycle.h"
#include "bench/support/cluster_records.h"
#include "storage/datastore.h"
#include "storage/slot_format.h"

namespace holdfast::bench {

namespace {

class DatastoreCycle final : public Cycle {
  public:
    DatastoreCycle(const SlotArea& area, HostId self)
        : memory_(area.superblock.geometry.hosts_max(), area.superblock.geometry.hosts_max()),
          hosts_(static_cast<std::uint16_t>(area.superblock.geometry.hosts_max())) {
        slot_ = slot_of(self, hosts_, Sequence{10}, kTimingStandard);
    }

    [[nodiscard]] Result<Nothing> init(const SlotArea& area, BackendChoice choice) {
        const IoTarget target{area.file.get(), -1, memory_.arena()};
        auto backend =
            choice == BackendChoice::Uring ? make_uring_backend(target) : make_aio_backend(target);
        if (!backend) return Unexpected{backend.error()};
        DatastoreOptions options;
        options.name = "bench";
        options.cluster = area.superblock.cluster;
        options.host = slot_.host;
        store_ = Datastore::assemble(
            options, memory_, std::move(backend.value()), area.superblock, IntentFile::in_memory());
        return Nothing{};
    }

    void run() override {
        slot_.sequence = slot_.sequence.next();
        const auto kind = DatastoreRequestKind::WriteSlot;
        encode_slot(slot_, uuid_of(9, 1), memory_.payload(kind).first(kSlotCopyBytes));
        DatastoreRequest write;
        write.kind = kind;
        write.with_next = true;
        write.number = slot_.sequence.value();
        write.incarnation = slot_.incarnation;
        write.length_bytes = static_cast<std::uint32_t>(kSlotCopyBytes);
        store_->push(write);
        DatastoreRequest scan;
        scan.kind = DatastoreRequestKind::ScanSlots;
        scan.first = HostId{1};
        scan.last = HostId{hosts_};
        store_->push(scan);
        store_->submit();
        for (int left = 2; left > 0;) {
            store_->wait(std::chrono::seconds{10});
            const std::size_t count = store_->reap(completions_);
            for (std::size_t i = 0; i < count; ++i) judge(completions_[i]);
            left -= static_cast<int>(count);
        }
    }

    [[nodiscard]] std::uint64_t failures() const override { return failures_; }

  private:
    void judge(const DatastoreCompletion& done) {
        if (done.status != IoStatus::Done) ++failures_;
        for (const SlotView& view : done.slots)
            failures_ += view.reading == SlotReading::Valid ? 0 : 1;
        if (done.result != kNoResult) store_->push(release_of(done));
    }

    DatastoreMemory memory_;
    std::uint16_t hosts_;
    SlotRecord slot_;
    std::unique_ptr<Datastore> store_;
    std::array<DatastoreCompletion, 4> completions_;
    std::uint64_t failures_ = 0;
};

}  // namespace

Result<std::unique_ptr<Cycle>> make_datastore_cycle(const SlotArea& area,
                                                    HostId self,
                                                    BackendChoice backend) {
    auto cycle = std::make_unique<DatastoreCycle>(area, self);
    if (const Result<Nothing> made = cycle->init(area, backend); !made)
        return Unexpected{made.error()};
    return std::unique_ptr<Cycle>(std::move(cycle));
}

}  // namespace holdfast::bench
