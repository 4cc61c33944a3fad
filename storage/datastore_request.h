// What the agent asks of one heartbeat datastore, and what it gets back.  Both are plain values
// that fit a ring.
//
// Payloads.  What a write writes lies in DatastoreMemory::payload(kind), encoded there by the
// asker.  The asker owns that memory while no request of that kind is unanswered; pushing the
// request hands it over, taking the completion out of the ring hands it back.  So per kind at most
// one write is ever in flight, and a hung one keeps its payload for ever.
//
// Results.  A completion whose `result` is not kNoResult points into memory that stays untouched
// until the asker pushes release_of(completion).  Results that are never released use up the pool
// (2 scans, 2 region reads), and further reads wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/types.h"
#include "engine/machine/event.h"
#include "storage/config_format.h"
#include "storage/reject.h"

namespace holdfast {

// Writes name `number` (sequence or version) and `incarnation` of the record in the payload, for the
// intent to write; the copy is the datastore's choice.  Heap and recorder writes name offset_bytes
// and length_bytes instead, in multiples of 4 KiB.  Reads name the host in `first`.
enum class DatastoreRequestKind : std::uint8_t {
    WriteSlot = 1,    // payload 4 KiB
    ScanSlots = 2,    // first..last
    WriteRoster = 3,  // length_bytes as returned by encode_roster()
    ReadRoster = 4,
    WriteOrders = 5,  // length_bytes as returned by encode_orders()
    ReadOrders = 6,
    WriteConfig = 7,  // length_bytes as returned by encode_config()
    ReadConfig = 8,
    WriteHeap = 9,       // payload up to 264 KiB: XmlHeap::pages_of()
    ReadHeap = 10,       // offset_bytes and length_bytes of a blob, any alignment: its raw bytes
    WriteRecorder = 11,  // payload up to 16 KiB: RecorderRing::take()
    ReadRecorder = 12,   // the whole region, raw
    Release = 13,        // result; has no completion
};

inline constexpr std::size_t kDatastoreRequestKinds = 14;

// Short stable word for messages and counters ("write_slot"); never null.
[[nodiscard]] const char* to_string(DatastoreRequestKind kind);

inline constexpr std::uint8_t kNoResult = 0xff;

struct DatastoreRequest {
    DatastoreRequestKind kind = DatastoreRequestKind::ScanSlots;
    // Hold this one until the next request is pushed: both go out in one submission.
    bool with_next = false;
    std::uint8_t result = kNoResult;  // Release only
    RequestId request;
    HostId first;              // reads: whose; scans: the first host
    HostId last;               // scans only
    std::uint64_t number = 0;  // sequence or version of the record in the payload
    Incarnation incarnation;   // of that record
    std::uint32_t offset_bytes = 0;
    std::uint32_t length_bytes = 0;
};

struct DatastoreCompletion {
    DatastoreRequestKind kind = DatastoreRequestKind::ScanSlots;
    IoStatus status = IoStatus::Failed;
    RegionReading reading = RegionReading::Unusable;  // region reads only
    std::uint8_t result = kNoResult;                  // to be released unless kNoResult
    bool tainted = false;  // writes: it succeeded and is reported Failed, see intent_file.h
    RequestId request;
    HostId first;
    int system_errno = 0;  // with Failed: what the kernel said; 0 for a short transfer
    Reject reject;  // region reads that are Unusable: why the newer-looking copy was not believed
    Duration latency{};                    // from submission to completion
    std::span<const SlotView> slots;       // ScanSlots, Done: slots[i] is host first + i
    const Roster* roster = nullptr;        // ReadRoster, Valid
    const Orders* orders = nullptr;        // ReadOrders, Valid
    const ConfigRecord* config = nullptr;  // ReadConfig, Valid
    std::span<const std::byte> bytes;      // ReadHeap and ReadRecorder, Done
};

[[nodiscard]] DatastoreRequest release_of(const DatastoreCompletion& completion);

}  // namespace holdfast
