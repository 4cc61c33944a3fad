// A leader whose own storage is gone (design section 6, "Resigning").
#include <gtest/gtest.h>

#include "tests/unit/engine/forged_beat.h"

namespace holdfast::testing {
namespace {

class LostStorage : public ::testing::Test {
  protected:
    // A cluster that has formed, led by host 1; the times below count from now.
    void form(std::size_t hosts_count, const Timing& timing = kTimingFast) {
        cluster_ = std::make_unique<MiniCluster>(hosts_count, 3, timing);
        cluster_->run(20 * timing.lease);
        ASSERT_EQ(cluster_->leader(), 1);
        begun_ = cluster_->now();
    }

    MiniHost& host(int id) { return cluster_->host(id); }

    // How long after the beginning host `id` first said this; the longest time of all when it never did.
    [[nodiscard]] Duration said(int id, TraceCode code) {
        for (const Trace& trace : host(id).traces) {
            if (trace.code == code && trace.at >= begun_) return trace.at - begun_;
        }
        return Duration::max();
    }

    std::unique_ptr<MiniCluster> cluster_;
    Instant begun_;
};

TEST_F(LostStorage, ALeaderWhoseStorageIsGoneResignsWhileOthersHaveTheirs) {
    form(3, kTimingPatient);
    host(1).disks_hang = true;
    cluster_->run(seconds{30});
    const Duration resigned = said(1, TraceCode::StorageLeft);
    EXPECT_GE(resigned, leader_lease(kTimingPatient) / 2 - kTimingPatient.interval)
        << cluster_->story(1);
    EXPECT_LT(resigned, leader_lease(kTimingPatient) / 2 + 2 * kTimingPatient.interval);
    EXPECT_EQ(said(1, TraceCode::Resigned), resigned);
    EXPECT_LT(said(2, TraceCode::OfficeTaken), resigned + kTimingPatient.interval)
        << cluster_->story(2);
    EXPECT_EQ(cluster_->leader(), 2);
}

TEST_F(LostStorage, WhenItIsGoneForEverybodyNobodyResigns) {
    form(4);
    for (int id = 1; id <= 4; ++id) host(id).disks_hang = true;
    cluster_->run(seconds{10});
    for (int id = 1; id <= 4; ++id) EXPECT_FALSE(cluster_->saw(id, TraceCode::StorageLeft)) << id;
    EXPECT_TRUE(cluster_->saw(1, TraceCode::OfficeEnded)) << "by the clock";
}

TEST_F(LostStorage, ARoundThatBeganBeforeTheLeadersLastProvesNothing) {
    form(3);
    // What host 2 knows at most: a beat that the leader sent before its storage went.
    BeatNumber before;
    host(1).swallow = [&before](const Action& action) {
        if (const auto* send = std::get_if<SendBeat>(&action)) before = send->beat.number;
        return false;
    };
    cluster_->run(kTimingFast.interval * 2);
    host(1).swallow = nullptr;
    for (int id = 1; id <= 3; ++id) host(id).disks_hang = true;
    cluster_->run(leader_lease(kTimingFast) / 2);
    Beat beat = forged_beat(*cluster_, 2, 1, before);
    beat.round_after = BeatNumber{before.value() - 1};
    cluster_->step(1, BeatReceived{beat, 0});
    EXPECT_FALSE(cluster_->saw(1, TraceCode::StorageLeft)) << cluster_->story(1);
    beat.number = beat.number.next();
    beat.round_after = BeatNumber{before.value() + 2};
    cluster_->step(1, BeatReceived{beat, 0});
    EXPECT_TRUE(cluster_->saw(1, TraceCode::StorageLeft)) << "one that the leader sent after it";
}

TEST_F(LostStorage, WhoCouldNotLeadProvesNothing) {
    form(3);
    host(1).disks_hang = host(2).disks_hang = true;
    cluster_->power_off(3);
    cluster_->run(leader_lease(kTimingFast) / 2 + kTimingFast.interval);
    BeatNumber newest;
    host(1).swallow = [&newest](const Action& action) {
        if (const auto* send = std::get_if<SendBeat>(&action)) newest = send->beat.number;
        return false;
    };
    cluster_->run(kTimingFast.interval);
    Beat beat = forged_beat(*cluster_, 2, 1, newest);
    beat.round_after = newest;
    beat.flags.barred = true;
    cluster_->step(1, BeatReceived{beat, 0});
    EXPECT_FALSE(cluster_->saw(1, TraceCode::StorageLeft)) << cluster_->story(1);
    beat.number = beat.number.next();
    beat.flags.barred = false;
    beat.flags.isolated = true;
    cluster_->step(1, BeatReceived{beat, 0});
    EXPECT_FALSE(cluster_->saw(1, TraceCode::StorageLeft)) << cluster_->story(1);
}

// Why: with a member silent nobody is vouched for; the next leader's answers have to come before the lease is over.
TEST_F(LostStorage, ItsVmsLiveOnAlthoughAMemberIsSilent) {
    form(4);
    cluster_->run_vm(1, 1);
    cluster_->run(seconds{2});
    host(1).disks_hang = true;
    cluster_->power_off(4);
    cluster_->run(seconds{10});
    EXPECT_TRUE(host(1).destroyed.empty()) << cluster_->story(1);
    EXPECT_EQ(cluster_->runs_on(1), 1);
    EXPECT_GT(cluster_->leader(), 1) << "somebody else";
}

TEST_F(LostStorage, ALeaderWhoseStorageIsSlowStays) {
    form(3);
    host(1).io_time = milliseconds{350};
    cluster_->run(seconds{20});
    EXPECT_FALSE(cluster_->saw(1, TraceCode::StorageLeft)) << cluster_->story(1);
    EXPECT_EQ(cluster_->leader(), 1);
}

}  // namespace
}  // namespace holdfast::testing
