// What `holdfast bench datastore` and `holdfast bench net` have in common: time limits, Ctrl-C, output.
#pragma once

#include <string>

#include "agent/cli/measure_options.h"
#include "agent/measure/measurement.h"
#include "engine/base/types.h"

namespace holdfast::cli {

struct BenchTimes {
    Duration interval{};
    Duration duration{};
};

// Checks what both commands check.  False: a sentence was printed, and the exit code is kUsage.
[[nodiscard]] bool parse_times(const BenchOptions& options, BenchTimes& times);

// From now on Ctrl-C and SIGTERM are noted instead of ending the process; the second one ends it.
void note_interrupts();
[[nodiscard]] bool interrupted();

// Measures in processes of their own and appends one report for each of `names`.  Shows progress on terminals.
void supervise_with_progress(measure::SharedResults& results,
                             const std::vector<std::string>& names,
                             const std::function<void(std::size_t)>& work,
                             const std::vector<std::function<void()>>& extra,
                             Duration duration,
                             measure::Measurement& measurement);

// A measurement with the host's name and the present time.
[[nodiscard]] measure::Measurement new_measurement(const char* kind, const BenchTimes& times);

// Prints and writes what was asked for; the exit code.
[[nodiscard]] int put_out(const BenchOptions& options, const measure::Measurement& measurement);

// Whether `path` can be written, asked before a measurement that would be lost; false: a sentence was printed.
[[nodiscard]] bool can_write(const std::string& path);

// Writes a file as a whole; false: a sentence was printed.
[[nodiscard]] bool write_file(const std::string& path, const std::string& content);

}  // namespace holdfast::cli
