#include "storage/region_decode.h"

#include "storage/orders_format.h"
#include "storage/roster_format.h"
#include "storage/slot_format.h"

namespace holdfast {

namespace {

// The three kinds differ in the decoder and in the member that holds the record; this table says
// which.
struct RosterKind {
    static constexpr IntentKind kIntent = IntentKind::Roster;

    static Roster& of(DecodedRegion& region) { return region.roster; }

    static Result<Nothing, Reject> decode(std::span<const std::byte> block,
                                          const BlockContext& context,
                                          Roster& record) {
        return decode_roster(block, context, record);
    }
};

struct OrdersKind {
    static constexpr IntentKind kIntent = IntentKind::Orders;

    static Orders& of(DecodedRegion& region) { return region.orders; }

    static Result<Nothing, Reject> decode(std::span<const std::byte> block,
                                          const BlockContext& context,
                                          Orders& record) {
        return decode_orders(block, context, record);
    }
};

struct ConfigKind {
    static constexpr IntentKind kIntent = IntentKind::Config;

    static ConfigRecord& of(DecodedRegion& region) { return region.config; }

    static Result<Nothing, Reject> decode(std::span<const std::byte> block,
                                          const BlockContext& context,
                                          ConfigRecord& record) {
        return decode_config(block, context, record);
    }
};

template <typename Kind>
RegionOutcome decode_pair(std::span<const std::byte> copies,
                          const BlockContext& context,
                          DecodedRegion& result,
                          DecodedRegion& scratch,
                          RejectCounters& rejects,
                          IntentFile* own_intents) {
    const std::size_t half = copies.size() / 2;
    auto& first_record = Kind::of(result);
    auto& second_record = Kind::of(scratch);
    const auto first = Kind::decode(copies.first(half), context, first_record);
    const auto second = Kind::decode(copies.subspan(half), context, second_record);
    RegionOutcome outcome;
    const auto report = [&](const auto& record) {
        if (own_intents != nullptr &&
            own_intents->seen(Kind::kIntent, record.incarnation, record.version.value()))
            outcome.copies.late_write_landed = true;
    };
    if (first) report(first_record);
    if (second) report(second_record);
    for (const auto* copy : {&first, &second}) {
        if (copy->has_value()) continue;
        rejects.add(copy->error().code);
        if (copy->error().code != RejectCode::Unwritten) outcome.reject = copy->error();
    }
    if (first || second) {
        const bool take_second = !first || (second && second_record.version > first_record.version);
        if (take_second) first_record = second_record;
        outcome.copies.newest = take_second ? Copy::B : Copy::A;
        outcome.reading = RegionReading::Valid;
    } else if (outcome.reject.code == RejectCode::Unwritten) {
        outcome.reading = RegionReading::Unwritten;
    }
    return outcome;
}

}  // namespace

RegionOutcome decode_region(DatastoreRequestKind kind,
                            std::span<const std::byte> copies,
                            const BlockContext& context,
                            DecodedRegion& result,
                            DecodedRegion& scratch,
                            RejectCounters& rejects,
                            IntentFile* own_intents) {
    if (kind == DatastoreRequestKind::ReadRoster) {
        return decode_pair<RosterKind>(copies, context, result, scratch, rejects, own_intents);
    }
    if (kind == DatastoreRequestKind::ReadOrders) {
        return decode_pair<OrdersKind>(copies, context, result, scratch, rejects, own_intents);
    }
    HF_CHECK(kind == DatastoreRequestKind::ReadConfig);
    return decode_pair<ConfigKind>(copies, context, result, scratch, rejects, own_intents);
}

ShownCopies look_at_own_slot(std::span<const std::byte> copies,
                             const BlockContext& context,
                             IntentFile& intents) {
    const auto first = decode_slot(copies.first(kSlotCopyBytes), context);
    const auto second = decode_slot(copies.subspan(kSlotCopyBytes), context);
    ShownCopies shown;
    for (const auto* record : {&first, &second}) {
        if (!record->has_value()) continue;
        if (intents.seen(IntentKind::Slot, (*record)->incarnation, (*record)->sequence.value()))
            shown.late_write_landed = true;
    }
    if (first) shown.newest = Copy::A;
    if (second && (!first || is_newer(*second, *first))) shown.newest = Copy::B;
    return shown;
}

}  // namespace holdfast
