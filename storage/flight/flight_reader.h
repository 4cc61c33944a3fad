// FlightReader: a flight's segments as the steps that its agent recorded.
//
// Reads only.  Whatever is wrong with the files ends the reading with a sentence and never the program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "storage/flight/event_codec.h"
#include "storage/flight/flight_format.h"

namespace holdfast::flight {

struct FlightSegment {
    std::string path;
    FlightHeader header;
};

// All that was found of one life of one agent, by segment.
struct Flight {
    std::vector<FlightSegment> segments;

    [[nodiscard]] const FlightStart& start() const { return segments.front().header.start; }

    [[nodiscard]] bool has_beginning() const {
        return start().segment == 0 && start().next_step == 0;
    }
};

struct FoundFlights {
    std::vector<Flight> flights;      // by time
    std::vector<std::string> errors;  // "PATH: what is wrong", for files that are none
};

// Files, and folders with files, in any order.
[[nodiscard]] FoundFlights find_flights(const std::vector<std::string>& paths);

struct FlightStep {
    std::uint64_t number = 0;
    Event event;  // what it points to lives until the next one is read
    bool outcome = false;
    std::uint32_t digest = 0;  // with an outcome
    std::vector<Trace> lines;
};

enum class FlightRead : std::uint8_t {
    Step,
    Sync,     // nothing before it is needed; the digest begins anew
    Gap,      // steps are missing, see text(); what follows is readable
    Ended,    // the agent ended in order
    Stopped,  // nothing more: the agent still runs, was killed, or its host went down
    Damaged,  // see text()
};

class FlightReader {
  public:
    // REQUIRES: `flight` outlives the reader.
    explicit FlightReader(const Flight& flight) : flight_(flight) {}

    [[nodiscard]] FlightRead next(FlightStep& step);

    // About the last Gap, Stopped or Damaged.
    [[nodiscard]] const std::string& text() const { return text_; }

    [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

  private:
    [[nodiscard]] std::optional<FlightRead> load_frame();
    [[nodiscard]] std::optional<FlightRead> load_segment();
    [[nodiscard]] FlightRead take_chunk(FlightStep& step);
    [[nodiscard]] FlightRead take_sync(ByteReader& in);
    [[nodiscard]] FlightRead damaged(const std::string& what);
    [[nodiscard]] std::string place() const;

    const Flight& flight_;
    std::size_t next_segment_ = 0;
    std::vector<std::byte> file_;
    std::size_t offset_ = 0;        // of the next frame
    std::size_t frame_offset_ = 0;  // of the one that is being read
    std::span<const std::byte> frame_;
    EventDecoder decoder_;
    std::uint64_t next_step_ = 0;
    bool synced_ = false;
    bool ended_ = false;
    std::string text_;
    std::uint64_t bytes_read_ = 0;
};

}  // namespace holdfast::flight
