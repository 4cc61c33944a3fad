// The page that holdfastd and holdfast-keeper share: `run/keeper.page`, mapped by both.
//
// One side writes each field.  holdfastd: `deadline_ns` and `arming`.  The keeper: everything else.  The keeper feeds
// the watchdog while CLOCK_BOOTTIME < deadline_ns and never after; a deadline of kNoDeadline means "no claims, feed
// on".  The page outlives both processes, so a keeper or an agent that restarts goes on where its predecessor was; it
// does not outlive the boot (another boot id makes it void).
//
// Ordering: holdfastd stores deadline_ns before it stores arming (release), the keeper loads arming (acquire) before
// deadline_ns.  So the deadline that the keeper reads is never older than the one that came with the arming that it
// acknowledges in `armed`.  No call here blocks, allocates or fails after the page is mapped.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/machine/event.h"

namespace holdfast {

inline constexpr std::uint64_t kKeeperPageMagic = 0x6567'6150'4b46'4801U;  // "\1HFKPage"
inline constexpr std::uint32_t kKeeperPageVersion = 1;
inline constexpr std::int64_t kNoDeadline = std::numeric_limits<std::int64_t>::max();

struct KeeperPage {
    // Written once, by whoever creates the page, before it can be opened.
    std::atomic<std::uint64_t> magic;
    std::atomic<std::uint32_t> version;
    std::uint32_t size_bytes;
    BootId boot_id;

    // holdfastd's
    alignas(64) std::atomic<std::uint64_t> arming;  // 0: never armed
    std::atomic<std::int64_t> deadline_ns;          // CLOCK_BOOTTIME

    // the keeper's
    alignas(64) std::atomic<std::uint64_t> armed;  // the highest arming that is enforced
    std::atomic<std::uint32_t> watchdog_ms;        // the device's real timeout; 0: no device
    std::atomic<std::uint32_t>
        watchdog_class;                   // WatchdogClass; 0: the device has not been opened yet
    std::atomic<std::int64_t> fed_ns;     // CLOCK_BOOTTIME of the last feed; 0: none
    std::atomic<std::int64_t> polled_ns;  // CLOCK_BOOTTIME of the last look at this page
    std::atomic<std::uint64_t> feeds;     // since the page was made
    std::atomic<std::uint64_t> resets;    // asked for, since the page was made: they did not work
    std::atomic<std::uint32_t> keeper_pid;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::int64_t>::is_always_lock_free);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(offsetof(KeeperPage, arming) == 64);
static_assert(offsetof(KeeperPage, armed) == 128);
static_assert(sizeof(KeeperPage) == 192);

// A mapping of the page.  Unmapped on destruction; the file stays.
class KeeperPageFile {
  public:
    // Maps the page, making it first when there is none or it is of another boot.  Safe against the other side doing
    // the same.  Errors: foreign or damaged content, another version, an unwritable folder.
    [[nodiscard]] static Result<KeeperPageFile> create_or_open(const std::string& path);

    // Maps what is there.  system_errno is ENOENT when the keeper has not been started yet, or not in this boot.
    [[nodiscard]] static Result<KeeperPageFile> open(const std::string& path);

    KeeperPageFile(KeeperPageFile&& other) noexcept;
    KeeperPageFile& operator=(KeeperPageFile&& other) noexcept;
    KeeperPageFile(const KeeperPageFile&) = delete;
    KeeperPageFile& operator=(const KeeperPageFile&) = delete;
    ~KeeperPageFile();

    [[nodiscard]] KeeperPage& page() { return *page_; }

    [[nodiscard]] const KeeperPage& page() const { return *page_; }

  private:
    explicit KeeperPageFile(KeeperPage* page) : page_(page) {}

    KeeperPage* page_ = nullptr;
};

// ---- holdfastd's side

// Ask the keeper to feed only until `deadline`.  Acknowledged when armed >= arming.  REQUIRES: arming > 0
void arm_keeper(KeeperPage& page, std::uint64_t arming, Instant deadline);

void move_deadline(KeeperPage& page, Instant deadline);

// No claims: feed without a deadline.  The arming stays as it is; the next one must be greater.
void disarm_keeper(KeeperPage& page);

// What the engine is told.  arming is 0 when the keeper has not looked at the page for a second: it is not there, and
// has acknowledged nothing that can be counted on.
[[nodiscard]] KeeperReport read_keeper_report(const KeeperPage& page, Instant now);

// Whether a keeper has looked at the page within the last second.
[[nodiscard]] bool keeper_looks(const KeeperPage& page, Instant now);

// ---- both

// Whether magic, version and size are still what they were.
[[nodiscard]] bool is_intact(const KeeperPage& page);

}  // namespace holdfast
