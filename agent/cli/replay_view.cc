#include "agent/cli/replay_view.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "agent/cli/status_view.h"
#include "agent/event_line.h"
#include "agent/text.h"

namespace holdfast::cli {

std::string line_view(const Trace& line) {
    return event_view(event_json(to_event_line(line)));
}

std::string head_text(const flight::Flight& one) {
    const flight::FlightStart& start = one.start();
    const std::time_t seconds = start.unix_ns / 1'000'000'000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 40> time{};
    std::strftime(time.data(), time.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
    const std::size_t count = one.segments.size();
    return "host " + std::to_string(start.config.self.value()) + ", holdfast " +
           printable(one.segments.front().header.software) + ", incarnation " +
           incarnation_text(start.config.incarnation) + ", begun " + time.data() + ", " +
           std::to_string(count) + (count == 1 ? " segment" : " segments");
}

double seconds_between(Instant first, Instant last) {
    return std::chrono::duration<double>(last - first).count();
}

std::string totals_text(const flight::ReplayReport& report) {
    const double span = report.steps == 0 ? 0 : seconds_between(report.first, report.last);
    std::array<char, 128> text{};
    std::snprintf(text.data(),
                  text.size(),
                  "%llu events, %llu trace lines over %.1f s",
                  static_cast<unsigned long long>(report.steps),
                  static_cast<unsigned long long>(report.lines),
                  span);
    return text.data();
}

const char* end_word(flight::FlightRead end) {
    switch (end) {
        case flight::FlightRead::Ended: return "ended";
        case flight::FlightRead::Gap: return "gap";
        case flight::FlightRead::Damaged: return "damaged";
        case flight::FlightRead::Step:
        case flight::FlightRead::Sync:
        case flight::FlightRead::Stopped: break;
    }
    return "stopped";
}

std::string flight_text(std::uint64_t flight) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(flight));
    return text.data();
}

}  // namespace holdfast::cli
