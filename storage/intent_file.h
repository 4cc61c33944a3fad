// IntentFile: which writes to one datastore this host has begun and not seen finished, kept in a
// page under /run, which survives the agent and not the boot.
//
// A write outlives the process that submitted it: it may land seconds after a kill -9, over
// something newer, and on either copy: which one its writer had chosen is not kept.  So an agent
// that starts and finds an open intent treats that datastore as *tainted*: its slot writes, and
// those of the kind that is open, go out, yet are reported as failed and give neither lease nor
// ballot, until the record has been seen in one of the copies.  Another boot id empties the page.
// With libaio a process cannot end before its I/O, so an intent of a libaio predecessor taints
// nothing.
//
// open() blocks on the run directory (tmpfs) and belongs to start-up; the caller holds the kernel
// lock that ends with its predecessor.  All else is plain memory, one thread, no system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "storage/geometry.h"

namespace holdfast {

enum class IntentKind : std::uint8_t { Slot = 0, Roster = 1, Orders = 2, Config = 3 };

inline constexpr std::size_t kIntentKinds = 4;

struct Intent {
    bool open = false;
    Incarnation incarnation;
    std::uint64_t number = 0;  // sequence or version
};

class IntentFile {
  public:
    // Creates the file or takes over a predecessor's.  `path` is one file per datastore, named
    // after the datastore's uuid so that a renamed or reordered configuration finds it again.
    [[nodiscard]] static Result<IntentFile> open(const std::string& path, const BootId& boot_id);

    // Nothing is kept; for tools and tests.
    [[nodiscard]] static IntentFile in_memory();

    IntentFile(IntentFile&& other) noexcept;
    IntentFile& operator=(IntentFile&& other) noexcept;
    IntentFile(const IntentFile&) = delete;
    IntentFile& operator=(const IntentFile&) = delete;
    ~IntentFile();

    // Which back-end the writes announced from now on go through.  Before the first begin().
    void set_backend_ends_with_process(bool ends_with_process);

    // Before the submission, and after the completion.  REQUIRES: alternately, per kind.
    void begin(IntentKind kind, Incarnation incarnation, std::uint64_t number);
    void end(IntentKind kind);

    // A record of ours was read back from one of its copies; ends the taint that it explains.  True
    // when it ended one.
    bool seen(IntentKind kind, Incarnation incarnation, std::uint64_t number);

    // Some write of a predecessor may still land.
    [[nodiscard]] bool tainted() const;

    // A write of this kind by a predecessor may still land.
    [[nodiscard]] bool tainted(IntentKind kind) const;

    // The predecessor's open intent of this kind, if it still taints.
    [[nodiscard]] Intent inherited(IntentKind kind) const;

  private:
    struct Page;
    explicit IntentFile(Page* page, bool mapped);
    void inherit();

    Page* page_ = nullptr;
    bool mapped_ = false;
};

}  // namespace holdfast
