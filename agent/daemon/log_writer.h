// LogWriter: the one thread that writes lines to slow places: the log file, standard error (the journal), the flight recorder's
// file, the flight log of all that enters the engine and, with its last decisions, this host's recorder on the heartbeat datastores.
//
// A place that cannot be written costs its lines and nothing else: said once on standard error, counted, tried again with each line.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/daemon/channels.h"
#include "agent/daemon/datastore_loop.h"
#include "agent/daemon/real_time.h"
#include "agent/event_line.h"
#include "storage/flight/flight_log.h"
#include "storage/recorder_format.h"

namespace holdfast {

inline constexpr std::uint64_t kFlightBytesMax = 32U << 20U;  // of one file; two are kept

// A file that lines are appended to.
class LineFile {
  public:
    // Rotated to PATH.1 when it passes `bytes_max`; 0: never.
    LineFile(std::string path, std::uint64_t bytes_max);
    ~LineFile();
    LineFile(const LineFile&) = delete;
    LineFile& operator=(const LineFile&) = delete;

    void append(const std::string& line);

    // Lines that could not be written since the start, and why the last one could not.
    [[nodiscard]] std::uint64_t lost_count() const { return lost_; }

    [[nodiscard]] int last_errno() const { return last_errno_; }

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    void open_file();
    void rotate();

    std::string path_;
    std::uint64_t bytes_max_;
    std::uint64_t bytes_ = 0;
    int fd_ = -1;
    std::uint64_t lost_ = 0;
    int last_errno_ = 0;
};

class LogWriter {
  public:
    LogWriter(const Config& config, std::vector<DatastoreLoop*> datastores, const Wakeup& wakeup);
    ~LogWriter();

    // Also keeps the engine's flight log.  To be called before start(); `recorder` outlives the writer's thread.
    void keep_flight(flight::FlightRecorder& recorder,
                     const EngineConfig& engine,
                     Instant started_at);

    void start();
    // Writes what was handed over, then ends.
    void stop();

    // Lines as plain pointers that the writer owns.
    [[nodiscard]] Channel<const EventLine*>& lines() { return lines_; }

  private:
    // This host's recorder on one datastore.
    struct Recorder {
        DatastoreLoop* loop = nullptr;
        std::optional<RecorderRing> ring;  // once the region was read
        bool asked = false;                // something is unanswered
        Instant retry_at{};
    };

    void run();
    void write(const EventLine& line);
    void write_flight(bool last_round);
    static void complain(const LineFile& file, std::uint64_t& said);
    static void complain(const std::string& path,
                         int number,
                         std::uint64_t lost_count,
                         std::uint64_t& said);
    void poll_recorders();
    void record(const EventLine& line);
    void ask(Recorder& recorder,
             DatastoreRequestKind kind,
             std::uint32_t offset = 0,
             std::uint32_t length = 0,
             const DatastoreMemory* memory = nullptr);

    std::string host_name_;
    TraceLevel level_max_;
    BlockContext context_;
    const Wakeup& wakeup_;
    Channel<const EventLine*> lines_;
    LineFile log_;
    LineFile flight_;
    std::uint64_t log_said_ = 0;
    std::uint64_t flight_said_ = 0;
    std::string flight_folder_;
    std::uint64_t flight_bytes_max_;
    std::optional<flight::FlightLog> steps_;  // the binary flight log
    flight::FlightRecorder* recorder_ = nullptr;
    std::uint64_t steps_said_ = 0;
    std::vector<Recorder> recorders_;
    std::uint64_t next_request_ = 1;
    WorkerThread thread_;
    std::atomic<bool> stopping_{false};
};

}  // namespace holdfast
