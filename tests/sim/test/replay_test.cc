// What the engines of a simulated cluster did can be done again from their flight logs; and logs that are broken say so.
#include "storage/flight/replay.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/crc32c.h"
#include "storage/flight/flight_log.h"
#include "storage/flight/what_if.h"
#include "tests/sim/fault/plan.h"
#include "tests/sim/run/seed_run.h"

namespace holdfast::sim {
namespace {

using flight::Flight;
using flight::FlightRead;
using flight::FoundFlights;
using flight::ReplayReport;

RunWays recorded_in(const std::string& folder) {
    RunWays ways;
    ways.record_folder = folder;
    return ways;
}

class Replay : public testing::Test {
  protected:
    Replay() {
        char pattern[] = "/var/tmp/holdfast-replay-XXXXXX";
        folder_ = mkdtemp(pattern);
    }

    ~Replay() override { std::filesystem::remove_all(folder_); }

    // Records one seed, and returns what its agents left.
    [[nodiscard]] std::vector<Flight> record(std::uint64_t seed) const {
        const std::string folder = folder_ + "/" + std::to_string(seed);
        std::filesystem::create_directories(folder);
        const SeedResult result = run_seed(seed, nullptr, recorded_in(folder));
        EXPECT_FALSE(result.violation);
        std::vector<std::string> hosts;
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            hosts.push_back(entry.path().string());
        }
        FoundFlights found = flight::find_flights(hosts);
        EXPECT_TRUE(found.errors.empty()) << found.errors.front();
        return found.flights;
    }

    // The shortest flight of a few seeds that says something: small enough to try every bit of it.
    [[nodiscard]] std::string small_log() const {
        std::string best;
        std::uintmax_t best_size = UINTMAX_MAX;
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            for (const Flight& one : record(seed)) {
                if (one.segments.size() != 1 || flight::replay(one).lines < 3) continue;
                const std::string& path = one.segments.front().path;
                if (std::filesystem::file_size(path) >= best_size) continue;
                best = path;
                best_size = std::filesystem::file_size(path);
            }
        }
        return best;
    }

