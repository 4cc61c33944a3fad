// ClusterConfig: the cluster that a run simulates, and how its hardware behaves when nothing is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/limits.h"
#include "engine/base/types.h"
#include "engine/machine/engine.h"
#include "engine/machine/roster.h"
#include "engine/machine/timing.h"
#include "tests/sim/world/time.h"

namespace holdfast::sim {

struct Span {
    Duration low{};
    Duration high{};
};

struct VmConfig {
    std::string name;
    HostId home;  // where it is defined and started at first
    std::uint32_t memory_mib = 64;
    Priority priority = Priority::Medium;
    bool runs_before_agent = false;  // it already runs when the agent is installed on its host
    bool autostart = false;          // libvirt wants to start it after a boot of its home
    IsolationResponse isolation = IsolationResponse::Cluster;
    std::vector<std::string> after{};  // names of VMs
    std::string apart{};               // groups; empty: none
    std::string together{};
    Duration agent_after{};  // it has run, its guest agent is up; zero: it has none
    std::vector<std::string> networks{};
};

struct HostConfig {
    std::uint32_t memory_mib = 2048;
    std::int64_t drift_ppm = 0;
    bool fence_device = false;  // others can cut its power
    std::vector<std::string> networks{};
    bool joins_later = false;  // the files of the others do not name it
};

struct ClusterConfig {
    std::uint64_t seed = 1;
    std::string profile = "fast";
    bool tight = false;  // the dead time is the shortest that is safe
    Timing timing = kTimingFast;
    WatchdogClass watchdog_class = WatchdogClass::Hardware;
    bool accept_weak_watchdog = false;
    Duration blackout_limit = std::chrono::minutes{5};
    std::uint8_t voters_count = 3;
    std::uint8_t datastores_count = 3;
    std::uint8_t links_count = 1;
    bool relations = false;       // VMs have to do with each other
    bool networks_known = false;  // to the agents
    std::vector<HostConfig> hosts;
    std::vector<VmConfig> vms;

    Span io_latency{microseconds{100}, microseconds{600}};
    std::uint32_t late_permille = 500;  // of the writes and feedings that may be late, so many are
    std::uint32_t io_spike_permille = 0;  // of I/Os, take io_spike instead
    Span io_spike{milliseconds{10}, milliseconds{90}};
    Span net_latency{microseconds{50}, microseconds{300}};
    Span vm_call_begins{milliseconds{2}, milliseconds{30}};
    Span vm_create{milliseconds{80}, milliseconds{400}};
    Span vm_resume{milliseconds{3}, milliseconds{40}};
    Span vm_destroy{milliseconds{20}, milliseconds{200}};
    Span vm_shutdown{milliseconds{300}, seconds{3}};  // of a guest that was asked to
    Duration shutdown_limit = seconds{5};
    std::uint32_t deaf_guest_permille = 0;  // of the guests that are asked, so many do nothing
    bool isolation_address = true;          // one is configured
    Span fence_call{milliseconds{200}, milliseconds{1500}};  // `off`, and `status`
    Duration fence_limit = seconds{20};  // a call that hangs is killed after this
    Span fence_undone{Duration::zero(),
                      Duration::zero()};          // people switch on what was cut; zero: not
    Span vm_copy{milliseconds{300}, seconds{4}};  // of a live migration
    std::uint32_t migrations_fail_permille = 0;   // for each thing that can go wrong with one
    Span boot{seconds{3}, seconds{12}};
    Span first_boot{Duration::zero(), seconds{1}};
    Span agent_starts{milliseconds{100}, milliseconds{1500}};  // after the boot
    bool joiners_boot = true;       // hosts that join later are there from the beginning
    bool boots_after_reset = true;  // a host that was reset comes back by itself
    Span tick_late{microseconds{5}, microseconds{200}};

    std::string record_folder;       // every agent's flight log goes there; empty: none
    bool codecs = true;              // every record and beat goes through the shipped formats
    bool quiet_beats = true;         // engines take their short way, see EngineConfig
    Star star;                       // a smaller mesh makes a star of a small cluster
    bool twins = false;              // each is compared with one that takes the long way
    bool vm_changes_echoed = false;  // libvirt's events repeat what the engine's own calls did
    bool torn_writes = false;        // a write that its host's death interrupts may be half-done
    bool torn_reads = false;         // a roster read beside its write may see half of it
    bool late_writes = false;        // a dead host's write on a hung path lands when the path heals
    bool lost_answers = false;       // on the last voter some I/Os that hung are never answered
    bool copies_by_parity = false;   // a write overwrites the copy of its parity, be it the newest
    bool late_watchdogs = false;     // watchdogs fire late by up to nine tenths of the granularity
    bool late_feeds = false;         // a keeper that stopped in time may feed once more (timing.h)
    bool early_reads = true;  // some reads show what was there at submission, not at completion

    [[nodiscard]] std::size_t majority() const { return voters_count / 2U + 1U; }
};

}  // namespace holdfast::sim
