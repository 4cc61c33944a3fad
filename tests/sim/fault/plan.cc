#include "tests/sim/fault/plan.h"

#include "tests/sim/check/violation.h"
#include "tests/sim/world/chance.h"

namespace holdfast::sim {

namespace {

void draw_hardware(ClusterConfig& cluster, Chance& chance) {
    const std::size_t hosts_count = 3 + chance.below(3);
    const bool standard = chance.permille(350);
    cluster.profile = standard ? "standard" : "fast";
    cluster.timing = standard ? kTimingStandard : kTimingFast;
    static constexpr std::array<std::uint8_t, 6> kVoters = {1, 3, 3, 3, 3, 5};
    cluster.voters_count = kVoters[chance.below(kVoters.size())];
    cluster.datastores_count = cluster.voters_count;
    if (chance.permille(150)) ++cluster.datastores_count;
    cluster.links_count = chance.permille(250) ? 2 : 1;

    // No drift, a little, or the extremes: the bounds are what `dead` is made for.
    const std::uint64_t drift = chance.below(3);
    for (std::size_t i = 0; i < hosts_count; ++i) {
        HostConfig host;
        if (drift == 1) host.drift_ppm = chance.between(-100, 100);
        if (drift == 2) host.drift_ppm = chance.permille(500) ? kDriftPpmMax : -kDriftPpmMax;
        host.memory_mib = 2048;
        cluster.hosts.push_back(host);
    }
    const std::uint64_t array = chance.below(4);
    if (array == 1) cluster.io_latency = {milliseconds{1}, milliseconds{8}};
    if (array == 2) cluster.io_latency = {microseconds{100}, milliseconds{30}};
    if (chance.permille(300))
        cluster.io_spike_permille = static_cast<std::uint32_t>(1 + chance.below(30));
    if (chance.permille(300)) cluster.net_latency = {microseconds{100}, milliseconds{20}};
    if (chance.permille(300)) cluster.tick_late = {microseconds{50}, milliseconds{15}};
    if (chance.permille(200)) cluster.boot = {seconds{2}, seconds{4}};
    cluster.vm_changes_echoed = chance.permille(400);
    cluster.torn_writes = chance.permille(500);
    cluster.torn_reads = chance.permille(400);
    cluster.late_writes = chance.permille(150);
    cluster.late_feeds = chance.permille(500);
    cluster.lost_answers = chance.permille(100);
    cluster.early_reads = chance.permille(800);
}

// What came later draws from numbers of its own, so that the runs of old seeds stay what they were as far as can be.
void draw_extremes(ClusterConfig& cluster, Chance own) {
    // The shortest dead time that is safe: nothing is left to spare.
    if (own.permille(250)) {
        Timing& timing = cluster.timing;
        timing.dead = dead_min(timing.lease, timing.watchdog, timing.granularity, timing.landing);
        cluster.tight = true;
    }
    cluster.late_watchdogs = own.permille(300);
    if (own.permille(700)) cluster.migrations_fail_permille = 120;
}

void draw_vms(ClusterConfig& cluster, Chance& chance) {
    const std::size_t vms_count = 2 + chance.below(8);
    for (std::size_t i = 0; i < vms_count; ++i) {
        VmConfig vm;
        vm.name = text_of("vm%zu", i + 1);
        vm.home = HostId{static_cast<std::uint16_t>(1 + chance.below(cluster.hosts.size()))};
        vm.memory_mib = static_cast<std::uint32_t>(64 << chance.below(3));
        vm.priority = static_cast<Priority>(chance.between(2, 6));
        vm.runs_before_agent = chance.permille(150);
        vm.autostart = chance.permille(200);
        cluster.vms.push_back(vm);
    }
}

// From numbers of their own: runs keep what they had before there were policies.
void draw_policies(ClusterConfig& cluster, Chance& chance) {
    cluster.isolation_address = chance.permille(700);
    cluster.deaf_guest_permille = chance.permille(300) ? 400 : 0;
    cluster.shutdown_limit = chance.spread(seconds{1}, seconds{20});
    if (!chance.permille(600)) return;
    for (VmConfig& vm : cluster.vms) {
        if (chance.permille(600))
            vm.isolation = static_cast<IsolationResponse>(1 + chance.below(3));
    }
}

// What VMs have to do with each other; from numbers of its own.  Circles, names of nobody and groups larger than the cluster are
// part of it: none of them may keep for ever what could run.
void draw_relations(ClusterConfig& cluster, std::uint64_t seed) {
    Chance own(Prng(seed ^ 0x7e1a7105U).next());
    if (!own.permille(300)) return;
    for (VmConfig& vm : cluster.vms) {
        if (own.permille(300)) vm.apart = own.permille(500) ? "left" : "right";
        if (own.permille(300)) vm.together = own.permille(500) ? "shop" : "bank";
        if (own.permille(300)) vm.agent_after = own.between(seconds{1}, seconds{8});
        for (std::uint64_t i = own.permille(400) ? 1 + own.below(2) : 0; i > 0; --i) {
            const std::uint64_t which = 1 + own.below(cluster.vms.size() + 1);
            const std::string name = text_of("vm%llu", static_cast<unsigned long long>(which));
            if (name != vm.name) vm.after.push_back(own.permille(400) ? name + ":agent" : name);
        }
    }
    cluster.relations = true;
}

// From numbers of its own, so that runs without fence devices stay what they were.
void draw_fencing(ClusterConfig& cluster, std::uint64_t seed) {
    Chance own(Prng(seed ^ 0xfe0ce).next());
    if (!own.permille(350)) return;
    for (HostConfig& host : cluster.hosts) host.fence_device = own.permille(800);
    cluster.fence_undone = {seconds{2}, seconds{60}};
}

}  // namespace

Plan plan_of(std::uint64_t seed) {
    // Mixed once before use: neighbouring seeds of this generator would share their numbers, one place apart.
    Chance chance(Prng(seed).next());
    Plan plan;
    plan.cluster.seed = chance.next();
    draw_hardware(plan.cluster, chance);
    draw_vms(plan.cluster, chance);
    draw_fencing(plan.cluster, seed);
    draw_relations(plan.cluster, seed);

    Chance policies(Prng(seed ^ 0x9011c1e5U).next());
    draw_policies(plan.cluster, policies);

    // Mostly shorter than the run: what a barred host has to wait for should happen in it.
    Chance limit(Prng(seed ^ 0x9e3779b97f4a7c15U).next());
    if (limit.permille(850)) plan.cluster.blackout_limit = limit.spread(seconds{2}, seconds{60});
    Chance losses(Prng(seed ^ 0x105eULL).next());
    plan.loses_datastores = losses.permille(150) && plan.cluster.voters_count > 1 &&
                            !plan.cluster.lost_answers && !plan.cluster.late_writes;
    Chance joiner(Prng(seed ^ 0x901e5ULL).next());
    if (joiner.permille(200)) {
        plan.cluster.hosts.push_back(plan.cluster.hosts.back());
        plan.cluster.hosts.back().joins_later = true;
    }
    draw_extremes(plan.cluster, Chance(Prng(seed ^ 0x7e57ab1e5eedU).next()));

    // Between two and about half of all kinds, each at its own pace.
    const std::uint64_t density = 80 + chance.below(350);
    // Each kind draws from numbers of its own, so that a new kind changes no other.
    for (std::size_t kind = 0; kind < kFaultKindsCount; ++kind) {
        Chance own(Prng(seed ^ (kind + 1) * 0x2545f4914f6cdd1dU).next());
        if (own.permille(density)) plan.mean_interval[kind] = own.spread(seconds{8}, seconds{120});
    }
    // In every such run, for chance alone would hardly meet it.
    if (plan.loses_datastores)
        plan.mean_interval[static_cast<std::size_t>(FaultKind::LoseDatastores)] =
            losses.spread(seconds{30}, seconds{200});
    plan.hosts_down_max =
        static_cast<std::uint32_t>(1 + chance.below(plan.cluster.hosts.size() - 1));
    // A VM that ran before the agent came is nobody's until the agent has claimed it.
    bool early = chance.permille(100);
    for (const VmConfig& vm : plan.cluster.vms) early = early && !vm.runs_before_agent;
    plan.faults_begin_after = early ? Duration{seconds{1}} : Duration{seconds{10}};
    plan.faults_last = chance.between(Duration{seconds{240}}, Duration{seconds{300}});
    plan.one_stays_dead = chance.permille(300);
    return plan;
}

std::string describe(const Plan& plan) {
    const ClusterConfig& cluster = plan.cluster;
    std::string text =
        text_of("%zu hosts, %u voting datastores%s, %zu VMs, profile %s",
                cluster.hosts.size(),
                cluster.voters_count,
                cluster.datastores_count > cluster.voters_count ? " and a spare" : "",
                cluster.vms.size(),
                cluster.profile.c_str());
    if (cluster.hosts.back().joins_later) text += ", one host joins later";
    if (cluster.torn_writes) text += ", torn writes";
    if (cluster.torn_reads) text += ", torn reads";
    if (cluster.late_writes) text += ", late writes";
    if (cluster.late_feeds) text += ", late feeds";
    if (cluster.late_watchdogs) text += ", late watchdogs";
    if (cluster.tight) text += ", the shortest dead time";
    if (cluster.lost_answers) text += ", lost answers";
    if (cluster.fence_undone.high > Duration::zero()) text += ", fence devices";
    if (cluster.relations) text += ", VMs apart, together and after each other";
    text += "; faults:";
    for (std::size_t kind = 0; kind < kFaultKindsCount; ++kind) {
        if (plan.mean_interval[kind] > Duration::zero())
            text += std::string(" ") + name_of(static_cast<FaultKind>(kind)) + ",";
    }
    if (text.back() == ',') text.pop_back();
    return text;
}

}  // namespace holdfast::sim
