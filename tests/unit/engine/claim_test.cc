// Claim, then scan, then start: and every way to withdraw.
#include <gtest/gtest.h>

#include "engine/machine/own_vms.h"
#include "tests/unit/engine/mini_cluster.h"

namespace holdfast::testing {
namespace {

// Three hosts, host 1 leads, and VM 1 waits for a new host since host 2 was powered off and on again.  Host 3 is the only one with
// room.
struct Waiting {
    MiniCluster cluster{3, 3, kTimingFast};

    // `meanwhile` sees the actions of host 3.
    explicit Waiting(std::function<bool(const Action&)> meanwhile) {
        for (const int id : {1, 2}) cluster.send(id, CapacityReport{{0, 0, 1}});
        cluster.run(seconds{3});
        cluster.run_vm(2, 1);
        cluster.run(seconds{3});
        cluster.host(3).swallow = std::move(meanwhile);
        cluster.power_off(2);
        cluster.run(milliseconds{500});
        cluster.power_on(2);
        cluster.send(2, CapacityReport{{0, 0, 1}});
    }

    MiniHost& target() { return cluster.host(3); }

    // A person starts the VM on host 1 and stops it again.
    void person_starts_and_stops() {
        cluster.send(1, StartAsked{7, vm_spec(1)});
        cluster.run(seconds{1});
        ASSERT_FALSE(cluster.host(1).answers.empty());
        ASSERT_EQ(cluster.host(1).answers.back().verdict, StartVerdict::Allowed);
        cluster.run_vm(1, 1);
        cluster.run(milliseconds{300});
        cluster.host(1).running.clear();
        cluster.send(1, VmStopped{vm_spec(1).vm, StopCause::ByUser});
    }
};

TEST(Claim, TheKeeperIsArmedBeforeTheFirstClaimIsWrittenAndTheClaimBeforeTheStart) {
    std::vector<std::string> order;
    const Engine* engine = nullptr;
    Waiting waiting([&](const Action& action) {
        const auto note = [&order](const char* what) {
            if (std::find(order.begin(), order.end(), what) == order.end())
                order.emplace_back(what);
        };
        if (is<ArmKeeper>(action)) note("arm");
        if (is<WriteRoster>(action) && !engine->own_roster().claims.empty()) note("claim");
        if (is<ScanSlots>(action) && !order.empty() && order.back() == "announce") note("scan");
        if (is<WriteSlot>(action) && !order.empty() && order.back() == "claim") note("announce");
        if (is<StartVm>(action)) note("start");
        return false;
    });
    engine = waiting.target().engine.get();
    waiting.cluster.run(seconds{6});
    EXPECT_EQ(waiting.cluster.runs_on(1), 3) << waiting.cluster.story(3);
    EXPECT_EQ(order, (std::vector<std::string>{"arm", "claim", "announce", "scan", "start"}));
}

TEST(Claim, WithoutTheKeepersWordNothingIsClaimed) {
    bool claimed = false;
    const Engine* engine = nullptr;
    Waiting waiting([&](const Action& action) {
        if (!is<WriteRoster>(action)) return is<ArmKeeper>(action);
        for (const Claim& claim : engine->own_roster().claims) claimed = claimed || claim.holds();
        return false;
    });
    engine = waiting.target().engine.get();
    waiting.cluster.run(seconds{10});
    EXPECT_FALSE(claimed) << waiting.cluster.story(3);
    EXPECT_EQ(waiting.cluster.runs_on(1), 0);
}

TEST(Claim, OnAMinorityOfTheDatastoresItStartsNothing) {
    Waiting waiting([](const Action& action) {
        const auto* write = std::get_if<WriteRoster>(&action);
        return write != nullptr && write->datastore != 0;
    });
    waiting.cluster.run(seconds{20});
    EXPECT_EQ(waiting.cluster.runs_on(1), 0) << waiting.cluster.story(3);
    EXPECT_FALSE(waiting.cluster.saw(3, TraceCode::VmCreated));
}

TEST(Claim, AScanThatBeganBeforeTheClaimWasHeldDoesNotCount) {
    bool claimed = false;
    Waiting waiting([&claimed](const Action& action) {
        if (is<ArmKeeper>(action)) claimed = true;
        return claimed && is<ScanSlots>(action);
    });
    waiting.cluster.run(seconds{4});
    EXPECT_FALSE(waiting.cluster.saw(3, TraceCode::ClaimHeld)) << waiting.cluster.story(3);
}

// Nobody else claims the VM, and nobody stopped it: only the orders no longer name this host.
TEST(Claim, AnOrderThatWasWithdrawnIsNotExecuted) {
    bool hold = true;
    Waiting waiting([&hold](const Action& action) { return hold && is<ArmKeeper>(action); });
    waiting.cluster.run(seconds{1});
    ASSERT_TRUE(waiting.cluster.saw(3, TraceCode::OrderTaken)) << waiting.cluster.story(3);
    waiting.cluster.host(1).swallow = [](const Action& action) { return is<WriteOrders>(action); };
    auto orders = std::make_unique<Orders>(waiting.cluster.disks()[0].orders[1]);
    ASSERT_EQ(orders->orders.size(), 1U);
    orders->orders.clear();
    orders->version = orders->version.next();
    waiting.cluster.step(3,
                         OrdersRead{0, RequestId{}, HostId{1}, RegionReading::Valid, orders.get()});
    hold = false;
    waiting.cluster.step(3, KeeperReport{1, seconds{1}, WatchdogClass::Hardware});
    waiting.cluster.run(seconds{2});
    EXPECT_FALSE(waiting.cluster.saw(3, TraceCode::VmCreated)) << waiting.cluster.story(3);
    EXPECT_TRUE(waiting.cluster.saw(3, TraceCode::ClaimWithdrawn)) << waiting.cluster.story(3);
}

// Why: the order was right when it was given, and its leader is too slow to take it back.
TEST(Claim, AnOrderDoesNotRaiseAVmThatWasStoppedSince) {
    bool hold = true;
    Waiting waiting([&hold](const Action& action) { return hold && is<ArmKeeper>(action); });
    waiting.cluster.run(seconds{1});
    ASSERT_TRUE(waiting.cluster.saw(3, TraceCode::OrderTaken)) << waiting.cluster.story(3);
    waiting.cluster.host(1).swallow = [](const Action& action) { return is<WriteOrders>(action); };
    waiting.person_starts_and_stops();
    waiting.cluster.run(milliseconds{300});
    hold = false;
    waiting.cluster.step(3, KeeperReport{1, seconds{1}, WatchdogClass::Hardware});
    waiting.cluster.run(seconds{2});
    EXPECT_FALSE(waiting.cluster.saw(3, TraceCode::VmCreated)) << waiting.cluster.story(3);
    waiting.cluster.host(1).swallow = nullptr;
    waiting.cluster.run(seconds{30});
    EXPECT_EQ(waiting.cluster.runs_on(1), 0) << waiting.cluster.story(3);
}

// Why: the greatest number of a VM decides whether it should run, and a claim that was withdrawn decides nothing.
TEST(Claim, AVmThatWasStoppedStaysStoppedWhenAHigherClaimIsWithdrawn) {
    bool hold = false;
    Waiting waiting([&hold](const Action& action) {
        return is<ArmKeeper>(action) || (hold && is<ReadOrders>(action));
    });
    waiting.cluster.run(seconds{1});
    hold = true;
    ASSERT_TRUE(waiting.cluster.saw(3, TraceCode::OrderTaken)) << waiting.cluster.story(3);
    waiting.person_starts_and_stops();
    waiting.cluster.run(milliseconds{300});
    waiting.cluster.step(3, KeeperReport{1, seconds{1}, WatchdogClass::Hardware});
    waiting.cluster.run(seconds{5});
    EXPECT_TRUE(waiting.cluster.saw(3, TraceCode::ClaimWithdrawn)) << waiting.cluster.story(3);
    hold = false;
    waiting.cluster.run(seconds{30});
    EXPECT_EQ(waiting.cluster.runs_on(1), 0) << waiting.cluster.story(3);
}

TEST(Claim, APersonsStartWaitsForTheProofThatTheVmIsGone) {
    MiniCluster cluster(1, 1, kTimingFast);
    cluster.run(seconds{2});
    cluster.run_vm(1, 1);
    cluster.run(seconds{2});
    cluster.host(1).running.clear();
    cluster.host(1).vm_side_hangs = true;
    cluster.restart_agent(1);
    cluster.run(seconds{1});
    ASSERT_EQ(cluster.host(1).engine->phase(), HostPhase::Member);
    cluster.step(1, StartAsked{7, vm_spec(1)});
    ASSERT_EQ(cluster.host(1).answers.size(), 1U);
    EXPECT_EQ(cluster.host(1).answers[0].verdict, StartVerdict::Busy);
}

TEST(Claim, IsStruckOnlyAfterTheProof) {
    MiniCluster cluster(1, 1, kTimingFast);
    cluster.run(seconds{2});
    cluster.run_vm(1, 1);
    cluster.run(seconds{2});
    cluster.host(1).running.clear();
    cluster.host(1).vm_side_hangs = true;
    cluster.restart_agent(1);
    cluster.run(seconds{5});
    EXPECT_TRUE(cluster.disks()[0].rosters[1].claims[0].holds());
    EXPECT_EQ(cluster.disks()[0].rosters[1].claims[0].number, ClaimNumber{1});
    cluster.step(1, VmGone{vm_spec(1).vm});
    cluster.run(seconds{1});
    EXPECT_NE(cluster.disks()[0].rosters[1].claims[0].state, ClaimState::Running);
}

TEST(Claim, TwoPeopleWhoStartOneVmDoNotBothGetIt) {
    MiniCluster cluster(3, 3, kTimingFast);
    cluster.run(seconds{3});
    for (const int id : {2, 3}) cluster.send(id, StartAsked{7, vm_spec(1)});
    cluster.run(seconds{5});
    unsigned allowed = 0;
    for (const int id : {2, 3}) {
        for (const AnswerStart& answer : cluster.host(id).answers)
            allowed += answer.verdict == StartVerdict::Allowed ? 1U : 0U;
    }
    EXPECT_LE(allowed, 1U) << cluster.story(2) << cluster.story(3);
}

TEST(Claim, AnExecutedOrderIsNotExecutedAgainByTheNextAgent) {
    bool once = false;
    Waiting waiting([&once](const Action& action) {
        once = once || is<StartVm>(action);
        return false;
    });
    waiting.cluster.host(1).swallow = nullptr;
    for (int i = 0; i < 8000 && !once; ++i) waiting.cluster.run(milliseconds{1});
    ASSERT_TRUE(once);
    waiting.cluster.host(1).swallow = [](const Action& action) { return is<WriteOrders>(action); };
    waiting.cluster.run(milliseconds{500});
    ASSERT_EQ(waiting.cluster.runs_on(1), 3);
    // Its QEMU ends while there is no agent; the order stands on the datastores still.
    waiting.target().running.clear();
    once = false;
    waiting.cluster.restart_agent(3);
    waiting.cluster.run(seconds{3});
    ASSERT_EQ(waiting.target().engine->phase(), HostPhase::Member);
    EXPECT_TRUE(waiting.cluster.saw(3, TraceCode::VmProvedGone));
    EXPECT_FALSE(once) << waiting.cluster.story(3);
}

// ---- starts that never show up

struct Person {
    MiniCluster cluster{3, 3, kTimingFast};

