#include "storage/flight/flight_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "storage/flight/flight_log.h"
#include "storage/flight/flight_recorder.h"

namespace holdfast::flight {

namespace {

constexpr std::uint64_t kSegmentBytesMax = 4ULL << 30U;  // more is no segment of ours

Result<std::vector<std::byte>> read_whole(const std::string& path, std::uint64_t bytes_max) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!error && !std::filesystem::is_regular_file(status)) {
        return Unexpected{Error{0, path + ": is not a file."}};
    }
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        const int number = errno;
        return Unexpected{Error{number, path + ": cannot be read: " + std::strerror(number) + "."}};
    }
    const std::uint64_t size = std::min(bytes_max, std::filesystem::file_size(path, error));
    if (error || size > kSegmentBytesMax) {
        return Unexpected{Error{0, path + ": is no flight log (its size is impossible)."}};
    }
    std::vector<std::byte> bytes(size);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes from a file
    stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
    bytes.resize(static_cast<std::size_t>(stream.gcount()));
    return bytes;
}

void add_file(const std::string& path, FoundFlights& found) {
    constexpr std::uint64_t kHeadBytes = 64U << 10U;
    const auto bytes = read_whole(path, kHeadBytes);
    if (!bytes) {
        found.errors.push_back(bytes.error().text);
        return;
    }
    Result<FlightHeader> header = decode_flight_header(*bytes);
    if (!header) {
        found.errors.push_back(path + ": " + header.error().text);
        return;
    }
    const std::uint64_t id = header->start.flight;
    auto flight = std::find_if(found.flights.begin(), found.flights.end(), [id](const Flight& one) {
        return one.start().flight == id;
    });
    if (flight == found.flights.end()) flight = found.flights.insert(flight, Flight{});
    flight->segments.push_back({path, std::move(header.value())});
}

}  // namespace

FoundFlights find_flights(const std::vector<std::string>& paths) {
    FoundFlights found;
    for (const std::string& path : paths) {
        std::error_code error;
        if (!std::filesystem::is_directory(path, error)) {
            add_file(path, found);
            continue;
        }
        const std::vector<std::string> files = flight_files(path);
        if (files.empty()) {
            found.errors.push_back(path + ": holds no flight log (no *" + kFlightSuffix + ").");
        }
        for (const std::string& file : files) add_file(file, found);
    }
    for (Flight& flight : found.flights) {
        std::sort(flight.segments.begin(),
                  flight.segments.end(),
                  [](const FlightSegment& a, const FlightSegment& b) {
                      return a.header.start.segment < b.header.start.segment;
                  });
    }
    std::stable_sort(
        found.flights.begin(), found.flights.end(), [](const Flight& a, const Flight& b) {
            return a.start().unix_ns < b.start().unix_ns;
        });
    return found;
}

std::string FlightReader::place() const {
    if (next_segment_ == 0) return flight_.segments.front().path;
    return flight_.segments[next_segment_ - 1].path + " at byte " + std::to_string(frame_offset_);
}

FlightRead FlightReader::damaged(const std::string& what) {
    ended_ = true;
    text_ = place() + ": " + what;
    return FlightRead::Damaged;
}

std::optional<FlightRead> FlightReader::load_segment() {
    if (next_segment_ == flight_.segments.size()) {
        ended_ = true;
        if (text_.empty()) text_ = "the log just ends: the agent still ran, or was killed.";
        return FlightRead::Stopped;
    }
    const FlightSegment& segment = flight_.segments[next_segment_];
    auto bytes = read_whole(segment.path, kSegmentBytesMax);
    if (!bytes || bytes->size() < segment.header.bytes) {
        ended_ = true;
        text_ = bytes ? segment.path + ": became shorter while it was read." : bytes.error().text;
        return FlightRead::Damaged;
    }
    ++next_segment_;
    file_ = std::move(bytes.value());
    bytes_read_ += file_.size();
    offset_ = frame_offset_ = segment.header.bytes;
    synced_ = false;
    return std::nullopt;
}

std::optional<FlightRead> FlightReader::load_frame() {
    while (offset_ == file_.size()) {
        if (const auto end = load_segment()) return end;
    }
    frame_offset_ = offset_;
    const FrameView view = read_frame(std::span<const std::byte>(file_).subspan(offset_));
    switch (view.state) {
        case FrameState::Whole:
            frame_ = view.payload;
            offset_ += view.bytes;
            return std::nullopt;
        case FrameState::Torn:
            // The next segment, if there is one, shows by its first step whether something is missing.
            text_ = place() + ": the last " + std::to_string(file_.size() - offset_) +
                    " bytes are torn, as a crash leaves them; the log ends before them.";
            offset_ = file_.size();
            frame_ = {};
            return std::nullopt;
        case FrameState::Damaged: break;
    }
    return damaged("the checksum is wrong although more follows: the file was damaged.");
}

FlightRead FlightReader::take_sync(ByteReader& in) {
    const std::uint64_t number = in.varint();
    if (in.failed() || number < next_step_) {
        return damaged("a sync that cannot be: it goes back to step " + std::to_string(number) +
                       ".");
    }
    decoder_.reset();
    synced_ = true;
    const std::uint64_t missing = number - next_step_;
    text_ = "steps " + std::to_string(next_step_) + " to " + std::to_string(number - 1) + " (" +
            std::to_string(missing) + ") are missing before " + place() + ".";
    next_step_ = number;
    if (missing == 0) text_.clear();
    return missing == 0 ? FlightRead::Sync : FlightRead::Gap;
}

FlightRead FlightReader::take_chunk(FlightStep& step) {
    ByteReader sizes(frame_);
    const std::uint64_t size = sizes.varint();
    if (sizes.failed() || size == 0 || size > sizes.left())
        return damaged("a chunk that cannot be.");
    const std::size_t head = frame_.size() - sizes.left();
    ByteReader in(frame_.subspan(head, size));
    frame_ = frame_.subspan(head + size);
    const std::uint8_t kind = in.byte();
    if (kind == kSyncKind) return take_sync(in);
    if (kind == kEndKind) {
        ended_ = true;
        text_.clear();
        return FlightRead::Ended;
    }
    if (!synced_) return damaged("its first chunk is no sync.");
    step.number = next_step_++;
    step.outcome = (kind & kWithOutcome) != 0;
    step.lines.clear();
    if (!decoder_.get_event(kind & kKindMask, in, step.event))
        return damaged("an event that cannot be.");
    if (step.outcome) {
        step.digest = in.u32();
        for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left) {
            if (!decoder_.get_trace(step.event.now, in, step.lines.emplace_back())) break;
        }
    }
    if (in.failed() || in.left() != 0) return damaged("a step that cannot be.");
    return FlightRead::Step;
}

FlightRead FlightReader::next(FlightStep& step) {
    if (ended_) return FlightRead::Stopped;
    while (frame_.empty()) {
        if (const auto end = load_frame()) return *end;
    }
    return take_chunk(step);
}

}  // namespace holdfast::flight
