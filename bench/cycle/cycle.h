// Cycle: one way to do the work of a beat on a datastore: write the own slot, read the slots of all hosts.
#pragma once

#include <memory>
#include <string>

#include "bench/support/slot_area.h"
#include "engine/base/result.h"
#include "storage/backend_select.h"

namespace holdfast::bench {

class Cycle {
  public:
    Cycle() = default;
    Cycle(const Cycle&) = delete;
    Cycle& operator=(const Cycle&) = delete;
    virtual ~Cycle() = default;

    // Writes and scans once, and returns when both are done and the scan has been understood, as far as this way
    // understands anything.
    virtual void run() = 0;

    // Cycles that went wrong; anything but 0 makes the figures worthless.
    [[nodiscard]] virtual std::uint64_t failures() const = 0;
};

// liburing and nothing else: both operations in one submission, registered file and buffers; no byte is looked at.
// The floor.
[[nodiscard]] Result<std::unique_ptr<Cycle>> make_bare_uring_cycle(const SlotArea& area,
                                                                   HostId self);

// The same, and the checksum of the first sector of one copy of each slot, which nobody may do without who is to believe
// what was read.  The second floor.
[[nodiscard]] Result<std::unique_ptr<Cycle>> make_checking_uring_cycle(const SlotArea& area,
                                                                       HostId self);

// pwrite(), then pread(): what a plain program does.  No byte is looked at.
[[nodiscard]] Result<std::unique_ptr<Cycle>> make_plain_cycle(const SlotArea& area, HostId self);

// The shipped datastore, as its loop uses it: encode, write and scan, verify and decode every slot.
[[nodiscard]] Result<std::unique_ptr<Cycle>> make_datastore_cycle(const SlotArea& area,
                                                                  HostId self,
                                                                  BackendChoice backend);

}  // namespace holdfast::bench