    Person() {
        cluster.run(seconds{3});
        cluster.send(2, StartAsked{7, vm_spec(1)});
        cluster.run(seconds{1});
        EXPECT_EQ(cluster.host(2).answers.back().verdict, StartVerdict::Allowed);
        EXPECT_TRUE(claimed());
    }

    [[nodiscard]] bool claimed() {
        for (const Claim& claim : cluster.disks()[0].rosters[2].claims) {
            if (claim.holds()) return true;
        }
        return false;
    }
};

TEST(Claim, AnAllowedStartThatNeverAppearsIsGivenBackAfterTheProof) {
    Person person;
    person.cluster.host(2).vm_side_hangs = true;
    person.cluster.run(kAppearWithin - seconds{3});
    EXPECT_FALSE(person.cluster.saw(2, TraceCode::StartUnanswered));
    person.cluster.run(seconds{10});
    EXPECT_TRUE(person.cluster.saw(2, TraceCode::StartUnanswered)) << person.cluster.story(2);
    EXPECT_EQ(person.cluster.host(2).destroyed.size(), 1U);
    EXPECT_TRUE(person.claimed()) << "not proved gone yet";
    person.cluster.step(2, VmGone{vm_spec(1).vm});
    person.cluster.run(seconds{1});
    EXPECT_FALSE(person.claimed()) << person.cluster.story(2);
    EXPECT_TRUE(person.cluster.disks()[0].rosters[2].claims.empty()) << "as if not asked";
    person.cluster.run(seconds{20});
    for (const int id : {1, 2, 3})
        EXPECT_FALSE(person.cluster.saw(id, TraceCode::VmCreated)) << "nobody wanted it to run";
}

TEST(Claim, AnAllowedStartThatAppearsLateIsKept) {
    Person person;
    person.cluster.run(kAppearWithin - seconds{10});
    person.cluster.run_vm(2, 1);
    person.cluster.run(seconds{30});
    EXPECT_TRUE(person.cluster.host(2).destroyed.empty()) << person.cluster.story(2);
    EXPECT_EQ(person.cluster.runs_on(1), 2);
}

// The hook asks faster than holdfast-vm reports: VM 1 was stopped and is being started again when the word of its stop arrives.
TEST(Claim, TheEndOfTheRunBeforeDoesNotStrikeTheClaimOfTheNextStart) {
    Person person;
    MiniCluster& cluster = person.cluster;
    cluster.run_vm(2, 1);
    cluster.run(seconds{1});
    cluster.host(2).running.clear();
    cluster.send(2, StartAsked{8, vm_spec(1)});
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::ByUser});
    cluster.run(seconds{1});
    EXPECT_EQ(cluster.host(2).answers.back().verdict, StartVerdict::Allowed);
    EXPECT_TRUE(person.claimed()) << cluster.story(2);
    cluster.send(3, StartAsked{9, vm_spec(1)});
    cluster.run(seconds{2});
    EXPECT_EQ(cluster.host(3).answers.back().verdict, StartVerdict::RunsElsewhere);
    cluster.run_vm(2, 1);
    cluster.run(seconds{200});
    EXPECT_TRUE(person.claimed()) << cluster.story(2);
    EXPECT_TRUE(cluster.host(2).destroyed.empty()) << cluster.story(2);
    // The end of this run is one.
    cluster.host(2).running.clear();
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::ByUser});
    cluster.run(seconds{1});
    EXPECT_FALSE(person.claimed()) << cluster.story(2);
}

