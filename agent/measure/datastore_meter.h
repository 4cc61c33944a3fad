// DatastoreMeter: the beat pattern on one open datastore, and what it costs.  Internal to agent/measure.
#pragma once

#include <array>
#include <cstdint>

#include "agent/measure/datastore_job.h"
#include "agent/measure/target_result.h"
#include "storage/datastore.h"

namespace holdfast::measure {

class DatastoreMeter {
  public:
    DatastoreMeter(const DatastoreJob& job,
                   DatastoreMemory& memory,
                   Datastore& store,
                   TargetResult& result);

    // Until the duration is over or result.stop is set, and a little longer for what is still out.
    void run();

  private:
    static constexpr std::size_t kScansMax = 2;

    // A round's write and scan, until both are done.
    struct Cycle {
        std::uint64_t number = 0;  // 0: free
        Instant issued = kNotYet;
        bool write_out = false;
        bool scan_out = false;
        Instant validates =
            kNotYet;  // the issue of the newest write known done when the scan was issued
    };

    void tick(Instant now);
    void put_write(Cycle& cycle);
    void put_scan(Cycle& cycle);
    void collect();
    void finish(const DatastoreCompletion& completion, Instant now);
    void finish_cycle(Cycle& cycle, Instant now);
    void publish_outstanding();
    [[nodiscard]] Cycle* cycle_of(std::uint64_t number);

    [[nodiscard]] Duration since_begin(Instant now) const { return now - begun_; }

    const DatastoreJob& job_;
    DatastoreMemory& memory_;
    Datastore& store_;
    TargetResult& result_;
    Instant begun_{};
    Instant next_tick_{};
    std::uint64_t round_ = 0;
    std::uint64_t sequence_ = 0;
    bool write_out_ = false;
    Instant written_issued_ = kNotYet;  // the issue of the newest write known done
    std::size_t scans_out_ = 0;
    std::array<Cycle, 8> cycles_{};
};

}  // namespace holdfast::measure
