// FlightLog: the files of one flight: segments in a folder, begun at a sync, closed at their size, the oldest removed when all
// of the folder's together are too large.
//
// A flight can be replayed only from its beginning; so `bytes_max` decides how long an agent may have run until its flight can
// no longer be stepped (docs/REPLAY.md has the figures).  Belongs to one thread, which may block on the disk.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/flight/flight_format.h"
#include "storage/flight/flight_recorder.h"

namespace holdfast::flight {

inline constexpr const char* kFlightSuffix = ".flight";

class FlightLog {
  public:
    struct Options {
        std::string folder;  // made when it is missing
        std::uint64_t bytes_max = 1U << 30U;
        std::uint64_t segment_bytes = 64U << 20U;
        std::string software;
    };

    FlightLog(Options options, const EngineConfig& config, Instant started_at);
    ~FlightLog();
    FlightLog(const FlightLog&) = delete;
    FlightLog& operator=(const FlightLog&) = delete;

    // Writes what the recorder holds now.
    void drain(FlightRecorder& recorder);

    // Drains, and says that the flight ended in order.
    void finish(FlightRecorder& recorder);

    // Writes that failed so far, why the last one did, and where.
    [[nodiscard]] std::uint64_t failures_count() const { return failures_; }

    [[nodiscard]] int last_errno() const { return last_errno_; }

    [[nodiscard]] const std::string& folder() const { return options_.folder; }

    [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }

  private:
    void add(std::span<const std::byte> chunk);
    void flush();
    void open_segment(std::uint64_t next_step);
    void close_segment();
    [[nodiscard]] bool write_all(std::span<const std::byte> bytes);
    void remove_oldest() const;

    Options options_;
    FlightStart start_;
    int fd_ = -1;
    std::uint64_t segment_bytes_ = 0;
    std::uint64_t bytes_written_ = 0;
    bool sync_asked_ = false;
    std::vector<std::byte> frame_;
    std::vector<std::byte> chunk_;
    std::uint64_t failures_ = 0;
    int last_errno_ = 0;
};

// The segments in a folder, by name, which is by time.
[[nodiscard]] std::vector<std::string> flight_files(const std::string& folder);

}  // namespace holdfast::flight