// Asked twice before the first start was reported to have failed.
TEST(Claim, AFailedStartDoesNotStrikeTheClaimOfTheOneAfterIt) {
    Person person;
    MiniCluster& cluster = person.cluster;
    cluster.send(2, StartAsked{8, vm_spec(1)});
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::Crashed});
    cluster.run(seconds{1});
    EXPECT_TRUE(person.claimed()) << cluster.story(2);
    cluster.send(2, VmStopped{vm_spec(1).vm, StopCause::Crashed});
    cluster.run(seconds{1});
    EXPECT_FALSE(person.claimed()) << cluster.story(2);
}

TEST(Claim, AStartThatLibvirtDoesNotAnswerKeepsItsClaimUntilProvedGone) {
    Waiting waiting([](const Action&) { return false; });
    waiting.target().vm_side_hangs = true;
    waiting.cluster.run(kAppearWithin);
    ASSERT_TRUE(waiting.cluster.saw(3, TraceCode::ClaimHeld)) << waiting.cluster.story(3);
    waiting.cluster.run(seconds{20});
    EXPECT_TRUE(waiting.cluster.saw(3, TraceCode::StartUnanswered)) << waiting.cluster.story(3);
    EXPECT_TRUE(waiting.cluster.disks()[0].rosters[3].claims[0].holds());
    waiting.cluster.step(3, VmGone{vm_spec(1).vm});
    waiting.cluster.run(milliseconds{400});
    EXPECT_FALSE(waiting.cluster.disks()[0].rosters[3].claims[0].holds());
}

}  // namespace
}  // namespace holdfast::testing
