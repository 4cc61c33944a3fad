#include "agent/daemon/log_writer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/clock.h"
#include "agent/message.h"

namespace holdfast {

namespace {

constexpr std::size_t kLinesMax = 16384;
// Also how much of the flight log a crash of the agent costs.
constexpr int kLogWaitMs = 100;
constexpr std::uint64_t kSegmentBytesMax = 64U << 20U;
constexpr Duration kRecorderRetry = std::chrono::seconds{5};

std::int64_t unix_now_ns() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

}  // namespace

LineFile::LineFile(std::string path, std::uint64_t bytes_max)
    : path_(std::move(path)), bytes_max_(bytes_max) {}

LineFile::~LineFile() {
    if (fd_ >= 0) close(fd_);
}

void LineFile::open_file() {
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd_ < 0) {
        last_errno_ = errno;
        return;
    }

    struct stat facts {};

    bytes_ = fstat(fd_, &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

void LineFile::rotate() {
    if (bytes_max_ == 0 || bytes_ < bytes_max_) return;
    close(fd_);
    fd_ = -1;
    std::rename(path_.c_str(), (path_ + ".1").c_str());
    open_file();
}

void LineFile::append(const std::string& line) {
    if (fd_ >= 0) {
        // A log that was moved away (logrotate) is followed by a new one.
        struct stat facts {};

        if (fstat(fd_, &facts) == 0 && facts.st_nlink == 0) {
            close(fd_);
            fd_ = -1;
        }
    }
    if (fd_ < 0) open_file();
    const ssize_t written = fd_ < 0 ? -1 : write(fd_, line.data(), line.size());
    if (written == static_cast<ssize_t>(line.size())) {
        bytes_ += line.size();
        rotate();
        return;
    }
    if (fd_ >= 0) last_errno_ = written < 0 ? errno : ENOSPC;
    ++lost_;
}

LogWriter::LogWriter(const Config& config,
                     std::vector<DatastoreLoop*> datastores,
                     const Wakeup& wakeup)
    : host_name_(config.host_name(config.self)),
      level_max_(config.log_level),
      context_{config.cluster_uuid, config.self},
      wakeup_(wakeup),
      lines_(kLinesMax, wakeup),
      log_(config.log_file, 0),
      flight_(config.state_dir + "/flight.log", kFlightBytesMax),
      flight_folder_(config.state_dir + "/flight"),
      flight_bytes_max_(config.flight_bytes_max) {
    for (DatastoreLoop* loop : datastores) {
        Recorder recorder;
        recorder.loop = loop;
        recorders_.push_back(std::move(recorder));
    }
}

LogWriter::~LogWriter() {
    stop();
}

void LogWriter::keep_flight(flight::FlightRecorder& recorder,
                            const EngineConfig& engine,
                            Instant started_at) {
    flight::FlightLog::Options options;
    options.folder = flight_folder_;
    options.bytes_max = flight_bytes_max_;
    options.segment_bytes = std::min(kSegmentBytesMax, flight_bytes_max_ / 8);
    options.software = HF_VERSION;
    steps_.emplace(options, engine, started_at);
    recorder_ = &recorder;
}

void LogWriter::start() {
    thread_.start("hf-log", Pace::Ordinary, [this] { run(); });
}

void LogWriter::stop() {
    stopping_.store(true);
    wakeup_.signal();
    thread_.join();
}

void LogWriter::run() {
    while (true) {
        // Read before the ring, so that what was handed over before stop() is still written.
        const bool last_round = stopping_.load();
        wakeup_.drain();
        const EventLine* line = nullptr;
        while (lines_.ring.try_pop(line)) {
            const std::unique_ptr<const EventLine> owned(line);
            write(*owned);
        }
        poll_recorders();
        write_flight(last_round);
        if (last_round) return;
        pollfd entry{wakeup_.fd(), POLLIN, 0};
        poll(&entry, 1, kLogWaitMs);
    }
}

void LogWriter::write(const EventLine& line) {
    flight_.append(event_json(line) + "\n");
    complain(flight_, flight_said_);
    if (line.level > level_max_) return;
    const std::string text = log_text(line, host_name_);
    log_.append(text + "\n");
    complain(log_, log_said_);
    // The journal reads the priority from the prefix (sd-daemon.h).
    constexpr int kPriorities[] = {7, 3, 4, 5, 6, 7};
    const int priority = kPriorities[static_cast<std::size_t>(line.level)];
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment
    static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
    if (journal) {
        std::fprintf(stderr, "<%d>%s\n", priority, text.c_str());
    } else {
        std::fprintf(stderr, "%s\n", text.c_str());
    }
    record(line);
}

void LogWriter::write_flight(bool last_round) {
    if (recorder_ == nullptr) return;
    if (last_round) {
        steps_->finish(*recorder_);
    } else {
        steps_->drain(*recorder_);
    }
    complain(steps_->folder(), steps_->last_errno(), steps_->failures_count(), steps_said_);
}

void LogWriter::complain(const LineFile& file, std::uint64_t& said) {
    complain(file.path(), file.last_errno(), file.lost_count(), said);
}

void LogWriter::complain(const std::string& path,
                         int number,
                         std::uint64_t lost_count,
                         std::uint64_t& said) {
    // The first loss is news, and then each thousandfold.
    if (lost_count == 0 || (said != 0 && lost_count < 1000 * said)) return;
    said = lost_count;
    const std::string count = std::to_string(said);
    std::array<char, 512> text{};
    const std::size_t length =
        format_message(MessageId::LogNotWritten, {path, std::strerror(number), count}, text);
    std::fprintf(stderr, "%.*s [HF-5011]\n", static_cast<int>(length), text.data());
}

void LogWriter::ask(Recorder& recorder,
                    DatastoreRequestKind kind,
                    std::uint32_t offset,
                    std::uint32_t length,
                    const DatastoreMemory* memory) {
    DatastoreRequest request;
    request.kind = kind;
    request.request = RequestId{next_request_++};
    request.first = context_.host;
    request.offset_bytes = offset;
    request.length_bytes = length;
    if (!recorder.loop->log_port().requests.try_push({request, memory})) return;
    recorder.asked = true;
    recorder.loop->wakeup().signal();
}

void LogWriter::record(const EventLine& line) {
    if (line.level > TraceLevel::Info) return;
    std::array<char, 32> time{};
    std::snprintf(time.data(),
                  time.size(),
                  "%.3f ",
                  std::chrono::duration<double>(line.at.time_since_epoch()).count());
    const std::string text = time.data() + line.text + " [" + line.id + "]";
    for (Recorder& recorder : recorders_) {
        if (recorder.ring) recorder.ring->append(unix_now_ns(), text);
    }
    poll_recorders();
}

void LogWriter::poll_recorders() {
    const Instant now = boottime_now();
    for (Recorder& recorder : recorders_) {
        DatastorePort& port = recorder.loop->log_port();
        DatastoreCompletion completion;
        while (port.completions.try_pop(completion)) {
            recorder.asked = false;
            const bool done = completion.status == IoStatus::Done;
            if (!done) recorder.retry_at = now + kRecorderRetry;
            if (done && completion.kind == DatastoreRequestKind::ReadRecorder) {
                recorder.ring.emplace(context_, recorder_last_sequence(completion.bytes, context_));
            }
            if (completion.result != kNoResult) {
                HF_CHECK(port.requests.try_push({release_of(completion), nullptr}));
                recorder.loop->wakeup().signal();
            }
        }
        if (recorder.asked || now < recorder.retry_at) continue;
        if (!recorder.ring) {
            if (recorder.loop->facts().open) ask(recorder, DatastoreRequestKind::ReadRecorder);
        } else if (recorder.ring->dirty()) {
            // Not null: the region was read, so the datastore is open.
            const DatastoreMemory* memory = port.memory.load(std::memory_order_acquire);
            const RecorderRing::Page page = recorder.ring->take();
            const auto payload = memory->payload(DatastoreRequestKind::WriteRecorder);
            std::memcpy(payload.data(), page.bytes.data(), page.bytes.size());
            ask(recorder,
                DatastoreRequestKind::WriteRecorder,
                page.offset_bytes,
                static_cast<std::uint32_t>(page.bytes.size()),
                memory);
        }
    }
}

}  // namespace holdfast