    [[nodiscard]] static std::string read(const std::string& path) {
        std::ifstream stream(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    [[nodiscard]] std::string write(const std::string& bytes) const {
        std::string path = folder_ + "/changed.flight";
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }

    std::string folder_;
};

// What becomes of a log, in one word; never a crash.
std::string fate(const std::string& path) {
    const FoundFlights found = flight::find_flights({path});
    if (found.flights.empty()) return found.errors.empty() ? "lost" : "refused";
    const ReplayReport report = flight::replay(found.flights.front());
    if (report.difference) return "different";
    if (report.end == FlightRead::Damaged) return "damaged";
    if (report.end == FlightRead::Gap) return "gap";
    return "identical " + std::to_string(report.steps);
}

// The log up to the end of the frame that reaches `bytes`.
std::string beginning_of(const std::string& whole, std::size_t bytes) {
    const auto content = std::as_bytes(std::span(whole));
    std::size_t size = flight::decode_flight_header(content)->bytes;
    while (size < bytes && size < whole.size()) {
        size += flight::read_frame(content.subspan(size)).bytes;
    }
    return whole.substr(0, size);
}

TEST_F(Replay, GivesTheSameTraceForManySeeds) {
    std::uint64_t steps = 0;
    std::uint64_t lines = 0;
    std::size_t chains = 0;
    std::set<std::string> kinds;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        for (const Flight& one : record(seed)) {
            ASSERT_TRUE(one.has_beginning());
            if (one.segments.size() > 1) ++chains;
            const ReplayReport report =
                flight::replay(one, [&](const auto& lines_now, const auto&) {
                    for (const Trace& line : lines_now) kinds.insert(trace_event_name(line));
                });
            ASSERT_TRUE(report.identical())
                << "seed " << seed << " host " << one.start().config.self.value() << ": "
                << one.segments.front().path << " differs at step "
                << (report.difference ? report.difference->step : report.steps) << ": "
                << report.end_text;
            steps += report.steps;
            lines += report.lines;
        }
        std::filesystem::remove_all(folder_ + "/" + std::to_string(seed));
    }
    EXPECT_GT(steps, 100'000U);
    EXPECT_GT(lines, 2'000U);
    EXPECT_GT(chains, 5U);  // flights of several segments
    EXPECT_TRUE(kinds.contains("dead"));
    EXPECT_TRUE(kinds.contains("running"));
}

TEST_F(Replay, AFlippedBitIsDamageAndNeverACrash) {
    const std::string path = small_log();
    ASSERT_FALSE(path.empty());
    const std::string whole = beginning_of(read(path), 700);
    const std::string identical = fate(write(whole));
    ASSERT_TRUE(identical.starts_with("identical"));
    // Seven and eight have no common factor: every place within a byte has its turn.
    for (std::size_t bit = 0; bit < whole.size() * 8; bit += 7) {
        std::string changed = whole;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
        const std::string now = fate(write(changed));
        // In the last frame it looks like what a crash left.
        ASSERT_NE(now, identical) << "bit " << bit;
        ASSERT_NE(now, "different") << "bit " << bit << " was believed";
    }
}

TEST_F(Replay, ACutLogEndsWhereItIsTorn) {
    const std::string path = small_log();
    const std::string whole = read(path);
    for (std::size_t size = 0; size < whole.size(); size += 7) {
        const std::string now = fate(write(whole.substr(0, size)));
        ASSERT_TRUE(now == "refused" || now.starts_with("identical")) << size << ": " << now;
    }
    EXPECT_EQ(fate(write(whole + std::string(4096, '\0'))), fate(path));
}

TEST_F(Replay, OneChangedEventIsFound) {
    // A byte of an event, with the checksum made right again: somebody else's log.
    const std::string path = small_log();
    const std::string whole = read(path);
    const FoundFlights found = flight::find_flights({path});
    const std::size_t first_frame = found.flights.front().segments.front().header.bytes;
    std::set<std::string> fates;
    for (std::size_t at = first_frame + 60; at < first_frame + 800; ++at) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        std::uint32_t length = 0;
        std::memcpy(&length, changed.data() + first_frame, sizeof length);
        if (at >= first_frame + flight::kFrameHeadBytes + length) break;
        const auto payload = std::as_bytes(
            std::span(changed).subspan(first_frame + flight::kFrameHeadBytes, length));
        const std::uint32_t sum = crc32c(payload);
        std::memcpy(changed.data() + first_frame + 4, &sum, sizeof sum);
        fates.insert(fate(write(changed)));
    }
    EXPECT_TRUE(fates.contains("different"));
    EXPECT_TRUE(fates.contains("damaged"));
}

TEST_F(Replay, FilesThatAreNoLogAreRefused) {
    EXPECT_EQ(fate(folder_ + "/nothing"), "refused");
    EXPECT_EQ(fate(folder_), "refused");
    EXPECT_EQ(fate("/dev/null"), "refused");
    EXPECT_EQ(fate(write("")), "refused");
    EXPECT_EQ(fate(write(std::string(100'000, 'x'))), "refused");
    std::string newer = read(small_log());
    newer[8] = 2;
    const std::string path = write(newer);
    const FoundFlights found = flight::find_flights({path});
    ASSERT_EQ(found.errors.size(), 1U);
    EXPECT_NE(found.errors[0].find("has flight log format 2"), std::string::npos)
        << found.errors[0];
}

// What is known from silence and answers alone, and so hardly depends on how soon this host reacts.
bool is_judgement(const Trace& line) {
    return line.code == TraceCode::VerdictChanged || line.code == TraceCode::DeclaredDead ||
           line.code == TraceCode::OfficeTaken || line.code == TraceCode::OfficeEnded ||
           line.code == TraceCode::LeaseLapsed;
}

// The first seeds whose datastores answer in their own time.  Another timing asks at other moments, and what was recorded of an
// array that answers seconds late says little about when it would have answered then.
std::vector<std::uint64_t> punctual_seeds(std::size_t count) {
    std::vector<std::uint64_t> seeds;
    for (std::uint64_t seed = 1; seeds.size() < count; ++seed) {
        const Plan plan = plan_of(seed);
        const auto without = [&plan](FaultKind kind) {
            return plan.mean_interval[static_cast<std::size_t>(kind)] == Duration::zero();
        };
        // A timing that is changed within the flight is not the one that is asked about.
        if (without(FaultKind::LateAnswers) && without(FaultKind::ChangeTiming) &&
            !plan.cluster.tight)
            seeds.push_back(seed);
    }
    return seeds;
}

TEST_F(Replay, TheSameTimingJudgesTheSameAtTheSameTime) {
    std::size_t judgements = 0;
    std::size_t equal = 0;
    for (const std::uint64_t seed : punctual_seeds(3)) {
        for (const Flight& one : record(seed)) {
            const Timing& timing = one.start().config.timing;
            for (const flight::WhatIfLine& line : flight::what_if(one, timing).lines) {
                if (!is_judgement(line.recorded ? *line.recorded : *line.other)) continue;
                ++judgements;
                if (!line.recorded || !line.other) continue;
                const Duration shift = line.other->at - line.recorded->at;
                if (shift <= timing.interval && -shift <= timing.interval) ++equal;
            }
        }
    }
    EXPECT_GT(judgements, 100U);
    EXPECT_GE(equal * 100, judgements * 95) << equal << " of " << judgements;
}

TEST_F(Replay, ALongerDeadTimeCallsHostsDeadLaterByAsMuch) {
    std::size_t later = 0;
    for (const std::uint64_t seed : punctual_seeds(10)) {
        for (const Flight& one : record(seed)) {
            Timing longer = one.start().config.timing;
            longer.dead += seconds{3};
            for (const auto& line : flight::what_if(one, longer).lines) {
                const bool dead = line.other && line.other->code == TraceCode::DeclaredDead &&
                                  line.other->a == static_cast<int>(Proof::VerdictRead);
                if (!dead) continue;
                EXPECT_GE(line.other->span, longer.dead);
                if (!line.recorded) continue;
                EXPECT_GE(line.other->at, line.recorded->at);
                if (line.other->at - line.recorded->at >= milliseconds{2900}) ++later;
            }
        }
    }
    EXPECT_GT(later, 0U);
}

TEST_F(Replay, AMissingSegmentIsSaid) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        for (const Flight& one : record(seed)) {
            if (one.segments.size() < 3) continue;
            std::filesystem::remove(one.segments[1].path);
            FoundFlights found = flight::find_flights({one.segments[0].path, one.segments[2].path});
            ASSERT_EQ(found.flights.size(), 1U);
            const ReplayReport report = flight::replay(found.flights.front());
            EXPECT_EQ(report.end, FlightRead::Gap);
            EXPECT_NE(report.end_text.find("are missing"), std::string::npos) << report.end_text;
            found = flight::find_flights({one.segments[2].path});
            EXPECT_FALSE(found.flights.front().has_beginning());
            return;
        }
    }
    FAIL() << "no flight of three segments";
}

}  // namespace
}  // namespace holdfast::sim
