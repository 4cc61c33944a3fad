// The way of a flight log through ring and disk when either is in trouble: what is lost is said, and what follows can be read.
#include "storage/flight/flight_log.h"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "storage/flight/replay.h"

namespace holdfast::flight {
namespace {

class FlightLogTest : public testing::Test {
  protected:
    FlightLogTest() : actions_(std::make_unique<Actions>()) {
        char pattern[] = "/var/tmp/holdfast-flight-XXXXXX";
        folder_ = mkdtemp(pattern);
        config_.self = HostId{1};
        config_.timing = kTimingFast;
        config_.members.push(HostId{1});
        config_.members.push(HostId{2});
        config_.voters_count = config_.datastores_count = 3;
        engine_ = std::make_unique<Engine>(config_, now_);
    }

    ~FlightLogTest() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] FlightLog::Options options(const std::string& name) const {
        return {folder_ + "/" + name, 1U << 20U, 64U << 10U, "test"};
    }

    void steps(int count, FlightRecorder& recorder) {
        for (int i = 0; i < count; ++i) {
            now_ += milliseconds{50};
            const Event event{now_, Tick{}};
            engine_->step(event, *actions_);
            recorder.record(event, *actions_, *engine_);
        }
    }

    // The only flight in a folder.
    [[nodiscard]] Flight flight(const std::string& name) const {
        FoundFlights found = find_flights({folder_ + "/" + name});
        EXPECT_EQ(found.flights.size(), 1U);
        return found.flights.empty() ? Flight{} : found.flights.front();
    }

    std::string folder_;
    Instant now_{seconds{100}};
    EngineConfig config_;
    std::unique_ptr<Engine> engine_;
    std::unique_ptr<Actions> actions_;
};

TEST_F(FlightLogTest, EndsInOrder) {
    FlightRecorder recorder;
    FlightLog log(options("a"), config_, now_);
    steps(100, recorder);
    log.finish(recorder);
    const ReplayReport report = replay(flight("a"));
    EXPECT_TRUE(report.identical());
    EXPECT_EQ(report.end, FlightRead::Ended);
    EXPECT_EQ(report.steps, 100U);
    EXPECT_EQ(recorder.lost_count(), 0U);
    EXPECT_EQ(log.failures_count(), 0U);
}

TEST_F(FlightLogTest, AFullRingLosesStepsAndSaysWhich) {
    FlightRecorder recorder(512);
    FlightLog log(options("a"), config_, now_);
    steps(5, recorder);
    log.drain(recorder);
    steps(300, recorder);  // the log's thread stands still
    const std::uint64_t lost = recorder.lost_count();
    EXPECT_GT(lost, 0U);
    log.drain(recorder);
    steps(5, recorder);
    log.finish(recorder);
    EXPECT_EQ(recorder.lost_count(), lost);
    const Flight recorded = flight("a");
    const ReplayReport report = replay(recorded);
    EXPECT_EQ(report.end, FlightRead::Gap);
    EXPECT_FALSE(report.identical());
    EXPECT_EQ(report.steps + lost + 5, 310U);
    EXPECT_NE(report.end_text.find("(" + std::to_string(lost) + ") are missing"), std::string::npos)
        << report.end_text;
    // What follows the gap can still be read.
    FlightReader reader(recorded);
    FlightStep step;
    FlightRead read = FlightRead::Step;
    std::uint64_t last = 0;
    while (read == FlightRead::Step || read == FlightRead::Sync || read == FlightRead::Gap) {
        read = reader.next(step);
        if (read == FlightRead::Step) last = step.number;
    }
    EXPECT_EQ(read, FlightRead::Ended);
    EXPECT_EQ(last, 309U);
}

TEST_F(FlightLogTest, AFolderThatComesBackGetsANewSegment) {
    FlightRecorder recorder;
    FlightLog log(options("missing/a"), config_, now_);
    steps(20, recorder);
    log.drain(recorder);
    EXPECT_GT(log.failures_count(), 0U);
    EXPECT_NE(log.last_errno(), 0);
    std::filesystem::create_directories(folder_ + "/missing/a");
    steps(20, recorder);
    log.finish(recorder);
    const Flight recorded = flight("missing/a");
    ASSERT_FALSE(recorded.segments.empty());
    EXPECT_FALSE(recorded.has_beginning());
    EXPECT_EQ(recorded.start().next_step, 20U);
}

TEST_F(FlightLogTest, TheOldestSegmentsGoFirst) {
    FlightRecorder recorder;
    FlightLog::Options small = options("a");
    small.segment_bytes = 2000;
    small.bytes_max = 8000;
    FlightLog log(small, config_, now_);
    for (int i = 0; i < 200; ++i) {
        steps(20, recorder);
        log.drain(recorder);
    }
    log.finish(recorder);
    EXPECT_GT(log.bytes_written(), 16'000U);
    std::uintmax_t total = 0;
    for (const std::string& file : flight_files(folder_ + "/a")) {
        total += std::filesystem::file_size(file);
    }
    EXPECT_LE(total, 8000U);
    EXPECT_GT(total, 2000U);
    EXPECT_FALSE(flight("a").has_beginning());
}

}  // namespace
}  // namespace holdfast::flight
