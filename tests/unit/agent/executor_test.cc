// A decision goes stale between the engine and the act: the executor looks at its own clock right before it hands one over.
#include "agent/daemon/executor.h"

#include <memory>
#include <variant>

#include <gtest/gtest.h>

#include "storage/slot_format.h"

namespace holdfast {
namespace {

Instant fake_now{std::chrono::seconds{100}};

Instant fake_clock() {
    return fake_now;
}

class ExecutorTest : public testing::Test {
  protected:
    ExecutorTest() {
        EngineConfig config;
        config.self = HostId{1};
        config.host_uuid.bytes.fill(1);
        config.boot_id.bytes.fill(2);
        config.timing = kTimingFast;
        config.members.push(HostId{1});
        config.voters_count = 1;
        config.datastores_count = 1;
        config.incarnation = Incarnation{0, 1};
        engine_ = std::make_unique<Engine>(config, fake_now);
        cluster_.bytes.fill(9);
        executor_ = std::make_unique<Executor>(Executor::Surroundings{cluster_,
                                                                      {{&port_, &store_}},
                                                                      1,
                                                                      directory_.get(),
                                                                      kept_.get(),
                                                                      vm_,
                                                                      control_,
                                                                      beats_,
                                                                      page_,
                                                                      sink_,
                                                                      &fake_clock});
    }

    void execute(const Action& action) {
        actions_->clear();
        actions_->push(action);
        executor_->execute(*actions_, *engine_);
    }

    Wakeup wakeup_;
    Wakeup store_;
    DatastorePort port_{wakeup_};
    Channel<VmCommand> vm_{4, wakeup_};
    Channel<ControlCommand> control_{16, wakeup_};
    Channel<Beat> beats_{16, wakeup_};
    KeeperPage page_{};
    LogSink sink_{16, wakeup_};
    ClusterUuid cluster_;
    std::unique_ptr<ConfigRecord> directory_ = std::make_unique<ConfigRecord>();
    std::unique_ptr<Seqlock<KeptMembership>> kept_ = std::make_unique<Seqlock<KeptMembership>>();
    std::unique_ptr<Engine> engine_;
    std::unique_ptr<Executor> executor_;
    std::unique_ptr<Actions> actions_ = std::make_unique<Actions>();
};

StartVm start_order(Instant valid_until) {
    StartVm start;
    start.spec.vm.bytes.fill(7);
    start.claim = ClaimNumber{3};
    start.valid_until = valid_until;
    return start;
}

TEST_F(ExecutorTest, StartIsHandedOverOnlyBeforeValidUntil) {
    execute(start_order(fake_now + Duration{1}));
    VmCommand command;
    ASSERT_TRUE(vm_.ring.try_pop(command));
    EXPECT_TRUE(std::holds_alternative<StartVm>(command));
    VmReport report;
    EXPECT_FALSE(executor_->take_own_report(report));

    execute(start_order(fake_now));
    EXPECT_FALSE(vm_.ring.try_pop(command));
    ASSERT_TRUE(executor_->take_own_report(report));
    EXPECT_EQ(std::get<VmStarted>(report).failure, StartFailure::Lease);
    EXPECT_EQ(std::get<VmStarted>(report).claim, ClaimNumber{3});
}

TEST_F(ExecutorTest, ResumeIsHandedOverOnlyBeforeValidUntil) {
    ResumeVm resume;
    resume.claim = ClaimNumber{4};
    resume.valid_until = fake_now;
    execute(resume);
    VmCommand command;
    EXPECT_FALSE(vm_.ring.try_pop(command));
    VmReport report;
    ASSERT_TRUE(executor_->take_own_report(report));
    EXPECT_EQ(std::get<VmResumed>(report).failure, StartFailure::Lease);
}

// Why: a destroy that is lost would leave a VM running whose host has lost its lease.
TEST_F(ExecutorTest, DestroysThatDoNotFitWaitInOrder) {
    for (std::uint8_t i = 1; i <= 10; ++i) {
        DestroyVm destroy;
        destroy.vm.bytes.fill(i);
        execute(destroy);
    }
    std::uint8_t expected = 1;
    VmCommand command;
    for (int round = 0; round < 10; ++round) {
        while (vm_.ring.try_pop(command)) {
            EXPECT_EQ(std::get<DestroyVm>(command).vm.bytes[0], expected++);
        }
        executor_->flush_waiting();
    }
    EXPECT_EQ(expected, 11);
}

TEST_F(ExecutorTest, ScanGoesOutTogetherWithTheWriteBeforeIt) {
    // The fresh engine's own slot is not fit for writing yet, so only the requests' order is looked at.
    actions_->clear();
    actions_->push(ScanSlots{0, RequestId{2}, HostId{1}, HostId{4}});
    executor_->execute(*actions_, *engine_);
    PortRequest asked;
    ASSERT_TRUE(port_.requests.try_pop(asked));
    const DatastoreRequest& request = asked.request;
    EXPECT_EQ(request.kind, DatastoreRequestKind::ScanSlots);
    EXPECT_EQ(request.last, HostId{4});
    EXPECT_FALSE(request.with_next);
}

TEST_F(ExecutorTest, KeeperFollowsTheEngine) {
    execute(ArmKeeper{5, fake_now + Duration{10}});
    EXPECT_EQ(page_.arming.load(), 5U);
    execute(MoveDeadline{fake_now + Duration{20}});
    EXPECT_EQ(page_.deadline_ns.load(), (fake_now + Duration{20}).time_since_epoch().count());
    execute(DisarmKeeper{});
    EXPECT_EQ(page_.deadline_ns.load(), kNoDeadline);
    execute(ResetHost{});
    EXPECT_LE(page_.deadline_ns.load(), fake_now.time_since_epoch().count());
}

}  // namespace
}  // namespace holdfast
