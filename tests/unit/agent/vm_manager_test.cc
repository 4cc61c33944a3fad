// VmManager with a hypervisor, processes and a clock that the test drives: what is said, when, and what is not.
#include "agent/vm/vm_manager.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "agent/text.h"
#include "agent/vm/xml_blob.h"
#include "engine/base/name_hash.h"

namespace holdfast {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr const char* kUuid = "0120a4f9-196a-4f9e-b9f5-23f31f914da7";
constexpr ClaimNumber kClaim{7};

struct FakeHypervisor final : Hypervisor {
    std::vector<std::string> asked;

    void connect() override { asked.emplace_back("connect"); }

    void list() override { asked.emplace_back("list"); }

    void read(const VmId& /*vm*/) override { asked.emplace_back("read"); }

    void start(StartRequest /*request*/) override { asked.emplace_back("start"); }

    void resume(const VmId& /*vm*/, ClaimNumber /*claim*/, Instant /*until*/) override {
        asked.emplace_back("resume");
    }

    void destroy(const VmId& /*vm*/) override { asked.emplace_back("destroy"); }

    void shutdown(const VmId& /*vm*/) override { asked.emplace_back("shutdown"); }

    void forget(ConnectionNumber /*connection*/) override {}

    // How often it was asked for this since the last time.
    int take(const std::string& what) { return static_cast<int>(std::erase(asked, what)); }
};

struct FakeProcesses final : QemuProcesses {
    std::set<VmId> living;
    bool dies_when_killed = true;
    int kills = 0;

    void look() override {}

    [[nodiscard]] bool lives(const VmId& vm) const override { return living.contains(vm); }

    int kill(const VmId& vm) override {
        ++kills;
        if (dies_when_killed) living.erase(vm);
        return 1;
    }
};

struct FakeOutbox final : Outbox {
    std::vector<vm_protocol::Message> sent;

    void send(vm_protocol::Message message) override { sent.push_back(std::move(message)); }

    template <typename T>
    std::vector<T> take() {
        std::vector<T> found;
        std::erase_if(sent, [&](const vm_protocol::Message& message) {
            const T* content = std::get_if<T>(&message);
            if (content != nullptr) found.push_back(*content);
            return content != nullptr;
        });
        return found;
    }
};

class VmManagerTest : public ::testing::Test {
  protected:
    VmManagerTest()
        : folder_(make_folder()),
          marks_(*StartMarks::open(folder_)),
          manager_({"qemu:///system", {{"vms", "/vms"}}, 1024},
                   hypervisor_,
                   processes_,
                   marks_,
                   outbox_) {}

    ~VmManagerTest() override { fs::remove_all(folder_); }

    static std::string make_folder() {
        std::string pattern = (fs::temp_directory_path() / "holdfast-marks-XXXXXX").string();
        return ::mkdtemp(pattern.data());
    }

    static std::string xml(const std::string& path = "/vms/a.raw") {
        return std::string("<domain><name>web-1</name><uuid>") + kUuid +
               "</uuid><memory>8192</memory><vcpu>1</vcpu><devices><disk type='file'><source "
               "file='" +
               path + "'/><target dev='vda'/></disk></devices></domain>";
    }

    [[nodiscard]] DomainSnapshot snapshot(DomainPower power) const {
        return {vm_, "web-1", true, power, xml()};
    }

    void tick() { static_cast<void>(manager_.tick(now_)); }

    void pass(Duration span) {
        for (Duration done{}; done < span; done += 25ms) {
            now_ += 25ms;
            tick();
        }
    }

    void report(const Report& what) { manager_.handle(what, now_); }

    void connect_libvirt() {
        ++connection_;
        tick();
        report(ConnectionOpened{connection_});
    }

    void list(std::vector<DomainSnapshot> domains) {
        report(DomainsListed{connection_, std::move(domains), 4 * 1024 * 1024, 4});
    }

    // The answer to a reading that is under way.
    void answer_read(std::optional<DomainPower> power) {
        ASSERT_GT(hypervisor_.take("read"), 0) << "nobody wants to know";
        DomainRead read{connection_, vm_, std::nullopt};
        if (power) read.snapshot = snapshot(*power);
        report(read);
    }

