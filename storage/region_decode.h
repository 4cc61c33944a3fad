// From the two copies of a region to the record that counts.  Internal to storage/.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "engine/machine/event.h"
#include "storage/datastore_decoded.h"
#include "storage/datastore_request.h"
#include "storage/geometry.h"
#include "storage/intent_file.h"
#include "storage/reject.h"

namespace holdfast {

// What a read of both copies of one record showed.
struct ShownCopies {
    std::optional<Copy> newest;      // the valid copy that counts; none when neither is valid
    bool late_write_landed = false;  // own records only: an inherited intent has ended
};

struct RegionOutcome {
    RegionReading reading = RegionReading::Unusable;
    Reject reject;  // of a copy that was not believed; Unwritten when there was none
    ShownCopies copies;
};

// `copies` holds both copies of a roster, orders or configuration region, adjacent and of equal
// size; `kind` is the Read kind.  The valid copy with the higher version goes to the member of
// `result` that `kind` names.  Every valid copy of this host's own is reported to `own_intents`,
// where given.
[[nodiscard]] RegionOutcome decode_region(DatastoreRequestKind kind,
                                          std::span<const std::byte> copies,
                                          const BlockContext& context,
                                          DecodedRegion& result,
                                          DecodedRegion& scratch,
                                          RejectCounters& rejects,
                                          IntentFile* own_intents);

// As decode_region(), for this host's own slot: only what the copies show.
[[nodiscard]] ShownCopies look_at_own_slot(std::span<const std::byte> copies,
                                           const BlockContext& context,
                                           IntentFile& intents);

}  // namespace holdfast
