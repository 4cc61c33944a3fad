#include "storage/recorder_format.h"

#include <algorithm>

#include "storage/crc32c.h"
#include "storage/record_frame.h"

namespace holdfast {

namespace {

constexpr std::uint32_t kRecorderMagic = magic_of("HFRE");
constexpr std::size_t kEntriesPerLineMax = 6;  // a line is cut after that

struct EntryOnDisk {
    FrameOnDisk frame;
    std::uint64_t sequence;
    std::int64_t unix_ns;
    std::uint8_t text_bytes;
    std::uint8_t continues;
    std::array<std::uint8_t, 6> reserved0;
    std::array<char, kRecorderTextMax> text;
    std::array<std::uint8_t, 12> reserved1;
    std::uint32_t crc32c;  // over bytes 0..251
};

static_assert(sizeof(EntryOnDisk) == kRecorderEntryBytes);
static_assert(offsetof(EntryOnDisk, sequence) == 24);
static_assert(offsetof(EntryOnDisk, text_bytes) == 40);
static_assert(offsetof(EntryOnDisk, text) == 48);
static_assert(offsetof(EntryOnDisk, crc32c) == 252);
static_assert(std::has_unique_object_representations_v<EntryOnDisk>);

constexpr std::size_t kEntryCrcOffset = offsetof(EntryOnDisk, crc32c);

// Sequence s lies in entry (s - 1) mod 512, so a reader needs no header and no pointer.
std::size_t entry_index(std::uint64_t sequence) {
    return (sequence - 1) % kRecorderEntries;
}

}  // namespace

void encode_recorder_entry(const RecorderEntry& entry,
                           const ClusterUuid& cluster,
                           std::span<std::byte> bytes) {
    HF_CHECK(bytes.size() == kRecorderEntryBytes);
    EntryOnDisk disk{};
    disk.frame = make_frame(kRecorderMagic, entry.host, cluster);
    disk.sequence = entry.sequence;
    disk.unix_ns = entry.unix_ns;
    disk.continues = entry.continues ? 1 : 0;
    const std::string_view text = entry.text.view();
    disk.text_bytes = static_cast<std::uint8_t>(text.size());
    text.copy(disk.text.data(), disk.text.size());
    disk.crc32c = crc32c(bytes_of(disk).first(kEntryCrcOffset));
    store(bytes, disk);
}

Result<RecorderEntry, Reject> decode_recorder_entry(std::span<const std::byte> bytes,
                                                    const BlockContext& context) {
    if (bytes.size() < kRecorderEntryBytes) {
        return Unexpected{Reject{RejectCode::Truncated, 0, bytes.size(), kRecorderEntryBytes}};
    }
    bytes = bytes.first(kRecorderEntryBytes);
    if (is_all_zero(bytes)) return Unexpected{Reject{RejectCode::Unwritten, 0, 0, kRecorderMagic}};
    const auto disk = load<EntryOnDisk>(bytes);
    if (disk.frame.magic != kRecorderMagic) {
        return Unexpected{Reject{RejectCode::BadMagic, 0, disk.frame.magic, kRecorderMagic}};
    }
    if (disk.frame.version != kRecordVersion) {
        const auto code = disk.frame.version > kRecordVersion ? RejectCode::NewerVersion
                                                              : RejectCode::OlderVersion;
        return Unexpected{Reject{code, 4, disk.frame.version, kRecordVersion}};
    }
    const std::uint32_t expected = crc32c(bytes.first(kEntryCrcOffset));
    if (disk.crc32c != expected) {
        return Unexpected{Reject{RejectCode::BadChecksum, kEntryCrcOffset, disk.crc32c, expected}};
    }
    if (disk.frame.cluster != context.cluster.bytes) {
        return Unexpected{Reject{RejectCode::ForeignCluster,
                                 8,
                                 load<std::uint64_t>(bytes.subspan(8)),
                                 load<std::uint64_t>(bytes_of(context.cluster.bytes))}};
    }
    if (disk.frame.host != context.host.value()) {
        return Unexpected{
            Reject{RejectCode::WrongPosition, 6, disk.frame.host, context.host.value()}};
    }
    RangeCheck check;
    check.between(offsetof(EntryOnDisk, sequence), disk.sequence, 1, UINT64_MAX);
    check.at_most(offsetof(EntryOnDisk, text_bytes), disk.text_bytes, kRecorderTextMax);
    check.at_most(offsetof(EntryOnDisk, continues), disk.continues, 1);
    if (check.reject()) return Unexpected{*check.reject()};
    RecorderEntry entry;
    entry.host = context.host;
    entry.sequence = disk.sequence;
    entry.unix_ns = disk.unix_ns;
    entry.continues = disk.continues != 0;
    entry.text = FixedText<kRecorderTextMax>{std::string_view{disk.text.data(), disk.text_bytes}};
    return entry;
}

std::uint64_t recorder_last_sequence(std::span<const std::byte> region,
                                     const BlockContext& context) {
    std::uint64_t last = 0;
    for (std::size_t i = 0; i + kRecorderEntryBytes <= region.size(); i += kRecorderEntryBytes) {
        const auto entry = decode_recorder_entry(region.subspan(i), context);
        if (entry) last = std::max(last, entry->sequence);
    }
    return last;
}

RecorderRing::RecorderRing(const BlockContext& context, std::uint64_t last_sequence)
    : context_(context),
      next_sequence_((last_sequence + kRecorderPageEntries - 1) / kRecorderPageEntries *
                         kRecorderPageEntries +
                     1) {}

std::size_t RecorderRing::entries_of(std::string_view line) {
    const std::size_t needed = (line.size() + kRecorderTextMax - 1) / kRecorderTextMax;
    return std::clamp<std::size_t>(needed, 1, kEntriesPerLineMax);
}

std::size_t RecorderRing::room() const {
    return kRecorderPageEntries - entry_index(next_sequence_) % kRecorderPageEntries;
}

void RecorderRing::append(std::int64_t unix_ns, std::string_view line) {
    const std::size_t entries = entries_of(line);
    for (std::size_t i = 0; i < entries; ++i) {
        const std::size_t in_page = entry_index(next_sequence_) % kRecorderPageEntries;
        if (in_page == 0) page_ = {};
        RecorderEntry entry;
        entry.host = context_.host;
        entry.sequence = next_sequence_++;
        entry.unix_ns = unix_ns;
        entry.continues = i + 1 < entries;
        entry.text =
            FixedText<kRecorderTextMax>{line.substr(std::min(line.size(), i * kRecorderTextMax))};
        encode_recorder_entry(
            entry,
            context_.cluster,
            std::span{page_}.subspan(in_page * kRecorderEntryBytes, kRecorderEntryBytes));
    }
    dirty_ = true;
}

RecorderRing::Page RecorderRing::take() {
    HF_CHECK(dirty_);
    dirty_ = false;
    const std::size_t page = entry_index(next_sequence_ - 1) / kRecorderPageEntries;
    return Page{static_cast<std::uint32_t>(page * kBlockBytes), page_};
}

}  // namespace holdfast