    void lose_libvirt(bool refused) { report(ConnectionLost{connection_, refused, "gone"}); }

    // Libvirt and holdfastd are there, and the VM is known in this state.
    void begin(DomainPower power) {
        connect_libvirt();
        manager_.on_daemon_connected(now_);
        if (power != DomainPower::Off) processes_.living.insert(vm_);
        list({snapshot(power)});
        list({snapshot(power)});  // holdfastd's connection asked for another one
        hypervisor_.asked.clear();
        outbox_.sent.clear();
        now_ += 10s;
    }

    [[nodiscard]] vm_protocol::Start start_order() const {
        auto blob = pack_xml(xml());
        vm_protocol::Start order;
        order.spec.vm = vm_;
        order.spec.name = VmName{"web-1"};
        order.spec.xml = blob->ref;
        order.claim = kClaim;
        order.valid_until = now_ + 5s;
        order.xml = blob->compressed;
        return order;
    }

    void start_call_ends(CallOutcome outcome, const std::string& text = "") {
        report(CallEnded{CallKind::Start, vm_, kClaim, outcome, text});
    }

    void event(std::optional<StopCause> stopped, const std::string& text) {
        DomainChanged change{connection_, vm_, !stopped, stopped, text};
        report(change);
    }

    const VmId vm_ = *parse_uuid(kUuid);
    Instant now_{100s};
    ConnectionNumber connection_ = 0;
    std::string folder_;
    FakeHypervisor hypervisor_;
    FakeProcesses processes_;
    FakeOutbox outbox_;
    StartMarks marks_;
    VmManager manager_;
};

}  // namespace

TEST_F(VmManagerTest, SaysTheWholeListAfterConnecting) {
    manager_.on_daemon_connected(now_);
    EXPECT_FALSE(outbox_.take<vm_protocol::LibvirtState>().at(0).connected);
    EXPECT_TRUE(outbox_.take<vm_protocol::ListComplete>().empty()) << "nothing is known yet";
    connect_libvirt();
    processes_.living.insert(vm_);
    list({snapshot(DomainPower::Running)});
    const auto seen = outbox_.take<vm_protocol::DomainSeen>();
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_TRUE(seen[0].protectable);
    EXPECT_EQ(seen[0].state, VmRunState::Running);
    EXPECT_EQ(*unpack_xml(seen[0].spec.xml, seen[0].xml), xml());
    EXPECT_EQ(outbox_.take<vm_protocol::ListComplete>().size(), 1U);
    const auto capacity = outbox_.take<vm_protocol::CapacitySeen>();
    EXPECT_EQ(capacity.at(0).capacity.memory_mib, 3072U)
        << "what the host keeps for itself is not for VMs";
    outbox_.sent.clear();
    list({snapshot(DomainPower::Running)});
    EXPECT_TRUE(outbox_.sent.empty()) << "nothing changed, nothing is said";
}

TEST_F(VmManagerTest, SaysWhenAGuestAgentComesUp) {
    begin(DomainPower::Running);
    DomainSnapshot with_agent = snapshot(DomainPower::Running);
    const std::string devices = "</devices>";
    with_agent.xml.insert(with_agent.xml.find(devices),
                          "<channel><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
                          "<interface type='network'><source network='default'/></interface>");
    list({with_agent});
    auto seen = outbox_.take<vm_protocol::DomainSeen>();
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].spec.agent, GuestAgent::Awaited);
    EXPECT_EQ(seen[0].spec.networks[0], name_hash("network default"));
    outbox_.sent.clear();
    with_agent.guest_agent_up = true;
    list({with_agent});
    seen = outbox_.take<vm_protocol::DomainSeen>();
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].spec.agent, GuestAgent::Up);
    EXPECT_EQ(seen[0].spec.networks[0], name_hash("network default"));
}

