// hf_bench_failover: how long a VM is away when its host loses power, in the simulator, for each profile.
//
//     hf_bench_failover [--runs N] --json FILE
//
// Each run forms a cluster of three hosts with another seed and cuts the power of a follower or of the leader at
// another moment of the beat.  "away" runs from the loss of power until libvirt has resumed the VM elsewhere; the
// simulated libvirt takes 85 to 440 ms of that.  Exit code: 0, 1 a VM did not come back or a promise broke, 2 usage.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "bench/support/samples.h"
#include "tests/sim/run/wholeness.h"
#include "tests/sim/world/world.h"

namespace holdfast::bench {

namespace {

using sim::World;
using sim::WorldTime;

struct Profile {
    const char* name;
    Timing timing;
};

constexpr Profile kProfiles[] = {
    {"fast", kTimingFast}, {"standard", kTimingStandard}, {"patient", kTimingPatient}};

class DeathLog final : public sim::Log {
  public:
    void world(WorldTime, HostId, const std::string&) override {}

    void engine(WorldTime at, HostId, const Trace& trace) override {
        if (trace.code == TraceCode::DeclaredDead && !declared_at) declared_at = at;
    }

    std::optional<WorldTime> declared_at;
};

sim::ClusterConfig cluster_of(const Profile& profile, std::uint64_t seed) {
    sim::ClusterConfig cluster;
    cluster.seed = seed;
    cluster.profile = profile.name;
    cluster.timing = profile.timing;
    cluster.hosts.resize(3);
    for (std::uint16_t host = 1; host <= 3; ++host) {
        sim::VmConfig vm;
        vm.name = "vm" + std::to_string(host);
        vm.home = HostId{host};
        vm.runs_before_agent = true;
        cluster.vms.push_back(vm);
    }
    return cluster;
}

struct Times {
    double declared_s = 0;
    double away_s = 0;
};

// Nothing when the cluster did not form or the VM did not come back.
std::optional<Times> fail_over(const Profile& profile, bool of_leader, std::uint64_t seed) {
    DeathLog log;
    World world(cluster_of(profile, seed), &log);
    world.start();
    const WorldTime form_by = world.now() + 40 * profile.timing.dead;
    while (world.now() < form_by && (sim::missing_for_wholeness(world) || world.leader().is_none()))
        world.run_until(world.now() + profile.timing.interval);
    // Another moment of the beat each time.
    world.run_until(world.now() + 4 * profile.timing.lease +
                    profile.timing.interval * static_cast<int>(seed % 97) / 97);
    if (world.violation() || world.leader().is_none()) return std::nullopt;
    const HostId leader = world.leader();
    const HostId victim =
        of_leader ? leader : HostId{static_cast<std::uint16_t>(leader.value() % 3 + 1)};
    const auto vm = static_cast<sim::VmIndex>(victim.value() - 1U);
    if (world.where(vm) != victim) return std::nullopt;
    const WorldTime off_at = world.now();
    log.declared_at.reset();
    world.power_off(victim);
    while (!world.violation() && world.where(vm).is_none() &&
           world.now() < off_at + 10 * profile.timing.dead)
        world.run_until(world.now() + std::chrono::milliseconds{5});
    if (world.violation() || world.where(vm).is_none() || !log.declared_at) return std::nullopt;
    const auto seconds = [off_at](WorldTime at) {
        return static_cast<double>((at - off_at).count()) / 1e9;
    };
    return Times{seconds(*log.declared_at), seconds(world.now())};
}

bool measure(
    const Profile& profile, bool of_leader, int runs, std::FILE* out, const char* separator) {
    Samples declared;
    Samples away;
    for (int run = 1; run <= runs; ++run) {
        const auto times = fail_over(profile, of_leader, static_cast<std::uint64_t>(run));
        if (!times) {
            std::fprintf(stderr,
                         "FAILED failover: profile %s, %s, seed %d: the VM did not come back\n",
                         profile.name,
                         of_leader ? "leader" : "follower",
                         run);
            return false;
        }
        declared.add(times->declared_s);
        away.add(times->away_s);
    }
    std::fprintf(
        out,
        R"(%s{"profile":"%s","victim":"%s","runs":%d,"declared_p50_s":%.3f,"declared_p99_s":%.3f,)"
        R"("away_p50_s":%.3f,"away_p99_s":%.3f})",
        separator,
        profile.name,
        of_leader ? "leader" : "follower",
        runs,
        declared.quantile(0.5),
        declared.quantile(0.99),
        away.quantile(0.5),
        away.quantile(0.99));
    return true;
}

int run(int runs, const std::string& json) {
    std::FILE* out = std::fopen(json.c_str(), "w");
    if (out == nullptr) {
        std::fprintf(stderr, "hf_bench_failover: %s: %s\n", json.c_str(), std::strerror(errno));
        return 2;
    }
    bool all = true;
    const char* separator = "[\n";
    for (const Profile& profile : kProfiles) {
        for (const bool of_leader : {false, true}) {
            all = measure(profile, of_leader, runs, out, separator) && all;
            separator = ",\n";
        }
    }
    std::fputs("\n]\n", out);
    std::fclose(out);
    return all ? 0 : 1;
}

}  // namespace

}  // namespace holdfast::bench

int main(int argc, char** argv) {
    int runs = 50;
    std::string json;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string word = argv[i];
        if (word == "--runs") runs = std::atoi(argv[i + 1]);
        if (word == "--json") json = argv[i + 1];
    }
    if (json.empty() || runs <= 0) {
        std::fputs("usage: hf_bench_failover [--runs N] --json FILE\n", stderr);
        return 2;
    }
    return holdfast::bench::run(runs, json);
}
