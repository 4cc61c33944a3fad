#include "tests/sim/run/seed_run.h"

#include "tests/sim/fault/fault_driver.h"
#include "tests/sim/fault/plan.h"
#include "tests/sim/run/final_act.h"
#include "tests/sim/run/picture.h"
#include "tests/sim/run/wholeness.h"
#include "tests/sim/world/world.h"

namespace holdfast::sim {

namespace {

constexpr Duration kLook = milliseconds{500};
// A cluster that is whole stays so for this long, or it was chance.
constexpr Duration kCalm = seconds{6};

void become_whole(World& world) {
    const WorldTime healed_at = world.now();
    const WorldTime limit = healed_at + wholeness_limit(world);
    WorldTime whole_since = kWorldNever;
    std::optional<std::string> missing;
    while (!world.violation() && world.now() < limit) {
        world.end_maintenance();
        world.run_until(world.now() + kLook);
        missing = missing_for_wholeness(world);
        if (missing) {
            whole_since = kWorldNever;
        } else if (whole_since == kWorldNever) {
            whole_since = world.now();
        } else if (world.now() - whole_since >= kCalm) {
            world.tally().settle_max = whole_since - healed_at;
            return;
        }
    }
    if (!world.violation()) {
        world.fail("L1",
                   text_of("%.0f s after the last fault %s",
                           in_seconds(world.now() - healed_at),
                           missing ? missing->c_str() : "the cluster is not calm"));
    }
}

}  // namespace

SeedResult run_seed(std::uint64_t seed, Log* log, const RunWays& ways) {
    Plan plan = plan_of(seed);
    if (ways.minutes != 0) plan.faults_last = std::chrono::minutes{ways.minutes};
    plan.cluster.codecs = ways.codecs;
    plan.cluster.record_folder = ways.record_folder;
    plan.cluster.quiet_beats = ways.quiet_beats;
    plan.cluster.twins = ways.twins;
    if (ways.star) plan.cluster.star = {2, 1, 0};
    World world(plan.cluster, log);
    FaultDriver driver(plan, world);
    const WorldTime faults_end = kWorldStart + plan.faults_begin_after + plan.faults_last;
    world.start();
    driver.start(kWorldStart + plan.faults_begin_after, faults_end);
    world.run_until(faults_end);
    if (!world.violation()) {
        world.say(HostId{}, "all faults are healed");
        driver.heal();
        become_whole(world);
        Chance chance(seed);
        if (!world.violation()) lose_one_host(world, chance);
    }
    SeedResult result;
    if (world.violation() && log != nullptr) {
        for (const std::string& line : picture_of(world)) world.say(HostId{}, line);
    }
    result.seed = seed;
    result.minutes = ways.minutes;
    result.violation = world.violation();
    result.plan = describe(plan);
    result.tally = world.tally();
    result.tally.runs_count = 1;
    result.tally.simulated = world.now() - kWorldStart;
    result.fingerprint = world.fingerprint();
    return result;
}

}  // namespace holdfast::sim
