#include "storage/intent_file.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "storage/crc32c.h"

namespace holdfast {

namespace {

constexpr std::uint32_t kIntentMagic = 0x4e494648U;  // "HFIN"
constexpr std::uint32_t kIntentVersion = 1;
// Per kind: agents killed in a row, each with a write in flight.
constexpr std::size_t kInheritedMax = 8;

}  // namespace

// Shared with the successor only, never with another process at the same time.
struct IntentFile::Page {
    struct Entry {
        std::uint64_t incarnation;
        std::uint64_t number;
        std::uint32_t open;  // stored last when opening, first when closing
        std::uint32_t reserved;
    };

    std::uint32_t magic;
    std::uint32_t version;
    std::array<std::uint8_t, 16> boot_id;
    std::uint32_t ends_with_process;  // libaio: a dead writer has no I/O left
    std::uint32_t
        overflowed;  // more was inherited than can be told apart: tainted until the boot ends
    std::array<Entry, kIntentKinds> current;
    std::array<std::array<Entry, kInheritedMax>, kIntentKinds> inherited;

    Entry& of(IntentKind kind) { return current[static_cast<std::size_t>(kind)]; }
};

namespace {

Unexpected<Error> failed(const std::string& path, const char* call) {
    const int error = errno;
    return Unexpected{Error{error,
                            std::string("cannot keep write intents in ") + path + ": " + call +
                                ": " + std::strerror(error) + ". Check [paths] run"}};
}

}  // namespace

IntentFile::IntentFile(Page* page, bool mapped) : page_(page), mapped_(mapped) {}

IntentFile::IntentFile(IntentFile&& other) noexcept
    : page_(std::exchange(other.page_, nullptr)), mapped_(std::exchange(other.mapped_, false)) {}

IntentFile& IntentFile::operator=(IntentFile&& other) noexcept {
    std::swap(page_, other.page_);
    std::swap(mapped_, other.mapped_);
    return *this;
}

IntentFile::~IntentFile() {
    if (page_ == nullptr) return;
    if (mapped_) {
        ::munmap(page_, kBlockBytes);
    } else {
        delete page_;
    }
}

IntentFile IntentFile::in_memory() {
    return IntentFile{new Page{}, false};
}

Result<IntentFile> IntentFile::open(const std::string& path, const BootId& boot_id) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return failed(path, "open");
    if (::ftruncate(fd, static_cast<off_t>(kBlockBytes)) != 0) {
        const auto error = failed(path, "ftruncate");
        ::close(fd);
        return error;
    }
    void* memory = ::mmap(nullptr, kBlockBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    const int map_errno = errno;
    ::close(fd);
    errno = map_errno;
    if (memory == MAP_FAILED) return failed(path, "mmap");
    static_assert(sizeof(Page) <= kBlockBytes);
    auto* page = static_cast<Page*>(memory);
    const bool same_boot = page->magic == kIntentMagic && page->version == kIntentVersion &&
                           page->boot_id == boot_id.bytes;
    if (!same_boot) {
        std::memset(memory, 0, kBlockBytes);
        page->boot_id = boot_id.bytes;
        page->version = kIntentVersion;
        page->magic = kIntentMagic;
    }
    IntentFile file{page, true};
    file.inherit();
    return file;
}

// What the predecessor left open joins what it had inherited itself.  Killed half-way, this leaves
// an intent twice, which does no harm.
void IntentFile::inherit() {
    for (std::size_t i = 0; i < kIntentKinds; ++i) {
        Page::Entry& current = page_->current[i];
        if (current.open != 0 && page_->ends_with_process == 0) {
            bool kept = false;
            for (Page::Entry& entry : page_->inherited[i]) {
                if (kept || entry.open != 0) continue;
                entry = current;
                kept = true;
            }
            if (!kept) page_->overflowed = 1;
        }
        current = Page::Entry{};
    }
}

void IntentFile::set_backend_ends_with_process(bool ends_with_process) {
    page_->ends_with_process = ends_with_process ? 1 : 0;
}

void IntentFile::begin(IntentKind kind, Incarnation incarnation, std::uint64_t number) {
    Page::Entry& entry = page_->of(kind);
    HF_CHECK(entry.open == 0);
    entry.incarnation = incarnation.value();
    entry.number = number;
    // The page outlives a kill at any instruction; the compiler must not move the flag before the
    // numbers.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    entry.open = 1;
}

void IntentFile::end(IntentKind kind) {
    Page::Entry& entry = page_->of(kind);
    HF_CHECK(entry.open == 1);
    entry.open = 0;
}

bool IntentFile::seen(IntentKind kind, Incarnation incarnation, std::uint64_t number) {
    bool landed = false;
    for (Page::Entry& entry : page_->inherited[static_cast<std::size_t>(kind)]) {
        if (entry.incarnation != incarnation.value() || entry.number != number) continue;
        landed = landed || entry.open != 0;
        entry.open = 0;
    }
    return landed;
}

bool IntentFile::tainted() const {
    if (page_->overflowed != 0) return true;
    for (std::size_t i = 0; i < kIntentKinds; ++i) {
        if (inherited(static_cast<IntentKind>(i)).open) return true;
    }
    return false;
}

bool IntentFile::tainted(IntentKind kind) const {
    return page_->overflowed != 0 || inherited(kind).open;
}

Intent IntentFile::inherited(IntentKind kind) const {
    for (const Page::Entry& entry : page_->inherited[static_cast<std::size_t>(kind)]) {
        if (entry.open == 0) continue;
        return Intent{true, Incarnation::from_value(entry.incarnation), entry.number};
    }
    return Intent{};
}

}  // namespace holdfast