TEST_F(VmManagerTest, StartThenResume) {
    begin(DomainPower::Off);
    manager_.handle(start_order(), now_);
    EXPECT_TRUE(marks_.has(vm_)) << "before libvirt is asked";
    EXPECT_EQ(hypervisor_.take("start"), 1);
    processes_.living.insert(vm_);
    start_call_ends(CallOutcome::Done);
    const auto started = outbox_.take<vm_protocol::Started>();
    ASSERT_EQ(started.size(), 1U);
    EXPECT_EQ(started[0].claim, kClaim);
    EXPECT_EQ(started[0].failure, StartFailure::None);
    answer_read(DomainPower::Paused);
    EXPECT_TRUE(outbox_.sent.empty()) << "its own half-started VM is no news to holdfastd";

    manager_.handle(vm_protocol::Resume{vm_, kClaim, now_ + 1s}, now_);
    EXPECT_EQ(hypervisor_.take("resume"), 1);
    report(CallEnded{CallKind::Resume, vm_, kClaim, CallOutcome::Done, ""});
    EXPECT_EQ(outbox_.take<vm_protocol::Resumed>().at(0).failure, StartFailure::None);
    EXPECT_FALSE(marks_.has(vm_));
}

TEST_F(VmManagerTest, OrdersThatCannotBeCarriedOutAreAnsweredAtOnce) {
    begin(DomainPower::Off);
    const auto failure = [&](const vm_protocol::Start& order) {
        manager_.handle(order, now_);
        const auto started = outbox_.take<vm_protocol::Started>();
        return started.size() == 1 ? started[0].failure : StartFailure::None;
    };
    vm_protocol::Start late = start_order();
    late.valid_until = now_;
    EXPECT_EQ(failure(late), StartFailure::Lease);
    vm_protocol::Start damaged = start_order();
    damaged.xml[4] ^= 1U;
    EXPECT_EQ(failure(damaged), StartFailure::Xml);
    vm_protocol::Start other = start_order();
    other.spec.vm.bytes[0] ^= 1U;
    EXPECT_EQ(failure(other), StartFailure::Xml) << "the XML is another VM's";
    lose_libvirt(true);
    EXPECT_EQ(failure(start_order()), StartFailure::Libvirt);
    EXPECT_EQ(hypervisor_.take("start"), 0);
}

TEST_F(VmManagerTest, ACrashIsToldOnceItsProcessIsGone) {
    begin(DomainPower::Running);
    event(StopCause::Crashed, "Stopped Failed");
    answer_read(DomainPower::Off);
    pass(1s);
    EXPECT_TRUE(outbox_.take<vm_protocol::Stopped>().empty())
        << "a thread of it still waits for the disk";
    processes_.living.clear();
    pass(100ms);
    const auto stopped = outbox_.take<vm_protocol::Stopped>();
    ASSERT_EQ(stopped.size(), 1U);
    EXPECT_EQ(stopped[0].cause, StopCause::Crashed);
    EXPECT_EQ(outbox_.take<vm_protocol::DomainSeen>().at(0).state, VmRunState::Off);
}

TEST_F(VmManagerTest, TheEventTellsTheCause) {
    for (const StopCause cause : {StopCause::ByUser, StopCause::Migrated}) {
        begin(DomainPower::Running);
        event(cause, "Stopped");
        processes_.living.clear();
        answer_read(DomainPower::Off);
        EXPECT_EQ(outbox_.take<vm_protocol::Stopped>().at(0).cause, cause);
        lose_libvirt(false);
    }
}

TEST_F(VmManagerTest, AQemuThatDiedWhileLibvirtWasAwayHasCrashed) {
    begin(DomainPower::Running);
    lose_libvirt(true);
    processes_.living.clear();
    pass(5s);
    EXPECT_TRUE(outbox_.take<vm_protocol::Stopped>().empty())
        << "a missing libvirtd proves nothing";
    connect_libvirt();
    list({snapshot(DomainPower::Off)});
    EXPECT_EQ(outbox_.take<vm_protocol::Stopped>().at(0).cause, StopCause::Crashed);
    EXPECT_EQ(outbox_.take<vm_protocol::ListComplete>().size(), 1U) << "the list is said again";
}

