// What the command line said to `holdfast bench` and `holdfast tune`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/config.h"

namespace CLI {
class App;
}  // namespace CLI

namespace holdfast::cli {

struct BenchOptions {
    std::vector<std::string> targets;  // paths, or peers' addresses
    std::string interval = "500ms";
    std::string duration = "60s";
    std::string backends = "auto";
    std::uint32_t hosts = 64;
    std::uint16_t host = 1;
    std::uint32_t load = 0;
    bool json = false;
    std::string save;  // a file for the JSON
    std::string svg;   // a file for the picture
    // net
    bool listen = false;
    std::string bind;  // own address; empty: any
    std::uint16_t port = 7422;
    std::string key_file;
};

struct TuneOptions {
    std::string config = kConfigFileDefault;
    std::vector<std::string> files;
    bool from_agent = false;
    std::string false_alarms = "1/century";
    std::string tolerate_outage;  // empty: none
    std::string watchdog;         // empty: what the device can do
    std::string lease_from = "storage";
    std::string interval;  // empty: found
    std::string landing;
    std::string granularity;
    std::string lease;  // judge this one instead of looking for one
    std::string peer;   // for the route of the beats
    std::string svg;
    std::string timing;  // to be applied as it is, instead of looking for one
    bool apply = false;
    bool json = false;
};

int run_bench_datastore(const BenchOptions& options);
int run_bench_net(const BenchOptions& options);
int run_tune(const TuneOptions& options);

struct MeasureOptions {
    BenchOptions datastore;
    BenchOptions net;
    TuneOptions tune;
};

// Adds `bench` and `tune` to the command line.  `options` must outlive the parsing.
void add_measure_commands(CLI::App& app, MeasureOptions& options);

// Runs what was asked for, if it was one of these: the exit code; -1 otherwise.
int dispatch_measure(const CLI::App& app, const MeasureOptions& options);

}  // namespace holdfast::cli
