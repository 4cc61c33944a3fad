// holdfast bench datastore: the beat pattern of an agent, measured from this host.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "agent/cli/measure_options.h"
#include "agent/cli/measure_output.h"
#include "agent/cli/options.h"
#include "agent/measure/datastore_job.h"
#include "agent/text.h"

namespace holdfast::cli {

namespace {

constexpr std::uint32_t kLoadMax = 64;

bool split_backends(const std::string& text, std::vector<std::string>& backends) {
    static const std::set<std::string> kKnown{"auto", "io_uring", "libaio", "plain"};
    std::size_t begin = 0;
    while (begin <= text.size()) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        std::string name = text.substr(begin, end - begin);
        if (name == "all") {
            backends.insert(backends.end(), {"io_uring", "libaio", "plain"});
        } else if (kKnown.contains(name)) {
            backends.push_back(std::move(name));
        } else {
            std::fprintf(stderr,
                         "holdfast: --backends does not know '%s': give any of auto, io_uring, "
                         "libaio, plain, "
                         "with commas between them, or all.\n",
                         name.c_str());
            return false;
        }
        begin = end + 1;
    }
    return true;
}

// One name for one place.  Links are followed only among devices: a storage that hangs must not hang the command.
std::string plain_path(const std::string& path) {
    std::error_code ignored;
    const auto whole = std::filesystem::absolute(path, ignored).lexically_normal();
    if (!whole.string().starts_with("/dev/")) return whole.string();
    const auto device = std::filesystem::weakly_canonical(whole, ignored);
    return ignored ? whole.string() : device.string();
}

bool check(const BenchOptions& options) {
    if (options.hosts < 1 || options.hosts > kHostsMax || options.host < 1 ||
        options.host > options.hosts) {
        std::fprintf(stderr,
                     "holdfast: --hosts takes 1 to %u, and --host one of them.\n",
                     static_cast<unsigned>(kHostsMax));
        return false;
    }
    if (options.load > kLoadMax) {
        std::fprintf(stderr, "holdfast: --load takes up to %u workers.\n", kLoadMax);
        return false;
    }
    std::set<std::string> seen;
    for (const std::string& path : options.targets) {
        if (seen.insert(plain_path(path)).second) continue;
        std::fprintf(stderr, "holdfast: %s is named twice.\n", printable(path).c_str());
        return false;
    }
    return true;
}

void measure_phase(const std::vector<measure::DatastoreJob>& jobs,
                   std::uint32_t load,
                   measure::Measurement& measurement) {
    measure::SharedResults results(jobs.size());
    std::vector<std::string> names;
    for (const measure::DatastoreJob& job : jobs) names.push_back(job.path);
    std::vector<std::function<void()>> extra;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        for (std::uint32_t worker = 0; worker < load; ++worker) {
            extra.emplace_back([&jobs, &results, i, worker] {
                // Not before the target is known to be one.
                while (!results[i].stop.load() && results[i].begun_at.load() == 0) {
                    const timespec pause{0, 10'000'000};
                    ::nanosleep(&pause, nullptr);
                }
                measure::load_datastore(jobs[i], results[i], worker + 1);
            });
        }
    }
    const std::size_t first = measurement.targets.size();
    supervise_with_progress(
        results,
        names,
        [&jobs, &results](std::size_t i) { measure::measure_datastore(jobs[i], results[i]); },
        extra,
        jobs.front().duration,
        measurement);
    // One that never came to open it still says which back-end was asked for.
    for (std::size_t i = first; i < measurement.targets.size(); ++i) {
        if (measurement.targets[i].backend.empty())
            measurement.targets[i].backend = jobs.front().backend;
    }
}

}  // namespace

int run_bench_datastore(const BenchOptions& options) {
    BenchTimes times;
    std::vector<std::string> backends;
    if (!parse_times(options, times) || !check(options) ||
        !split_backends(options.backends, backends))
        return kUsage;
    note_interrupts();
    measure::Measurement measurement = new_measurement("datastore", times);
    measurement.hosts = options.hosts;
    measurement.load = options.load;
    std::set<std::string> lost;
    for (const std::string& backend : backends) {
        if (interrupted()) break;
        std::vector<measure::DatastoreJob> jobs;
        for (const std::string& path : options.targets) {
            // What failed or hangs does so for the next back-end as well.
            if (lost.contains(path)) continue;
            jobs.push_back({path,
                            backend,
                            times.interval,
                            times.duration,
                            options.hosts,
                            HostId{options.host}});
        }
        if (jobs.empty()) break;
        if (backends.size() > 1)
            std::fprintf(stderr, "holdfast: measuring with %s\n", backend.c_str());
        measure_phase(jobs, options.load, measurement);
        for (const measure::TargetReport& target : measurement.targets) {
            if (target.state != "complete") lost.insert(target.name);
        }
    }
    return put_out(options, measurement);
}

}  // namespace holdfast::cli
