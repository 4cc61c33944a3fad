// Where the I/O of a request goes: pure arithmetic and checks, so that no wrong offset ever reaches
// a back-end.  Internal to storage/.
#pragma once

#include <cstdint>
#include <optional>

#include "storage/datastore_request.h"
#include "storage/geometry.h"
#include "storage/intent_file.h"
#include "storage/io_backend.h"

namespace holdfast {

struct RequestPlan {
    IoKind io = IoKind::Read;
    std::uint64_t offset_bytes = 0;  // in the datastore
    std::uint32_t length_bytes = 0;  // of the transfer, a multiple of 4 KiB
    std::uint32_t skip_bytes = 0;    // ReadHeap: what was asked for begins so far into the transfer
    std::uint32_t wanted_bytes = 0;  // and is so long
};

[[nodiscard]] bool is_write(DatastoreRequestKind kind);

// The intent that a write announces; none for heap and recorder, whose readers check every blob and
// entry.
[[nodiscard]] std::optional<IntentKind> intent_of(DatastoreRequestKind kind);

// Whose two copies, of host `first`, a read shows; none for heap and recorder.
[[nodiscard]] std::optional<IntentKind> shown_by(DatastoreRequestKind kind);

// None when the request does not fit the geometry or `buffer_bytes`.  `self` is the host whose
// regions may be written; `copy` is where a write that has an intent goes, unused otherwise.
[[nodiscard]] std::optional<RequestPlan> plan_request(const DatastoreRequest& request,
                                                      const Geometry& geometry,
                                                      HostId self,
                                                      Copy copy,
                                                      std::size_t buffer_bytes);

}  // namespace holdfast
