// What a scan reads: both copies of many slots, of which the newer ones are decoded.
#include <array>
#include <utility>

#include "storage/crc32c.h"
#include "storage/record_frame.h"
#include "storage/slot_copy.h"
#include "storage/slot_format.h"

namespace holdfast {

namespace {

// The copies of one slot, in the order in which they are looked at.
struct CopyPair {
    std::span<const std::byte> newer;  // the one that calls itself so
    std::span<const std::byte> older;
};

CopyPair in_order(std::span<const std::byte> copies) {
    HF_CHECK(copies.size() == kSlotBytes);
    CopyPair pair{copies.first(kSlotCopyBytes), copies.subspan(kSlotCopyBytes)};
    if (claimed_age(pair.older) > claimed_age(pair.newer)) std::swap(pair.newer, pair.older);
    return pair;
}

// The copy that calls itself newer is looked at first, and when it is valid the other one cannot matter: half of the
// bytes of a healthy scan are never touched.
void decode_pair(const CopyPair& pair,
                 const CopySums& sums_of_newer,
                 const BlockContext& context,
                 SlotView& view,
                 RejectCounters& rejects) {
    view.reading = SlotReading::Valid;
    const auto first = decode_copy(pair.newer, sums_of_newer, context, view.record);
    if (!first) return;
    rejects.add(first->code);
    const auto second = decode_copy(pair.older, sums_of(pair.older), context, view.record);
    if (!second) return;
    rejects.add(second->code);
    view.record = SlotRecord{};
    const bool unwritten =
        first->code == RejectCode::Unwritten && second->code == RejectCode::Unwritten;
    view.reading = unwritten ? SlotReading::Unwritten : SlotReading::Unusable;
}

using ThreePairs = std::array<CopyPair, 3>;

// A scan's slots, taken three at a time: checksums are most of the work, and three at once cost little more than one.
class ThreeByThree {
  public:
    explicit ThreeByThree(std::span<const std::byte> slots) : slots_(slots) {}

    [[nodiscard]] bool has(std::size_t first) const {
        return (first + 3) * kSlotBytes <= slots_.size();
    }

    // REQUIRES: has(first)
    [[nodiscard]] ThreePairs at(std::size_t first) const {
        return {in_order(slot(first)), in_order(slot(first + 1)), in_order(slot(first + 2))};
    }

    // What at() looks at.
    void fetch_ages(std::size_t first) const {
        if (!has(first)) return;
        for (std::size_t copy = 0; copy < 6; ++copy)
            fetch(slots_.subspan(first * kSlotBytes + copy * kSlotCopyBytes, kCopyAgeEnd));
    }

    static void fetch_newer(const ThreePairs& pairs) {
        for (const CopyPair& pair : pairs) fetch(pair.newer.first(kCopyUsedBytes));
    }

  private:
    static constexpr std::size_t kLineBytes = 64;

    static void fetch(std::span<const std::byte> bytes) {
        for (std::size_t at = 0; at < bytes.size(); at += kLineBytes)
            __builtin_prefetch(bytes.data() + at);
    }

    [[nodiscard]] std::span<const std::byte> slot(std::size_t index) const {
        return slots_.subspan(index * kSlotBytes, kSlotBytes);
    }

    std::span<const std::byte> slots_;
};

std::array<CopySums, 3> sums_of_newer(const ThreePairs& pairs) {
    const auto sectors = crc32c_of_three(
        {sealed_part(pairs[0].newer), sealed_part(pairs[1].newer), sealed_part(pairs[2].newer)});
    const auto heards = crc32c_of_three(
        {heard_part(pairs[0].newer), heard_part(pairs[1].newer), heard_part(pairs[2].newer)});
    return {CopySums{sectors[0], heards[0]},
            CopySums{sectors[1], heards[1]},
            CopySums{sectors[2], heards[2]}};
}

}  // namespace

void decode_slot_copies(std::span<const std::byte> copies,
                        const BlockContext& context,
                        SlotView& view,
                        RejectCounters& rejects) {
    const CopyPair pair = in_order(copies);
    decode_pair(pair, sums_of(pair.newer), context, view, rejects);
}

void decode_scan(std::span<const std::byte> slots,
                 const ClusterUuid& cluster,
                 HostId first,
                 std::span<SlotView> views,
                 RejectCounters& rejects) {
    HF_CHECK(slots.size() == views.size() * kSlotBytes);
    const auto context_at = [&](std::size_t i) {
        return BlockContext{cluster, HostId{static_cast<std::uint16_t>(first.value() + i)}};
    };
    // The bytes have just been read, by the device or another core: they are in nobody's cache, so they are fetched
    // while those before them are looked at.
    const ThreeByThree threes(slots);
    threes.fetch_ages(0);
    threes.fetch_ages(3);
    std::size_t i = 0;
    ThreePairs next{};
    if (threes.has(0)) next = threes.at(0);
    for (; threes.has(i); i += 3) {
        const ThreePairs pairs = next;
        threes.fetch_ages(i + 6);
        if (threes.has(i + 3)) {
            next = threes.at(i + 3);
            ThreeByThree::fetch_newer(next);
        }
        const auto sums = sums_of_newer(pairs);
        for (std::size_t k = 0; k < pairs.size(); ++k)
            decode_pair(pairs[k], sums[k], context_at(i + k), views[i + k], rejects);
    }
    for (; i < views.size(); ++i) {
        decode_slot_copies(
            slots.subspan(i * kSlotBytes, kSlotBytes), context_at(i), views[i], rejects);
    }
}

}  // namespace holdfast