TEST_F(VmManagerTest, AnOlderListDoesNotUndoWhatIsKnown) {
    begin(DomainPower::Running);
    now_ += 30s;
    tick();
    EXPECT_EQ(hypervisor_.take("list"), 1);
    now_ += 1ms;
    event(StopCause::Crashed, "Stopped Failed");
    processes_.living.clear();
    answer_read(DomainPower::Off);
    EXPECT_EQ(outbox_.take<vm_protocol::Stopped>().size(), 1U);
    outbox_.sent.clear();
    list({snapshot(DomainPower::Running)});
    EXPECT_TRUE(outbox_.sent.empty());
    answer_read(DomainPower::Off);
    EXPECT_TRUE(outbox_.sent.empty());
}

TEST_F(VmManagerTest, GoneNeedsBothWitnesses) {
    begin(DomainPower::Running);
    processes_.dies_when_killed = false;
    manager_.handle(vm_protocol::Destroy{vm_}, now_);
    EXPECT_EQ(hypervisor_.take("destroy"), 1);
    pass(200ms);
    EXPECT_EQ(processes_.kills, 0) << "libvirt gets its chance";
    pass(200ms);
    EXPECT_GT(processes_.kills, 0);
    report(CallEnded{CallKind::Destroy, vm_, ClaimNumber{}, CallOutcome::Done, ""});
    answer_read(DomainPower::Off);
    pass(2s);
    EXPECT_TRUE(outbox_.take<vm_protocol::Gone>().empty()) << "its process lives";
    processes_.living.clear();
    pass(50ms);
    EXPECT_TRUE(outbox_.take<vm_protocol::Gone>().empty()) << "libvirt has not been asked since";
    answer_read(DomainPower::Off);
    EXPECT_EQ(outbox_.take<vm_protocol::Gone>().size(), 1U);
    EXPECT_TRUE(outbox_.take<vm_protocol::Stopped>().empty()) << "destroyed by order: only Gone";
}

TEST_F(VmManagerTest, AGuestIsAskedAndThenDestroyed) {
    begin(DomainPower::Running);
    manager_.handle(vm_protocol::Shutdown{vm_, now_ + 8s}, now_);
    EXPECT_EQ(hypervisor_.take("shutdown"), 1);
    report(CallEnded{CallKind::Shutdown, vm_, ClaimNumber{}, CallOutcome::Done, ""});
    pass(6s);
    EXPECT_EQ(hypervisor_.take("shutdown"), 1) << "a guest that is busy misses the first time";
    EXPECT_EQ(hypervisor_.take("destroy"), 0);
    EXPECT_EQ(processes_.kills, 0) << "it has time left";
    report(CallEnded{CallKind::Shutdown, vm_, ClaimNumber{}, CallOutcome::Refused, "no agent"});
    pass(2100ms);
    EXPECT_EQ(hypervisor_.take("destroy"), 1);
    pass(400ms);
    EXPECT_EQ(processes_.kills, 1);
}

TEST_F(VmManagerTest, AGuestThatShutsDownByOrderIsGoneAndNotStoppedByItsUser) {
    begin(DomainPower::Running);
    manager_.handle(vm_protocol::Shutdown{vm_, now_ + 60s}, now_);
    report(CallEnded{CallKind::Shutdown, vm_, ClaimNumber{}, CallOutcome::Done, ""});
    processes_.living.clear();
    report(DomainChanged{connection_, vm_, false, StopCause::ByUser, "shutdown"});
    for (int i = 0; i < 5 && hypervisor_.take("read") > 0; ++i) {
        report(DomainRead{connection_, vm_, snapshot(DomainPower::Off)});
        pass(50ms);
    }
    EXPECT_EQ(outbox_.take<vm_protocol::Gone>().size(), 1U);
    EXPECT_TRUE(outbox_.take<vm_protocol::Stopped>().empty());
}

TEST_F(VmManagerTest, ADestroyOvertakesAShutdown) {
    begin(DomainPower::Running);
    manager_.handle(vm_protocol::Shutdown{vm_, now_ + 60s}, now_);
    report(CallEnded{CallKind::Shutdown, vm_, ClaimNumber{}, CallOutcome::Done, ""});
    manager_.handle(vm_protocol::Destroy{vm_}, now_);
    EXPECT_EQ(hypervisor_.take("destroy"), 1);
    manager_.handle(vm_protocol::Shutdown{vm_, now_ + 60s}, now_);
    pass(400ms);
    EXPECT_EQ(processes_.kills, 1) << "a late Shutdown grants no new time";
}

