// Config: what /etc/holdfast/holdfast.toml says, checked.  docs/CONFIGURATION.md is the contract.
//
// Every program of the agent loads the same file through load_config() and starts only when it has no error.  An error
// text holds one line for each finding, "FILE:LINE: what is wrong, with numbers and the way out. [HF-1nnn]", so that a
// person mends a file once and not once a line.  Reading the file is all the I/O that happens here.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/machine/roster.h"
#include "engine/machine/timing.h"
#include "engine/machine/trace.h"

namespace holdfast {

inline constexpr const char* kConfigFileDefault = "/etc/holdfast/holdfast.toml";
inline constexpr const char* kAcceptWeakWatchdog =
    "I accept that a hung host may run its VMs twice";

// The program that cuts a member's power, and what it gets on its standard input as key=value lines.  Holds secrets: never printed.
struct FenceConfig {
    std::string program;  // an absolute path; empty: this member has no fence device
    Duration timeout = std::chrono::seconds{30};  // of each call
    std::vector<std::pair<std::string, std::string>> options;

    [[nodiscard]] bool is_none() const { return program.empty(); }
};

struct MemberConfig {
    HostId id;
    std::string name;
    std::vector<std::string> addresses;  // literal, one per link
    FenceConfig fence;
};

// A heartbeat datastore or a VM datastore.
struct PathConfig {
    std::string name;
    std::string path;
};

struct Config {
    std::string file;  // where this was read

    ClusterUuid cluster_uuid;
    std::string cluster_name = "holdfast";
    std::string key_file = "/etc/holdfast/cluster.key";

    HostId self;
    std::uint32_t memory_reserve_mib = 1024;

    std::string profile = "standard";
    Timing timing = kTimingStandard;  // the profile with its overrides; is_safe() holds

    Duration blackout_limit = std::chrono::minutes{5};  // see docs/CONFIGURATION.md

    std::vector<MemberConfig> members;      // ascending by id, this host included
    std::vector<PathConfig> datastores;     // heartbeat datastores, 1..kDatastoresMax
    std::uint8_t voters_count = 0;          // the first 1, 3 or 5 of them vote
    std::vector<PathConfig> vm_datastores;  // position i is bit i of VmSpec::datastores

    std::uint16_t port = 7420;
    std::vector<std::string> isolation_addresses;

    IsolationResponse isolation_response = IsolationResponse::Leave;  // of VMs that say nothing
    Duration shutdown_limit = std::chrono::minutes{2};  // for guests that are asked to shut down

    std::string watchdog_device = "/dev/watchdog";  // or "none", or "stand-in:PATH"
    bool accept_weak_watchdog = false;

    std::string io_backend = "auto";  // auto | io_uring | libaio, before HOLDFAST_IO
    bool shared_filesystem_check = true;

    std::string libvirt_uri = "qemu:///system";

    std::string log_file = "/var/log/holdfast/holdfast.log";
    TraceLevel log_level = TraceLevel::Info;
    std::uint64_t flight_bytes_max = 1U << 30U;  // of all flight logs together; 0: none are kept

    std::string run_dir = "/run/holdfast";
    std::string state_dir = "/var/lib/holdfast";

    // REQUIRES: the configuration was loaded without an error (members contains self).
    [[nodiscard]] const MemberConfig& self_member() const;
    // The member's name, or "host N" for one that is not in the list.
    [[nodiscard]] std::string host_name(HostId host) const;

    [[nodiscard]] std::string run_path(const std::string& name) const {
        return run_dir + "/" + name;
    }
};

// Reads, parses and checks the file.
[[nodiscard]] Result<Config> load_config(const std::string& path);

// The same for text that is already in memory; `file` is the name that messages use.
[[nodiscard]] Result<Config> parse_config(const std::string& content, const std::string& file);

}  // namespace holdfast
