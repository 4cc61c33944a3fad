// What the command line said, as plain values, so that only arguments.cc pays for the parser.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/config.h"

namespace holdfast::cli {

// Exit codes of every command: scripts may rely on them.
enum Exit : int {
    kYes = 0,          // yes, healthy, done
    kNo = 1,           // no, degraded, refused, failed
    kUsage = 2,        // usage or configuration
    kUnreachable = 3,  // the agent does not answer
};

struct FormatOptions {
    std::vector<std::string> paths;
    std::string cluster_uuid;
    std::uint32_t hosts_max = 64;
    std::string heap = "1MiB";
    bool force = false;
    bool local_filesystem = false;
    bool json = false;
};

struct InspectOptions {
    std::string path;
    std::string region;  // empty: all
    std::uint16_t host = 0;
    bool json = false;
};

struct InitOptions {
    std::string config = kConfigFileDefault;
    std::string key_file = "/etc/holdfast/cluster.key";
    std::string cluster_uuid;  // empty: a new one
    std::string cluster_name = "holdfast";
    std::uint16_t host_id = 0;
    std::vector<std::string> members;        // id=name=address[,address…]
    std::vector<std::string> datastores;     // name=path
    std::vector<std::string> vm_datastores;  // name=path
    std::string profile = "standard";
    bool json = false;
};

struct StatusOptions {
    std::string config = kConfigFileDefault;
    bool watch = false;
    bool json = false;
};

struct EventsOptions {
    std::string config = kConfigFileDefault;
    bool follow = false;
    double since_s = 0;
    bool json = false;
};

struct ReplayOptions {
    std::vector<std::string> logs;  // files or folders
    double from_s = 0;
    double to_s = 0;  // 0: to the end
    bool quiet = false;
    std::string timing;  // a profile or key=value,…; empty: as recorded
    bool json = false;
};

struct GuardOptions {
    std::string config = kConfigFileDefault;
    std::string uuid;
    std::string name;
    bool incoming = false;
    std::uint32_t arrival = 0;
};

struct GoodbyeOptions {
    std::string config = kConfigFileDefault;
};

struct ConfirmDeadOptions {
    std::string config = kConfigFileDefault;
    std::string host;   // name or id
    std::string typed;  // the host's name again; empty: ask on the terminal
    bool json = false;
};

struct MaintenanceOptions {
    std::string config = kConfigFileDefault;
    std::string host;   // name or id
    std::string state;  // on or off
    bool json = false;
};

struct DatastoreOptions {
    std::string config = kConfigFileDefault;
    std::string act;                // add, retire or replace
    std::string name;               // as in the configuration files
    std::string by;                 // with replace
    bool without_majority = false;  // with retire: nobody leads, and a person says what is lost
    std::string typed;              // the name again, instead of typing it when asked
    bool json = false;
};

struct MemberOptions {
    std::string config = kConfigFileDefault;
    std::string act;  // add or remove
    std::uint16_t id = 0;
    std::string name;                    // of one that is added
    std::vector<std::string> addresses;  // one for each link
    bool json = false;
};

struct CheckOptions {
    std::string config = kConfigFileDefault;
    bool json = false;
};

int run_format(const FormatOptions& options);
int run_inspect(const InspectOptions& options);
int run_init(const InitOptions& options);
int run_status(const StatusOptions& options);
int run_events(const EventsOptions& options);
int run_replay(const ReplayOptions& options);
int run_guard(const GuardOptions& options);
int run_goodbye(const GoodbyeOptions& options);
int run_confirm_dead(const ConfirmDeadOptions& options);
int run_maintenance(const MaintenanceOptions& options);
int run_datastore(const DatastoreOptions& options);
int run_member(const MemberOptions& options);
int run_check(const CheckOptions& options);

// Parses the command line and runs the command.
int run_command_line(int count, const char* const* values);

}  // namespace holdfast::cli
