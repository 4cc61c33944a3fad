#include "storage/flight/flight_log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::flight {

namespace {

constexpr std::size_t kFrameFull = 64U << 10U;  // more waits for no further chunk

std::int64_t unix_now_ns() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

// 20260131T235959Z-0123456789abcdef-0000.flight: sorted by time, then by segment.
std::string segment_name(const FlightStart& start, std::int64_t opened_ns) {
    const std::time_t seconds = opened_ns / 1'000'000'000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> time{};
    std::strftime(time.data(), time.size(), "%Y%m%dT%H%M%SZ", &parts);
    std::array<char, 96> name{};
    std::snprintf(name.data(),
                  name.size(),
                  "%s-%016llx-%04u%s",
                  time.data(),
                  static_cast<unsigned long long>(start.flight),
                  start.segment,
                  kFlightSuffix);
    return name.data();
}

}  // namespace

std::vector<std::string> flight_files(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == kFlightSuffix) names.push_back(entry->path().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

FlightLog::FlightLog(Options options, const EngineConfig& config, Instant started_at)
    : options_(std::move(options)), chunk_(kChunkBytesMax) {
    start_.flight = flight_id(config, started_at);
    start_.started_at = started_at;
    start_.config = config;
    frame_.reserve(kFrameFull + kChunkBytesMax + 2 * kFrameHeadBytes);
    frame_.resize(kFrameHeadBytes);
    mkdir(options_.folder.c_str(), 0750);
}

FlightLog::~FlightLog() {
    close_segment();
}

void FlightLog::drain(FlightRecorder& recorder) {
    while (true) {
        const std::span<const std::byte> chunk = recorder.take(chunk_);
        if (chunk.empty()) break;
        if (chunk.front() == std::byte{kSyncKind}) {
            flush();
            ByteReader in(chunk.subspan(1));
            if (fd_ < 0 || segment_bytes_ >= options_.segment_bytes) open_segment(in.varint());
            sync_asked_ = false;
        }
        if (fd_ >= 0) add(chunk);
    }
    flush();
    const bool wants_segment = fd_ < 0 || segment_bytes_ >= options_.segment_bytes;
    if (wants_segment && !sync_asked_) {
        recorder.ask_sync();
        sync_asked_ = true;
    }
}

void FlightLog::finish(FlightRecorder& recorder) {
    drain(recorder);
    if (fd_ < 0) return;
    const std::array<std::byte, 1> end{std::byte{kEndKind}};
    add(end);
    flush();
    close_segment();
}

void FlightLog::add(std::span<const std::byte> chunk) {
    std::array<std::byte, 10> head{};
    ByteWriter out(head);
    out.varint(chunk.size());
    frame_.insert(frame_.end(), out.written().begin(), out.written().end());
    frame_.insert(frame_.end(), chunk.begin(), chunk.end());
    if (frame_.size() >= kFrameFull) flush();
}

void FlightLog::flush() {
    if (frame_.size() > kFrameHeadBytes && fd_ >= 0) {
        seal_frame(frame_);
        if (!write_all(frame_)) {
            // What follows cannot be read without this: the next sync begins a new segment.
            close_segment();
        }
    }
    frame_.resize(kFrameHeadBytes);
}

void FlightLog::open_segment(std::uint64_t next_step) {
    close_segment();
    start_.unix_ns = unix_now_ns();
    start_.next_step = next_step;
    const std::string path = options_.folder + "/" + segment_name(start_, start_.unix_ns);
    fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd_ < 0) {
        last_errno_ = errno;
        ++failures_;
        return;
    }
    ++start_.segment;
    FlightStart written = start_;
    --written.segment;
    segment_bytes_ = 0;
    if (!write_all(encode_flight_header(written, options_.software))) {
        close_segment();
        unlink(path.c_str());
        return;
    }
    remove_oldest();
}

void FlightLog::close_segment() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
}

bool FlightLog::write_all(std::span<const std::byte> bytes) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written == static_cast<ssize_t>(bytes.size())) {
        segment_bytes_ += bytes.size();
        bytes_written_ += bytes.size();
        return true;
    }
    last_errno_ = written < 0 ? errno : ENOSPC;
    ++failures_;
    // Half a frame would look like damage once another one follows.
    if (ftruncate(fd_, static_cast<off_t>(segment_bytes_)) != 0) last_errno_ = errno;
    return false;
}

// The segment that is being written grows to segment_bytes, for which room is kept.
void FlightLog::remove_oldest() const {
    const std::vector<std::string> names = flight_files(options_.folder);
    std::uint64_t total = options_.segment_bytes;
    for (std::size_t i = names.size(); i-- > 0;) {
        std::error_code error;
        const std::uint64_t size = std::filesystem::file_size(names[i], error);
        if (i + 1 < names.size() && !error) total += size;
        if (i + 1 < names.size() && total > options_.bytes_max) unlink(names[i].c_str());
    }
}

}  // namespace holdfast::flight
