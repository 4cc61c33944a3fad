// The inside of Datastore: pending requests, result pools, counters.  Internal to storage/; see
// datastore.h for the contract.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/base/fixed_list.h"
#include "storage/copy_choice.h"
#include "storage/datastore.h"
#include "storage/region_decode.h"
#include "storage/request_plan.h"

namespace holdfast {

class Datastore::Core {
  public:
    Core(const DatastoreOptions& options,
         DatastoreMemory& memory,
         std::unique_ptr<IoBackend> backend,
         const Superblock& superblock,
         IntentFile intents,
         std::optional<Copy> first_copy);
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;
    ~Core();

    void push(const DatastoreRequest& request);
    void submit();
    [[nodiscard]] std::size_t reap(std::span<DatastoreCompletion> completions);

    void wait(Duration timeout) { backend_->wait(ready_.empty() ? timeout : Duration::zero()); }

    [[nodiscard]] DatastoreHealth health() const;

    // Keeps the target open and remembers how the back-end was chosen.
    void adopt(BlockTarget target, std::string backend_reason);

    // Reads this host's own copies, before anything of ours is written: which of them are good, and
    // whether what a predecessor may have left in flight has landed.  An error means that the
    // storage does not answer, and a read of ours is still on its way.
    [[nodiscard]] std::optional<Error> look_at_own_copies(Duration timeout);

    [[nodiscard]] const Superblock& superblock() const { return superblock_; }

    [[nodiscard]] const std::string& backend_reason() const { return backend_reason_; }

    [[nodiscard]] bool tainted() const { return intents_.tainted(); }

    [[nodiscard]] std::size_t unanswered() const { return unanswered_; }

    [[nodiscard]] const LatencyHistogram& latency(DatastoreRequestKind kind) const {
        return latencies_[static_cast<std::size_t>(kind)];
    }

  private:
    struct Pending {
        bool used = false;
        bool verification = false;  // our own read of our own copies, reported to nobody
        bool quiet = true;          // reads: no write of ours to what it shows was under way
        std::uint8_t result = kNoResult;
        DatastoreRequest request;
        RequestPlan plan;
        Instant submitted_at = kNotYet;
    };

    static constexpr std::size_t kWaitingMax = 16;
    static constexpr std::uint8_t kFirstRegionResult = kScanResults;

    [[nodiscard]] std::uint8_t free_result(DatastoreRequestKind kind) const;
    [[nodiscard]] std::span<std::byte> buffer_of(const Pending& pending) const;

    [[nodiscard]] CopyChoice& choice_of(IntentKind kind) {
        return choices_[static_cast<std::size_t>(kind)];
    }

    [[nodiscard]] bool to_be_looked_at(IntentKind kind) const;
    [[nodiscard]] bool write_under_way(IntentKind kind) const;
    void mark_reads_disturbed(IntentKind kind);
    void refuse_writes_without_a_copy();

    [[nodiscard]] BlockContext context_of(HostId host) const { return {superblock_.cluster, host}; }

    void start(const DatastoreRequest& request, std::uint8_t result, bool verification);
    void start_waiting();
    void start_verification();
    void fail(const DatastoreRequest& request, int system_errno);
    // False when nobody is to be told.
    bool finish(const IoCompletion& io, Instant now, DatastoreCompletion& completion);
    void finish_write(const Pending& pending, DatastoreCompletion& completion);
    void finish_scan(const Pending& pending, DatastoreCompletion& completion);
    void finish_region(const Pending& pending, DatastoreCompletion& completion);
    void finish_verification(const Pending& pending, bool succeeded);
    void look_at_copies(DatastoreRequestKind kind,
                        std::span<const std::byte> copies,
                        DecodedRegion& scratch,
                        bool quiet);
    void note_own_copies(IntentKind kind, const ShownCopies& shown, bool quiet);

    // Constant after open().
    DatastoreOptions options_;
    DatastoreMemory& memory_;
    Superblock superblock_;
    BlockTarget target_;
    std::string backend_reason_;

    std::unique_ptr<IoBackend> backend_;
    IntentFile intents_;
    std::array<CopyChoice, kIntentKinds> choices_;
    std::array<Pending, kIoInFlightMax> pending_{};
    std::array<bool, kDatastoreRequestKinds> write_in_flight_{};
    std::array<bool, kScanResults + kRegionResults> result_taken_{};
    FixedList<IoOperation, kIoInFlightMax> batch_;
    FixedList<DatastoreRequest, kWaitingMax> waiting_;  // reads without a result slot, oldest first
    FixedList<DatastoreCompletion, kIoInFlightMax + kWaitingMax> ready_;  // refused without I/O
    bool held_ = false;  // the last request pushed waits for its companion
    std::size_t unanswered_ = 0;
    Instant next_verification_at_ = kNotYet;
    std::size_t next_verification_kind_ = 0;

    RejectCounters rejects_;
    std::array<LatencyHistogram, kDatastoreRequestKinds> latencies_{};
    std::uint64_t errors_ = 0;
    int last_errno_ = 0;
};

}  // namespace holdfast
