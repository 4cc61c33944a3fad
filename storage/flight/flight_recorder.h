// FlightRecorder: takes down all that enters the engine and what came of it, on the engine's own thread, and hands it to
// whoever writes the flight log.  docs/REPLAY.md describes the log.
//
//     engine thread --record()--> ring of bytes --take()--> FlightLog
//
// record() is wait-free and neither allocates nor calls the system.  When the ring is full the step is lost and counted; the
// numbers of the steps show it, and the first step after it is preceded by a sync, from which on the log can be read again.
//
// Thread safety: record() belongs to the engine's thread, take() and ask_sync() to the log's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/lockfree/ring.h"
#include "engine/machine/engine.h"
#include "storage/flight/event_codec.h"
#include "storage/flight/step_digest.h"

namespace holdfast::flight {

inline constexpr std::size_t kFlightRingBytes = 2U << 20U;  // minutes of a calm cluster
inline constexpr std::size_t kChunkBytesMax = 512U
                                              << 10U;  // one step: a scan of 1,024 new slots fits
inline constexpr std::size_t kChunkHeadBytes = sizeof(std::uint32_t);

// The first byte of a chunk: what it is.  An event's kind with kWithOutcome when the step did something.
inline constexpr std::uint8_t kWithOutcome = 0x80;
inline constexpr std::uint8_t kKindMask = 0x7f;
inline constexpr std::uint8_t kSyncKind =
    0x7f;  // both sides forget; the number of the next step follows
inline constexpr std::uint8_t kEndKind = 0x7e;  // the agent ended in order

static_assert(kEventKinds < kEndKind);

class FlightRecorder {
  public:
    explicit FlightRecorder(std::size_t ring_bytes = kFlightRingBytes);

    // To be called after each step, while what the event points to still lives.
    void record(const Event& event, const Actions& actions, const Engine& engine);

    // The next chunk, in `room`; empty when there is none.  REQUIRES: room.size() >= kChunkBytesMax
    [[nodiscard]] std::span<const std::byte> take(std::span<std::byte> room);

    // The next step shall be preceded by a sync.
    void ask_sync() { sync_asked_.store(true, std::memory_order_relaxed); }

    // Steps that did not fit so far; for whoever holds the log's end.
    [[nodiscard]] std::uint64_t lost_count() const { return lost_.load(std::memory_order_relaxed); }

  private:
    [[nodiscard]] bool push(std::span<std::byte> chunk, std::size_t payload_bytes);

    Ring<std::byte> ring_;
    EventEncoder encoder_;
    StepDigest digest_;
    std::vector<std::byte> buffer_;
    std::uint64_t next_number_ = 0;
    bool sync_due_ = true;
    std::atomic<bool> sync_asked_{false};
    std::atomic<std::uint64_t> lost_{0};
};

}  // namespace holdfast::flight