TEST_F(VmManagerTest, GoneOfAVmThatIsNotThereNeedsTheSameProof) {
    begin(DomainPower::Off);
    manager_.handle(vm_protocol::Destroy{vm_}, now_);
    EXPECT_TRUE(outbox_.take<vm_protocol::Gone>().empty());
    answer_read(std::nullopt);
    EXPECT_EQ(outbox_.take<vm_protocol::Gone>().size(), 1U);
}

TEST_F(VmManagerTest, GoneWaitsForAStartUnderWay) {
    begin(DomainPower::Off);
    manager_.handle(start_order(), now_);
    manager_.handle(vm_protocol::Destroy{vm_}, now_);
    pass(3s);
    EXPECT_EQ(hypervisor_.take("read"), 0) << "nothing can be proved yet";
    processes_.living.insert(vm_);
    start_call_ends(CallOutcome::Done);
    EXPECT_TRUE(outbox_.take<vm_protocol::Started>().empty()) << "only Gone tells the end of it";
    pass(1s);
    EXPECT_FALSE(processes_.lives(vm_));
    report(CallEnded{CallKind::Destroy, vm_, ClaimNumber{}, CallOutcome::Done, ""});
    for (int i = 0; i < 5 && hypervisor_.take("read") > 0; ++i) {
        report(DomainRead{connection_, vm_, snapshot(DomainPower::Off)});
        pass(50ms);
    }
    EXPECT_EQ(outbox_.take<vm_protocol::Gone>().size(), 1U);
}

TEST_F(VmManagerTest, WithoutLibvirtdTheProcessAloneProves) {
    begin(DomainPower::Running);
    lose_libvirt(false);
    manager_.handle(vm_protocol::Destroy{vm_}, now_);
    EXPECT_EQ(processes_.kills, 1) << "nobody else would";
    pass(100ms);
    EXPECT_TRUE(outbox_.take<vm_protocol::Gone>().empty())
        << "a libvirtd that hangs may still start something";
    tick();
    report(ConnectionLost{2, true, "refused"});
    pass(50ms);
    EXPECT_EQ(outbox_.take<vm_protocol::Gone>().size(), 1U);
}

TEST_F(VmManagerTest, AStartWhoseAnswerWasLostIsNeitherDoneNorFailed) {
    begin(DomainPower::Off);
    manager_.handle(start_order(), now_);
    start_call_ends(CallOutcome::Unknown, "End of file");
    pass(20s);
    EXPECT_TRUE(outbox_.take<vm_protocol::Started>().empty());
    connect_libvirt();
    list({snapshot(DomainPower::Off)});
    pass(4s);
    EXPECT_TRUE(outbox_.take<vm_protocol::Started>().empty()) << "libvirtd may still be at it";
    pass(2s);
    EXPECT_EQ(outbox_.take<vm_protocol::Started>().at(0).failure, StartFailure::Libvirt);
}

TEST_F(VmManagerTest, AStartWhoseAnswerWasLostMayHaveWorked) {
    begin(DomainPower::Off);
    manager_.handle(start_order(), now_);
    start_call_ends(CallOutcome::Unknown, "End of file");
    processes_.living.insert(vm_);
    pass(2s);
    connect_libvirt();
    list({snapshot(DomainPower::Paused)});
    EXPECT_EQ(outbox_.take<vm_protocol::Started>().at(0).failure, StartFailure::None);
    EXPECT_EQ(outbox_.take<vm_protocol::DomainSeen>().at(0).state, VmRunState::Paused);
}

TEST_F(VmManagerTest, ARefusedStartHasNotEndedWhileItsProcessLives) {
    begin(DomainPower::Off);
    manager_.handle(start_order(), now_);
    processes_.living.insert(vm_);
    start_call_ends(CallOutcome::Refused, "Failed to get \"write\" lock");
    pass(1s);
    EXPECT_TRUE(outbox_.take<vm_protocol::Started>().empty());
    processes_.living.clear();
    pass(50ms);
    const auto started = outbox_.take<vm_protocol::Started>();
    ASSERT_EQ(started.size(), 1U);
    EXPECT_EQ(started[0].failure, StartFailure::Libvirt);
    EXPECT_EQ(started[0].text, "Failed to get \"write\" lock");
}

