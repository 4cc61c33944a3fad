#include "tests/sim/run/scale_run.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "engine/machine/timing.h"
#include "tests/sim/run/final_act.h"
#include "tests/sim/run/wholeness.h"
#include "tests/sim/world/world.h"

namespace holdfast::sim {

namespace {

constexpr std::uint32_t kVmsOfFullHost = kRosterEntriesMax - 3;  // some room for those that come
constexpr Duration kLookEvery = milliseconds{500};

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// The last hosts hold as many VMs as they can, until those that are to be lost have a home; the rest lies evenly on the others.
ClusterConfig cluster_of(const ScaleRun& run, std::vector<HostId>& victims) {
    ClusterConfig cluster;
    cluster.seed = run.seed;
    cluster.profile = "standard";
    cluster.timing = kTimingStandard;
    cluster.voters_count = cluster.datastores_count = 1;
    cluster.codecs = run.codecs;
    cluster.isolation_address = false;
    cluster.hosts.resize(run.hosts_count);
    for (HostConfig& host : cluster.hosts) host.memory_mib = 1024 * 1024;
    std::uint32_t lost = 0;
    auto full = static_cast<std::uint16_t>(run.hosts_count);
    const auto add = [&cluster](HostId home) {
        VmConfig vm;
        vm.name = "vm" + std::to_string(cluster.vms.size() + 1);
        vm.home = home;
        vm.runs_before_agent = true;
        cluster.vms.push_back(vm);
    };
    while (lost < run.lost_vms_count) {
        const std::uint32_t here = std::min(kVmsOfFullHost, run.lost_vms_count - lost);
        victims.emplace_back(full);
        for (std::uint32_t i = 0; i < here; ++i) add(HostId{full});
        lost += here;
        --full;
    }
    for (std::uint32_t i = 0; cluster.vms.size() < run.vms_count; ++i)
        add(HostId{static_cast<std::uint16_t>(i % full + 1)});
    return cluster;
}

std::size_t missing_vms(const World& world) {
    std::size_t count = 0;
    for (VmIndex vm = 0; vm < world.vms().size(); ++vm)
        count += world.where(vm).is_none() ? 1U : 0U;
    return count;
}

bool failed(const World& world, std::FILE* out, const char* stage) {
    if (world.violation()) {
        std::fprintf(out,
                     "FAILED while %s: %s: %s\n",
                     stage,
                     world.violation()->promise.c_str(),
                     world.violation()->text.c_str());
        return true;
    }
    return false;
}

// Until everybody is a member and every VM runs and is claimed.
bool form(World& world, std::FILE* out) {
    const WorldTime limit = world.now() + std::chrono::minutes{20};
    std::optional<std::string> missing = "it has not begun";
    while (!world.violation() && missing && world.now() < limit) {
        world.run_until(world.now() + kLookEvery);
        missing = missing_for_wholeness(world);
        for (std::uint16_t h = 1; h <= world.hosts_count() && !missing; ++h) {
            for (const Claim& claim : world.host(HostId{h}).engine->own_roster().claims) {
                if (claim.state != ClaimState::Running) missing = "a claim is not settled";
            }
        }
    }
    if (failed(world, out, "forming")) return false;
    if (missing) std::fprintf(out, "FAILED: the cluster did not form: %s\n", missing->c_str());
    return !missing;
}

struct Costs {
    double cpu = 0;
    WorldTime at{};
    std::uint64_t steps = 0;
    std::uint64_t beats = 0;
    std::uint64_t scans = 0;
};

Costs costs_now(World& world) {
    return {cpu_seconds(),
            world.now(),
            world.tally().of(Count::Steps),
            world.tally().of(Count::BeatsSent),
            world.tally().of(Count::Scans)};
}

void print_costs(std::FILE* out, const char* what, const Costs& before, const Costs& after) {
    std::fprintf(out,
                 "%-28s %8.1f s simulated, %8.1f s of CPU, %llu steps, %llu beats, %llu scans\n",
                 what,
                 in_seconds(after.at - before.at),
                 after.cpu - before.cpu,
                 static_cast<unsigned long long>(after.steps - before.steps),
                 static_cast<unsigned long long>(after.beats - before.beats),
                 static_cast<unsigned long long>(after.scans - before.scans));
}

void print_leader(std::FILE* out, const World::StepCost& cost) {
    std::fprintf(
        out,
        "leader, CPU: costliest step %.2f ms, with orders %.2f ms; from the proof of death "
        "until all orders are out %.2f ms; all %llu steps of the failover %.2f s\n",
        cost.step_max_ms,
        cost.plan_max_ms,
        cost.plan_all_ms,
        static_cast<unsigned long long>(cost.steps),
        cost.all_ms / 1e3);
}

void print_memory(std::FILE* out) {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    std::fprintf(out, "memory: %.2f GiB at most\n", static_cast<double>(usage.ru_maxrss) / 1048576);
}

}  // namespace

bool run_at_scale(const ScaleRun& run, std::FILE* out) {
    std::vector<HostId> victims;
    World world(cluster_of(run, victims), nullptr);
    std::fprintf(out,
                 "%u hosts, %zu VMs; %zu hosts with %u VMs will die at one moment\n",
                 run.hosts_count,
                 world.vms().size(),
                 victims.size(),
                 run.lost_vms_count);
    std::fflush(out);
    const Costs began = costs_now(world);
    world.start();
    if (!form(world, out)) return false;
    const Costs formed = costs_now(world);
    print_costs(out, "formed, all VMs claimed:", began, formed);
    std::fflush(out);
    world.run_until(world.now() + seconds{10});
    const Costs idled = costs_now(world);
    print_costs(out, "idle:", formed, idled);
    std::fflush(out);
    if (failed(world, out, "idle")) return false;

    for (const HostId victim : victims) world.power_off(victim);
    const WorldTime off_at = world.now();
    const WorldTime limit = off_at + promised_time(world);
    world.watch_cpu(world.leader());
    while (!world.violation() && missing_vms(world) > 0 && world.now() < limit)
        world.run_until(world.now() + milliseconds{100});
    const Costs restarted = costs_now(world);
    print_costs(out, "all VMs run again:", idled, restarted);
    if (failed(world, out, "restarting")) return false;
    print_leader(out, world.watched());
    const std::size_t missing = missing_vms(world);
    if (missing > 0) {
        std::fprintf(out,
                     "FAILED: %zu VMs do not run %.1f s after their hosts died\n",
                     missing,
                     in_seconds(world.now() - off_at));
        return false;
    }
    world.run_until(world.now() + seconds{10});
    print_costs(out, "calm again:", restarted, costs_now(world));
    print_memory(out);
    return !failed(world, out, "calm again");
}

}  // namespace holdfast::sim
