// Disk Paxos as a property: whatever candidates, crashes and slow datastores do, an epoch has one winner, and two leader
// leases never overlap.
//
// Each case draws its own cluster and its own accidents from a number; a failure names the number.  Datastores take up to
// two beats, beats get lost, hosts die between any two of their writes: several candidates are at work most of the time.
#include <gtest/gtest.h>

#include "engine/base/prng.h"
#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

constexpr std::uint64_t kCases = 60;
constexpr Duration kMoment = milliseconds{20};

class Accidents {
  public:
    explicit Accidents(std::uint64_t number)
        : prng_(Prng(number).next()),
          hosts_count_(2 + prng_.below(4)),
          cluster_(hosts_count_, static_cast<std::uint8_t>(1 + 2 * prng_.below(3)), kTimingFast) {
        for (int id = 1; id <= static_cast<int>(hosts_count_); ++id) {
            // Whom nobody answers is barred only for a moment: there should be many candidates.
            cluster_.host(id).adjust = [](EngineConfig& config) {
                config.blackout_limit = milliseconds{250};
            };
            cluster_.host(id).kept.reset();
            cluster_.restart_agent(id);
            strike(id);
        }
    }

    // What was broken; nothing when all went well.
    [[nodiscard]] std::string run(Duration span) {
        const Instant end = cluster_.now() + span;
        while (cluster_.now() < end) {
            if (prng_.below(4) == 0) strike(1 + static_cast<int>(prng_.below(hosts_count_)));
            cluster_.run(kMoment);
            if (cluster_.leader() == -1) return "two hosts lead\n" + stories();
        }
        return two_winners();
    }

    [[nodiscard]] std::size_t epochs_count() const { return winners_.size(); }

  private:
    void strike(int id) {
        MiniHost& host = cluster_.host(id);
        switch (prng_.below(12)) {
            case 0: cluster_.power_off(id); return;
            case 1:
                if (host.powered) cluster_.restart_agent(id);
                return;
            case 2:
            case 3: host.net_in = !host.net_in; return;
            case 4: host.net_out = !host.net_out; return;
            case 5: host.disks_hang = host.powered && prng_.below(3) == 0; return;
            default: break;
        }
        if (!host.powered) cluster_.power_on(id);
        host.io_time = milliseconds{
            1 + static_cast<std::int64_t>(prng_.below(prng_.below(2) == 0 ? 400 : 30))};
    }

    std::string two_winners() {
        for (int id = 1; id <= static_cast<int>(hosts_count_); ++id) {
            for (const Trace& trace : cluster_.host(id).traces) {
                if (trace.code != TraceCode::EpochDecided) continue;
                const auto known = winners_.emplace(trace.epoch, trace.who).first;
                if (known->second != trace.who) return "an epoch has two winners\n" + stories();
            }
        }
        return {};
    }

    std::string stories() {
        std::string text;
        for (int id = 1; id <= static_cast<int>(hosts_count_); ++id) text += cluster_.story(id);
        return text;
    }

    Prng prng_;
    std::size_t hosts_count_;
    MiniCluster cluster_;
    std::map<Epoch, HostKey> winners_;
};

TEST(PaxosProperty, AnEpochHasOneWinner) {
    std::size_t epochs_count = 0;
    for (std::uint64_t number = 1; number <= kCases; ++number) {
        Accidents accidents(number);
        ASSERT_EQ(accidents.run(seconds{40}), "") << "case " << number;
        epochs_count += accidents.epochs_count();
    }
    EXPECT_GT(epochs_count, kCases);  // or the accidents leave nobody time to win
}

}  // namespace
}  // namespace holdfast::testing
