// LibvirtHypervisor against libvirt's own mock driver, test:///default: needs no KVM, no root and no libvirtd.
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <variant>

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include "agent/text.h"
#include "agent/vm/boot_clock.h"
#include "agent/vm/libvirt_events.h"
#include "agent/vm/libvirt_hypervisor.h"
#include "agent/vm/worker_pool.h"
#include "engine/base/name_hash.h"

namespace holdfast {
namespace {

using namespace std::chrono_literals;

constexpr const char* kXml =
    "<domain type='test'><name>lost</name><uuid>0120a4f9-196a-4f9e-b9f5-23f31f914da7</uuid>"
    "<memory>8192</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>";

class LibvirtTest : public ::testing::Test {
  protected:
    // The next report of this type; others keep waiting.
    template <typename T>
    std::optional<T> wait_for() {
        for (int i = 0; i < 500; ++i) {
            for (Report& report : reports_.take()) waiting_.push_back(std::move(report));
            for (auto report = waiting_.begin(); report != waiting_.end(); ++report) {
                if (!std::holds_alternative<T>(*report)) continue;
                const T content = std::get<T>(*report);
                waiting_.erase(report);
                return content;
            }
            std::this_thread::sleep_for(10ms);
        }
        return std::nullopt;
    }

    ReportQueue& reports_ = *new ReportQueue;  // hanging workers would outlive it
    std::vector<Report> waiting_;
    LibvirtHypervisor hypervisor_{"test:///default", reports_};
    VmId vm_ = *parse_uuid("0120a4f9-196a-4f9e-b9f5-23f31f914da7");
};

}  // namespace

TEST_F(LibvirtTest, ListsAndDestroys) {
    hypervisor_.connect();
    ASSERT_TRUE(wait_for<ConnectionOpened>());
    hypervisor_.list();
    const auto listed = wait_for<DomainsListed>();
    ASSERT_TRUE(listed);
    EXPECT_GT(listed->memory_kib, 0U);
    ASSERT_TRUE(listed->networks.known);
    EXPECT_TRUE(listed->networks.satisfy({name_hash("network default")}));
    EXPECT_FALSE(listed->networks.satisfy({name_hash("network other")}));
    ASSERT_EQ(listed->domains.size(), 1U);
    EXPECT_EQ(listed->domains[0].name, "test");
    EXPECT_TRUE(listed->domains[0].persistent);
    EXPECT_EQ(listed->domains[0].power, DomainPower::Running);

    const VmId running = listed->domains[0].vm;
    hypervisor_.destroy(running);
    EXPECT_EQ(wait_for<DomainChanged>()->stopped, StopCause::ByUser);
    EXPECT_EQ(wait_for<CallEnded>()->outcome, CallOutcome::Done);
    hypervisor_.read(running);
    const auto read = wait_for<DomainRead>();
    ASSERT_TRUE(read && read->snapshot);
    EXPECT_EQ(read->snapshot->power, DomainPower::Off);
}

TEST_F(LibvirtTest, AStartDefinesTheDomainFirst) {
    hypervisor_.connect();
    ASSERT_TRUE(wait_for<ConnectionOpened>());
    hypervisor_.start({vm_, ClaimNumber{1}, boot_now() + 10s, kXml});
    const auto ended = wait_for<CallEnded>();
    ASSERT_TRUE(ended);
    // The mock driver cannot start anything paused; the lab shows the rest on a real libvirtd.
    EXPECT_EQ(ended->outcome, CallOutcome::Refused);
    EXPECT_NE(ended->text.find("unsupported flags"), std::string::npos) << ended->text;
    hypervisor_.read(vm_);
    const auto read = wait_for<DomainRead>();
    ASSERT_TRUE(read && read->snapshot);
    EXPECT_TRUE(read->snapshot->persistent);
    EXPECT_EQ(read->snapshot->power, DomainPower::Off);
}

TEST_F(LibvirtTest, AnOrderThatRanOutIsNotCarriedOut) {
    hypervisor_.connect();
    ASSERT_TRUE(wait_for<ConnectionOpened>());
    hypervisor_.start({vm_, ClaimNumber{1}, boot_now() - 1ns, kXml});
    EXPECT_EQ(wait_for<CallEnded>()->outcome, CallOutcome::Late);
    hypervisor_.start({vm_, ClaimNumber{2}, boot_now() + 10s, "<domain>"});
    const auto refused = wait_for<CallEnded>();
    EXPECT_EQ(refused->outcome, CallOutcome::Refused);
    EXPECT_NE(refused->text.find("cannot define"), std::string::npos);
}

TEST_F(LibvirtTest, WithoutAConnectionCallsAreRefused) {
    hypervisor_.start({vm_, ClaimNumber{1}, boot_now() + 10s, kXml});
    EXPECT_EQ(wait_for<CallEnded>()->outcome, CallOutcome::Refused);
}

TEST(LibvirtAway, IsToldFromLibvirtSilent) {
    auto& reports = *new ReportQueue;
    LibvirtHypervisor hypervisor("qemu+unix:///system?socket=/nowhere/libvirt-sock", reports);
    hypervisor.connect();
    for (int i = 0; i < 500; ++i) {
        for (const Report& report : reports.take()) {
            const auto* lost = std::get_if<ConnectionLost>(&report);
            ASSERT_NE(lost, nullptr);
            EXPECT_TRUE(lost->refused) << lost->text;
            return;
        }
        std::this_thread::sleep_for(10ms);
    }
    FAIL() << "no report";
}

TEST(LibvirtEvents, StopCausesFollowTheDetail) {
    EXPECT_EQ(cause_of_stop(VIR_DOMAIN_EVENT_STOPPED_CRASHED), StopCause::Crashed);
    EXPECT_EQ(cause_of_stop(VIR_DOMAIN_EVENT_STOPPED_FAILED), StopCause::Crashed);
    EXPECT_EQ(cause_of_stop(VIR_DOMAIN_EVENT_STOPPED_MIGRATED), StopCause::Migrated);
    EXPECT_EQ(cause_of_stop(VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN), StopCause::ByUser);
    EXPECT_EQ(cause_of_stop(VIR_DOMAIN_EVENT_STOPPED_DESTROYED), StopCause::ByUser);
    EXPECT_EQ(cause_of_stop(VIR_DOMAIN_EVENT_STOPPED_SAVED), StopCause::ByUser);
}

TEST(WorkerPool, AHangingJobCostsOneWorkerOnly) {
    struct Gate {
        std::mutex mutex;
        std::condition_variable opened;
        bool open = false;
        int done = 0;
    };

    const auto gate = std::make_shared<Gate>();
    WorkerPool pool(3);
    const auto hang = [gate] {
        std::unique_lock lock(gate->mutex);
        gate->opened.wait(lock, [&] { return gate->open; });
    };
    const auto count = [gate] {
        const std::lock_guard lock(gate->mutex);
        ++gate->done;
        gate->opened.notify_all();
    };
    pool.post(hang);
    pool.post(hang);
    for (int i = 0; i < 100; ++i) pool.post(count);
    std::unique_lock lock(gate->mutex);
    EXPECT_TRUE(gate->opened.wait_for(lock, 10s, [&] { return gate->done == 100; }));
    gate->open = true;
    gate->opened.notify_all();
}

}  // namespace holdfast
