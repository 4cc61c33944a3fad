#include "agent/keeper_page.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/failed_call.h"
#include "agent/text.h"
#include "engine/base/check.h"

namespace holdfast {
namespace {

constexpr Duration kKeeperPollMax = std::chrono::seconds(1);

Unexpected<Error> unusable(const std::string& path, const std::string& why) {
    return Unexpected{Error{
        0,
        "keeper page " + path + ": " + why +
            "; it was not written by this release. Stop the agent and the keeper and remove it. "
            "[HF-6501]"}};
}

std::optional<BootId> read_boot_id() {
    const int descriptor = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return std::nullopt;
    std::array<char, 36> text{};
    const ssize_t size = ::read(descriptor, text.data(), text.size());
    ::close(descriptor);
    if (size != static_cast<ssize_t>(text.size())) return std::nullopt;
    return parse_uuid(std::string_view(text.data(), text.size()));
}

KeeperPage* map_page(int descriptor) {
    void* memory =
        ::mmap(nullptr, sizeof(KeeperPage), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<KeeperPage*>(memory);
}

// Makes a whole page under another name and moves it into place.  `replace`: also over one that is there.
Result<Nothing> make_page(const std::string& path, const BootId& boot_id, bool replace) {
    const std::string draft = path + "." + std::to_string(::getpid());
    const int descriptor = ::open(draft.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) return failed("cannot make the keeper page", draft, errno);
    KeeperPage* page =
        ::ftruncate(descriptor, sizeof(KeeperPage)) == 0 ? map_page(descriptor) : nullptr;
    const int why = errno;
    ::close(descriptor);
    if (page == nullptr) {
        ::unlink(draft.c_str());
        return failed("cannot map the keeper page", draft, why);
    }
    new (page) KeeperPage{};
    page->magic.store(kKeeperPageMagic);
    page->version.store(kKeeperPageVersion);
    page->size_bytes = sizeof(KeeperPage);
    page->boot_id = boot_id;
    page->deadline_ns.store(kNoDeadline);
    ::munmap(page, sizeof(KeeperPage));
    const int moved =
        replace ? ::rename(draft.c_str(), path.c_str()) : ::link(draft.c_str(), path.c_str());
    const int move_errno = errno;
    ::unlink(draft.c_str());
    if (moved != 0 && move_errno != EEXIST) {
        return failed("cannot make the keeper page", path, move_errno);
    }
    return Nothing{};
}

}  // namespace

Result<KeeperPageFile> KeeperPageFile::create_or_open(const std::string& path) {
    Result<KeeperPageFile> found = open(path);
    if (found || found.error().system_errno != ENOENT) return found;
    const std::optional<BootId> boot_id = read_boot_id();
    if (!boot_id) return failed("cannot read", "/proc/sys/kernel/random/boot_id", errno);
    // Agent and keeper start together: only one of them may decide that the page is of another boot, and the other must see what
    // it made.
    const std::string lock_path = path + ".lock";
    const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return failed("cannot open", lock_path, errno);
    if (::flock(lock, LOCK_EX) != 0) {
        const int why = errno;
        ::close(lock);
        return failed("cannot lock", lock_path, why);
    }
    found = open(path);
    if (!found && found.error().system_errno == ENOENT) {
        const bool of_another_boot = ::access(path.c_str(), F_OK) == 0;
        const Result<Nothing> made = make_page(path, *boot_id, of_another_boot);
        found = made ? open(path) : Result<KeeperPageFile>{Unexpected{made.error()}};
    }
    ::close(lock);
    return found;
}

Result<KeeperPageFile> KeeperPageFile::open(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) return failed("cannot open the keeper page", path, errno);

    struct stat status {};

    const bool sized = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
                       status.st_size == static_cast<off_t>(sizeof(KeeperPage));
    KeeperPage* page = sized ? map_page(descriptor) : nullptr;
    const int why = errno;
    ::close(descriptor);
    if (!sized) return unusable(path, "size is " + std::to_string(status.st_size) + " bytes");
    if (page == nullptr) return failed("cannot map the keeper page", path, why);
    KeeperPageFile file(page);
    if (page->magic.load(std::memory_order_acquire) != kKeeperPageMagic) {
        return unusable(path, "magic is wrong");
    }
    if (!is_intact(*page)) {
        return unusable(path, "version is " + std::to_string(page->version.load()));
    }
    const std::optional<BootId> boot_id = read_boot_id();
    if (!boot_id || page->boot_id != *boot_id) {
        return Unexpected{Error{ENOENT, "keeper page " + path + " is of another boot"}};
    }
    return file;
}

KeeperPageFile::KeeperPageFile(KeeperPageFile&& other) noexcept
    : page_(std::exchange(other.page_, nullptr)) {}

KeeperPageFile& KeeperPageFile::operator=(KeeperPageFile&& other) noexcept {
    std::swap(page_, other.page_);
    return *this;
}

KeeperPageFile::~KeeperPageFile() {
    if (page_ != nullptr) ::munmap(page_, sizeof(KeeperPage));
}

void arm_keeper(KeeperPage& page, std::uint64_t arming, Instant deadline) {
    HF_CHECK(arming > 0);
    page.deadline_ns.store(deadline.time_since_epoch().count(), std::memory_order_relaxed);
    page.arming.store(arming, std::memory_order_release);  // pairs with the keeper's acquire
}

void move_deadline(KeeperPage& page, Instant deadline) {
    page.deadline_ns.store(deadline.time_since_epoch().count(), std::memory_order_release);
}

void disarm_keeper(KeeperPage& page) {
    page.deadline_ns.store(kNoDeadline, std::memory_order_release);
}

KeeperReport read_keeper_report(const KeeperPage& page, Instant now) {
    KeeperReport report;
    const bool looks = keeper_looks(page, now);
    const std::uint32_t watchdog_class = page.watchdog_class.load(std::memory_order_relaxed);
    report.watchdog = std::chrono::milliseconds(page.watchdog_ms.load(std::memory_order_relaxed));
    if (watchdog_class >= static_cast<std::uint32_t>(WatchdogClass::None) &&
        watchdog_class <= static_cast<std::uint32_t>(WatchdogClass::Hardware)) {
        report.watchdog_class = static_cast<WatchdogClass>(watchdog_class);
        if (looks) report.arming = page.armed.load(std::memory_order_acquire);
    }
    return report;
}

bool keeper_looks(const KeeperPage& page, Instant now) {
    const std::int64_t polled_ns = page.polled_ns.load(std::memory_order_acquire);
    return polled_ns != 0 && now - Instant{Duration{polled_ns}} <= kKeeperPollMax;
}

bool is_intact(const KeeperPage& page) {
    return page.magic.load(std::memory_order_acquire) == kKeeperPageMagic &&
           page.version.load(std::memory_order_relaxed) == kKeeperPageVersion &&
           page.size_bytes == sizeof(KeeperPage);
}

}  // namespace holdfast
