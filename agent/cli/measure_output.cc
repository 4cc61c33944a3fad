#include "agent/cli/measure_output.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

#include "agent/cli/options.h"
#include "agent/measure/measurement_chart.h"
#include "agent/measure/report_text.h"
#include "agent/text.h"
#include "storage/clock.h"

namespace holdfast::cli {

namespace {

constexpr Duration kProgressLineEvery = std::chrono::minutes{1};

volatile std::sig_atomic_t interrupts = 0;

void on_interrupt(int) {
    if (interrupts != 0) ::_exit(130);
    interrupts = 1;
}

}  // namespace

bool parse_times(const BenchOptions& options, BenchTimes& times) {
    const auto interval = parse_duration(options.interval);
    const auto duration = parse_duration(options.duration);
    if (!interval || *interval < std::chrono::milliseconds{1} ||
        *interval > std::chrono::minutes{1}) {
        std::fprintf(
            stderr,
            "holdfast: --interval takes a time from 1ms to 1min, such as 500ms, not '%s'.\n",
            printable(options.interval).c_str());
        return false;
    }
    if (!duration || *duration < 2 * *interval) {
        std::fprintf(stderr,
                     "holdfast: --duration takes a time from two intervals to a year, such as 60s, "
                     "10min or 24h, not '%s'.\n",
                     printable(options.duration).c_str());
        return false;
    }
    times = {*interval, *duration};
    // Now, and not after a day of measuring.
    return (options.save.empty() || can_write(options.save)) &&
           (options.svg.empty() || can_write(options.svg));
}

void note_interrupts() {
    struct sigaction action {};

    action.sa_handler = on_interrupt;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);

    // A terminal that goes away must not take a long measurement with it.
    struct sigaction before {};

    ::sigaction(SIGHUP, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);
}

bool interrupted() {
    return interrupts != 0;
}

measure::Measurement new_measurement(const char* kind, const BenchTimes& times) {
    measure::Measurement measurement;
    measurement.kind = kind;
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0) measurement.host = printable(name.data());
    measurement.begun_unix_s = ::time(nullptr);
    measurement.interval_s = std::chrono::duration<double>(times.interval).count();
    measurement.ended = "complete";
    return measurement;
}

void supervise_with_progress(measure::SharedResults& results,
                             const std::vector<std::string>& names,
                             const std::function<void(std::size_t)>& work,
                             const std::vector<std::function<void()>>& extra,
                             Duration duration,
                             measure::Measurement& measurement) {
    measure::SuperviseOptions supervision;
    supervision.duration = duration;
    supervision.interrupted = interrupted;
    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    Instant next_line = boottime_now() + kProgressLineEvery;
    supervision.progress = [&results, &next_line, terminal, duration] {
        const Instant now = boottime_now();
        // In a log a line now and then, on a terminal one that changes.
        if (!terminal && now < next_line) return;
        next_line = now + kProgressLineEvery;
        std::fprintf(stderr,
                     terminal ? "\r\033[K  %s" : "holdfast: %s\n",
                     measure::progress_text(results, duration, now).c_str());
        std::fflush(stderr);
    };
    const auto ends = measure::supervise(results, work, extra, supervision);
    if (terminal) std::fputs("\r\033[K", stderr);
    if (interrupted()) measurement.ended = "interrupted";
    const Instant now = boottime_now();
    for (std::size_t i = 0; i < names.size(); ++i) {
        measurement.targets.push_back(measure::report_of(names[i], results[i], ends[i], now));
    }
}

bool can_write(const std::string& path) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file >= 0) {
        ::close(file);
        return true;
    }
    std::fprintf(stderr,
                 "holdfast: %s cannot be written: %s. Nothing else was done.\n",
                 path.c_str(),
                 std::strerror(errno));
    return false;
}

bool write_file(const std::string& path, const std::string& content) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    const bool written =
        file != nullptr && std::fwrite(content.data(), 1, content.size(), file) == content.size();
    const int error = errno;
    if (file != nullptr && std::fclose(file) == 0 && written) return true;
    std::fprintf(
        stderr, "holdfast: %s cannot be written: %s\n", path.c_str(), std::strerror(error));
    return false;
}

int put_out(const BenchOptions& options, const measure::Measurement& measurement) {
    const std::string json = measure::to_json(measurement) + "\n";
    bool well = true;
    if (options.json) {
        std::fputs(json.c_str(), stdout);
    } else {
        std::fputs(measure::report_text(measurement).c_str(), stdout);
    }
    std::fflush(stdout);
    if (!options.save.empty()) well = write_file(options.save, json) && well;
    if (!options.svg.empty())
        well = write_file(options.svg, measure::measurement_chart(measurement)) && well;
    for (const measure::TargetReport& target : measurement.targets) {
        if (target.state != "complete") {
            well = false;
            if (options.json) {
                std::fprintf(stderr,
                             "holdfast: %s: %s %s\n",
                             target.name.c_str(),
                             target.state.c_str(),
                             target.problem.c_str());
            }
        }
        for (const measure::OperationReport& operation : target.operations) {
            well = well && operation.errors == 0;
        }
    }
    return well ? kYes : kNo;
}

}  // namespace holdfast::cli
