// The bytes of a flight log segment: a header, then frames.  docs/REPLAY.md has the table of offsets.
//
//   header  "HFFLIGHT", versions, layouts; then the start: whose flight, which segment, the engine's configuration
//   frame   length, CRC32C, then chunks of FlightRecorder, each with its length
//
// A frame is written with one write(2); what ends in the middle of one was torn by a crash and is no damage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/machine/engine.h"

namespace holdfast::flight {

inline constexpr std::uint16_t kFlightVersion = 1;
inline constexpr std::size_t kFrameHeadBytes = 8;
inline constexpr std::size_t kFrameBytesMax = 1U << 20U;
inline constexpr std::size_t kSoftwareTextBytes = 24;

// What a segment begins with.  A flight is one life of one agent's engine; its segments are one chain.
struct FlightStart {
    std::uint64_t flight = 0;     // the same in all segments of a flight, differs between flights
    std::uint32_t segment = 0;    // 0, 1, 2 ...
    std::uint64_t next_step = 0;  // the number of the first step in it
    std::int64_t unix_ns = 0;     // wall clock when the segment was opened, for people
    Uuid cluster;
    Instant started_at;  // of the engine
    EngineConfig config;
};

struct FlightHeader {
    std::uint64_t event_layout = 0;
    std::uint64_t action_layout = 0;
    std::string software;  // the version that recorded
    FlightStart start;
    std::size_t bytes = 0;  // of the header; frames follow
};

// The number that tells this flight from all others.
[[nodiscard]] std::uint64_t flight_id(const EngineConfig& config, Instant started_at);

[[nodiscard]] std::vector<std::byte> encode_flight_header(const FlightStart& start,
                                                          const std::string& software);

// The error is a sentence without the file's name: what is wrong and what to do.
[[nodiscard]] Result<FlightHeader> decode_flight_header(std::span<const std::byte> file);

// Writes length and checksum into the first kFrameHeadBytes of `frame`, whose payload lies behind them.
void seal_frame(std::span<std::byte> frame);

enum class FrameState : std::uint8_t {
    Whole,
    Torn,     // the file ends within it, or in zeros
    Damaged,  // its checksum is wrong although more follows
};

struct FrameView {
    FrameState state = FrameState::Torn;
    std::span<const std::byte> payload;
    std::size_t bytes = 0;  // with its head
};

// The frame at the start of `rest`.  REQUIRES: !rest.empty()
[[nodiscard]] FrameView read_frame(std::span<const std::byte> rest);

// Why an engine cannot be made of this configuration; empty when it can.
[[nodiscard]] std::string why_unusable(const EngineConfig& config);

}  // namespace holdfast::flight
