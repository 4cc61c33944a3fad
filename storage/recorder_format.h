// The recorder: a ring of this host's last decisions on the datastore, for `holdfast why` after its
// death.  512 entries of 256 bytes, each with its own sequence and CRC32C, so that a torn or
// missing write costs only its own entries.
//
// RecorderRing keeps the current 4 KiB page (16 entries) and rewrites it as it fills; after a start
// it goes on at the next page boundary and overwrites nothing of the page before.  Belongs to one
// thread; append() does not allocate.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/fixed_text.h"
#include "engine/base/result.h"
#include "engine/base/types.h"
#include "storage/geometry.h"
#include "storage/reject.h"

namespace holdfast {

inline constexpr std::size_t kRecorderEntryBytes = 256;
inline constexpr std::size_t kRecorderTextMax =
    192;  // of one entry; longer lines continue in the next
inline constexpr std::size_t kRecorderEntries = kRecorderBytes / kRecorderEntryBytes;
inline constexpr std::size_t kRecorderPageEntries = kBlockBytes / kRecorderEntryBytes;

struct RecorderEntry {
    HostId host;
    std::uint64_t sequence = 0;  // 1, 2, 3 ...: never repeated by a host on one datastore
    std::int64_t unix_ns = 0;    // wall clock, for people only
    bool continues = false;      // the line goes on in the entry with the next sequence
    FixedText<kRecorderTextMax> text;

    friend bool operator==(const RecorderEntry&, const RecorderEntry&) = default;
};

// Writes all 256 bytes.
void encode_recorder_entry(const RecorderEntry& entry,
                           const ClusterUuid& cluster,
                           std::span<std::byte> bytes);

[[nodiscard]] Result<RecorderEntry, Reject> decode_recorder_entry(std::span<const std::byte> bytes,
                                                                  const BlockContext& context);

// The highest valid sequence in a recorder region; 0 when there is none.
[[nodiscard]] std::uint64_t recorder_last_sequence(std::span<const std::byte> region,
                                                   const BlockContext& context);

class RecorderRing {
  public:
    // `last_sequence` from recorder_last_sequence(); 0 for a fresh region.
    RecorderRing(const BlockContext& context, std::uint64_t last_sequence);

    // Adds a line, cut after 1152 bytes.  A full page is left behind for the next one, so what was
    // not yet written of it is lost: write first when entries_of(line) > room().
    void append(std::int64_t unix_ns, std::string_view line);

    // Entries of `line` that append() would add.
    [[nodiscard]] static std::size_t entries_of(std::string_view line);

    // Entries that the current page can still take.
    [[nodiscard]] std::size_t room() const;

    // Something was appended since the last take().
    [[nodiscard]] bool dirty() const { return dirty_; }

    // The page to write: where in the region, and its bytes (copied into the payload by the
    // caller).
    struct Page {
        std::uint32_t offset_bytes = 0;
        std::span<const std::byte> bytes;
    };

    // Marks the page as clean.  REQUIRES: dirty()
    [[nodiscard]] Page take();

  private:
    BlockContext context_;
    std::uint64_t next_sequence_;
    bool dirty_ = false;
    alignas(8) std::array<std::byte, kBlockBytes> page_{};
};

}  // namespace holdfast
