#include "tests/sim/latency/stall_player.h"

#include <cmath>
#include <memory>

#include "tests/sim/world/world.h"

namespace holdfast::sim {

namespace {

constexpr std::uint16_t kHosts = 3;
constexpr double kSettleS = 60;  // until leadership and leases stand

class LapseCounter final : public Log {
  public:
    void world(WorldTime /*at*/, HostId /*host*/, const std::string& /*text*/) override {}

    void engine(WorldTime at, HostId /*host*/, const Trace& trace) override {
        if (trace.code == TraceCode::LeaseLapsed && at - kWorldStart > std::chrono::seconds{60})
            ++lapses;
    }

    std::uint64_t lapses = 0;
};

Duration span_of(double seconds) {
    return Duration{std::llround(seconds * 1e9)};
}

// Hangs and frees the paths of the hosts in turn; reminder 2h begins a stall of host h, 2h + 1 ends it.
class Driver {
  public:
    Driver(World& world, const StallSource& source, double interval_s, std::uint64_t seed)
        : world_(world), source_(source), interval_s_(interval_s), random_(seed) {
        world_.on_reminder([this](std::uint32_t index) { act(index); });
        for (std::uint16_t host = 1; host <= kHosts; ++host) plan(host, kSettleS);
    }

  private:
    void plan(std::uint16_t host, double after_s) {
        next_[host - 1U] = source_(random_);
        const double pause = std::max(next_[host - 1U].pause_s, 0.01);
        world_.remind(world_.now() + span_of(after_s + pause), 2U * host);
    }

    void act(std::uint32_t index) {
        const auto host = static_cast<std::uint16_t>(index / 2);
        PathFault fault;
        if (index % 2 == 0) {
            // A gap holds half an interval of waiting for the next beat, on average.
            const double stall = next_[host - 1U].gap_s - interval_s_ / 2;
            if (stall <= 0) {
                plan(host, 0);
                return;
            }
            fault.mode = PathMode::Hang;
            world_.remind(world_.now() + span_of(stall), index + 1);
        }
        world_.set_path(0, HostId{host}, fault);
        if (index % 2 == 1) plan(host, 0);
    }

    World& world_;
    const StallSource& source_;
    double interval_s_;
    std::mt19937_64 random_;
    std::array<MeasuredStall, kHosts> next_{};
};

}  // namespace

StallSource stalls_like(const measure::RenewalHistory& history) {
    const double pause =
        history.observed_s / static_cast<double>(std::max<std::size_t>(history.gaps.size(), 1));
    return [gaps = history.gaps, pause](std::mt19937_64& random) {
        MeasuredStall stall;
        std::uniform_int_distribution<std::size_t> any(0, gaps.size() - 1);
        stall.gap_s = gaps.at(any(random)).length_s;
        stall.pause_s = std::exponential_distribution<double>(1 / pause)(random) - stall.gap_s;
        return stall;
    };
}

StallRun play_stalls(const StallSource& source,
                     double interval_s,
                     const Timing& timing,
                     double lasts_s,
                     std::uint64_t seed) {
    ClusterConfig config;
    config.seed = seed;
    config.profile = "measured";
    config.timing = timing;
    config.voters_count = 1;
    config.datastores_count = 1;
    config.hosts.resize(kHosts);
    config.codecs = false;
    LapseCounter counter;
    World world(config, &counter);
    world.start();
    LinkFault cut;
    cut.cut = true;
    for (std::uint16_t from = 1; from <= kHosts; ++from) {
        for (std::uint16_t to = 1; to <= kHosts; ++to) {
            if (from != to) world.set_link(HostId{from}, HostId{to}, 0, cut);
        }
    }
    const Driver driver(world, source, interval_s, seed);
    world.run_until(kWorldStart + span_of(kSettleS + lasts_s));
    StallRun run;
    run.lapses = counter.lapses;
    run.host_seconds = lasts_s * kHosts;
    if (world.violation())
        run.violation = std::string(world.violation()->promise) + ": " + world.violation()->text;
    return run;
}

}  // namespace holdfast::sim
