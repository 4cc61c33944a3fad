// SlotIo: this host's slot writes and scans, per datastore: what is under way, and what is proved by what came back.
//
// The rules that safety rests on
//   - A write counts from the Instant at which it was issued.
//   - At most one write per datastore is under way; a later one waits for its answer, however long that takes.
//   - A scan issued after write n was known to be done *validates* write n (ids, not Instants: see core.h).
//   - A scan is clean when every member's slot could be read; only clean scans count for ballots and claims.  A short scan, of the
//     leader's slot (star.cc), never is.
//   - After a lapse everything that is under way belongs to the past incarnation and counts for nothing.
#pragma once

#include <array>

#include "engine/base/fixed_list.h"
#include "engine/machine/core.h"

namespace holdfast {

class SlotIo {
  public:
    struct Scan {
        RequestId request;
        Instant issued = kNotYet;
        bool whole = true;   // of all members' slots; no other is ever clean
        Sequence validates;  // newest own write known to be done on this datastore at issue
        Instant validates_issued = kNotYet;  // and when that write was issued
        Sequence round;  // the own write that went out with it; none: no write did
    };

    struct Disk {
        bool writing = false;       // a write is under way
        bool write_counts = false;  // ... and belongs to the present incarnation
        RequestId write_request;
        Instant write_issued = kNotYet;
        Sequence write_sequence;
        std::uint64_t content_issued = 0;  // the content that the newest write carries
        Sequence written;                  // newest own write known to be done
        Instant written_issued = kNotYet;
        FixedList<Scan, kSlotScansInFlightMax> scans;
        RequestId scan_issued_last;             // newest whole scan issued,
        Instant scan_issued_last_at = kNotYet;  // and when
        RequestId scan_wanted_after;            // somebody needs a scan with a greater id
        RequestId scanned;                      // newest scan that succeeded
        Instant scanned_issued = kNotYet;
        RequestId scanned_clean;  // newest clean one
        Sequence validated;       // newest own write that a clean scan validated
        Instant validated_issued = kNotYet;
        Sequence round_scanned;  // the newest own write whose scan, issued with it, succeeded
        Instant write_done_at = kNotYet;  // for people and for the usable flag
        Instant scan_done_at = kNotYet;
        bool usable = false;
        // Whether what is written there is seen: the last scan showed no slot of this host that a life which ended wrote as this
        // incarnation or a later one.  Such a slot is overwritten soon, and hides what is written until then.
        bool shows_own = false;
        std::uint64_t writes_failed = 0;
        std::uint64_t scans_failed = 0;
        std::uint64_t slots_unusable = 0;
    };

    explicit SlotIo(std::size_t disks_count) : disks_count_(disks_count) {}

    [[nodiscard]] std::size_t disks_count() const { return disks_count_; }

    [[nodiscard]] const Disk& disk(std::size_t index) const { return disks_[index]; }

    [[nodiscard]] Disk& disk(std::size_t index) { return disks_[index]; }

    // The greatest sequence that is known to be done on a majority of the voters.
    [[nodiscard]] Sequence written_by_majority(const Core& core) const;

    // The latest Instant such that a majority holds writes issued at or after it.
    [[nodiscard]] Instant written_issued_by_majority(const Core& core) const;

    // The greatest own sequence that clean scans on a majority validated.
    [[nodiscard]] Sequence validated_by_majority(const Core& core) const;

    [[nodiscard]] Instant validated_issued_by_majority(const Core& core) const;

    // The greatest own sequence whose round is complete, see rounds.h.
    [[nodiscard]] Sequence completed_by_majority(const Core& core) const;

    // Whether a majority answered clean scans issued after `request`, and since all members have been known.
    [[nodiscard]] bool scanned_clean_since(const Core& core, RequestId request) const;

    // Asks for a scan issued after this moment on every datastore.
    void want_scan_now(const Core& core);

    // Asks for a scan on every datastore that has issued none since `instant`; a failed one waits for the next beat.
    void want_scan_issued_since(const Core& core, Instant instant);

    // Bit d: datastore d is not usable.
    [[nodiscard]] std::uint32_t lost_mask() const;

    // Whether a majority of the voters answered a scan within `silent`.
    [[nodiscard]] bool sees_majority(const Core& core) const;

    // Everything that is under way or done belongs to an incarnation that is over.
    void forget_writes();

  private:
    std::size_t disks_count_;
    std::array<Disk, kDatastoresMax> disks_{};
};

}  // namespace holdfast