TEST_F(VmManagerTest, APredecessorsHalfStartedVmIsSeenPausedAndAPersonsPauseIsNot) {
    begin(DomainPower::Paused);
    manager_.handle(vm_protocol::Rescan{}, now_);
    list({snapshot(DomainPower::Paused)});
    EXPECT_EQ(outbox_.take<vm_protocol::DomainSeen>().at(0).state, VmRunState::Running)
        << "paused by somebody";
    ASSERT_TRUE(marks_.set(vm_));
    manager_.handle(vm_protocol::Rescan{}, now_);
    list({snapshot(DomainPower::Paused)});
    EXPECT_EQ(outbox_.take<vm_protocol::DomainSeen>().at(0).state, VmRunState::Paused);
}

TEST_F(VmManagerTest, ANewHoldfastdIsToldOfTheHalfStartedVm) {
    begin(DomainPower::Off);
    manager_.handle(start_order(), now_);
    processes_.living.insert(vm_);
    start_call_ends(CallOutcome::Done);
    answer_read(DomainPower::Paused);
    outbox_.sent.clear();
    now_ += 1s;
    manager_.on_daemon_connected(now_);
    list({snapshot(DomainPower::Paused)});
    EXPECT_EQ(outbox_.take<vm_protocol::DomainSeen>().at(0).state, VmRunState::Paused);
    EXPECT_EQ(outbox_.take<vm_protocol::ListComplete>().size(), 1U);
}

// Why: a waiting QEMU taken for a running VM would have the source destroy the one that runs.
TEST_F(VmManagerTest, WhatAMigrationBringsIsMovingUntilItRuns) {
    begin(DomainPower::Off);
    DomainSnapshot coming = snapshot(DomainPower::Moving);
    coming.persistent = false;
    coming.xml.clear();
    processes_.living.insert(vm_);
    event(std::nullopt, "Started");
    ASSERT_GT(hypervisor_.take("read"), 0);
    report(DomainRead{connection_, vm_, coming});
    const auto seen = outbox_.take<vm_protocol::DomainSeen>();
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].state, VmRunState::Moving);
    EXPECT_FALSE(seen[0].protectable) << "libvirt has not defined it yet";
    outbox_.sent.clear();
    event(std::nullopt, "Resumed");
    answer_read(DomainPower::Running);
    EXPECT_EQ(outbox_.take<vm_protocol::DomainSeen>().at(0).state, VmRunState::Running);
}

TEST_F(VmManagerTest, WhatAMigrationTakesAwayIsMovingAndThenMigrated) {
    begin(DomainPower::Running);
    event(std::nullopt, "Suspended");
    answer_read(DomainPower::Moving);
    EXPECT_EQ(outbox_.take<vm_protocol::DomainSeen>().at(0).state, VmRunState::Moving);
    processes_.living.clear();
    event(StopCause::Migrated, "Stopped Migrated");
    answer_read(DomainPower::Off);
    EXPECT_EQ(outbox_.take<vm_protocol::Stopped>().at(0).cause, StopCause::Migrated);
}

TEST_F(VmManagerTest, UndefinedAndTransientDomains) {
    begin(DomainPower::Off);
    report(DomainChanged{connection_, vm_, false, std::nullopt, "Undefined"});
    answer_read(std::nullopt);
    EXPECT_EQ(outbox_.take<vm_protocol::DomainUndefined>().size(), 1U);
    DomainSnapshot transient = snapshot(DomainPower::Running);
    transient.persistent = false;
    transient.xml.clear();
    now_ += 60s;
    tick();
    list({transient});
    const auto seen = outbox_.take<vm_protocol::DomainSeen>();
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_FALSE(seen[0].protectable);
    EXPECT_NE(seen[0].reason.find("transient"), std::string::npos);
}

}  // namespace holdfast
