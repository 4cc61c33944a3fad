// The JSON of `holdfast status` and `holdfast events` is an interface: its golden text changes only on purpose.
#include "agent/status_json.h"

#include <memory>

#include <gtest/gtest.h>

#include "agent/event_line.h"
#include "agent/json_writer.h"

namespace holdfast {
namespace {

Config two_hosts() {
    Config config;
    config.self = HostId{1};
    config.members = {{HostId{1}, "h1", {"10.0.0.1"}, {}}, {HostId{2}, "h2", {"10.0.0.2"}, {}}};
    config.datastores = {{"hb1", "/hb/1"}};
    config.voters_count = 1;
    return config;
}

std::unique_ptr<Snapshot> healthy() {
    auto snapshot = std::make_unique<Snapshot>();
    snapshot->self = HostId{1};
    snapshot->phase = HostPhase::Member;
    snapshot->incarnation = Incarnation{1, 1};
    snapshot->lease_remaining_ns = 1'900'000'000;
    snapshot->lease_source = 1;
    snapshot->leader = HostId{1};
    snapshot->epoch = Epoch{3};
    snapshot->configuration = {Epoch{3}, 12};
    snapshot->timing = kTimingFast;
    snapshot->keeper_armed = true;
    snapshot->watchdog_ns = 1'000'000'000;
    snapshot->hosts_count = 2;
    snapshot->hosts[0] = {HostId{1},
                          true,
                          PeerVerdict::Alive,
                          Incarnation{1, 1},
                          WatchdogClass::Hardware,
                          1,
                          0,
                          0,
                          16384,
                          512,
                          1};
    snapshot->hosts[1] = {HostId{2},
                          false,
                          PeerVerdict::Alive,
                          Incarnation{2, 5},
                          WatchdogClass::Soft,
                          0,
                          120'000'000,
                          -1,
                          8192,
                          0,
                          0};
    snapshot->datastores_count = 1;
    snapshot->datastores[0] = {true, true, 40'000'000, 50'000'000, 2, 0, 0};
    snapshot->vms_count = 1;
    VmId vm;
    vm.bytes.fill(0x11);
    snapshot->vms[0] = {
        vm, VmName("vm1"), HostId{1}, ClaimState::Running, StartFailure::None, 12, 7, 512};
    Absorption& absorption = snapshot->absorption;
    absorption.known = true;
    absorption.hosts_count = 2;
    absorption.tried = 1;
    absorption.beyond.push(HostId{2});
    absorption.roomless_count = 7;
    absorption.roomless.push({vm, VmName("vm1"), HostId{2}, {3, 1, 2, 0, 0}});
    return snapshot;
}

}  // namespace

TEST(StatusJson, IsTheDocumentedOne) {
    const Config config = two_hosts();
    const auto snapshot = healthy();
    StatusFacts facts{config, *snapshot, {{"io_uring", "", 210, 900, 350, 1200}}, {}, true, {}};
    facts.links.push_back({"10.0.0.1", true, 120, 500'000, 512'000, 900'000});
    facts.links.push_back({"10.1.0.1", false});
    VmId other;
    other.bytes.fill(0x22);
    facts.unprotected.push_back({other, "lo\"cal", "disk /tmp/x is local to this host"});
    EXPECT_EQ(
        status_json(facts),
        R"({"host":{"id":1,"name":"h1","phase":"member","incarnation":"1.1","lease_remaining_ms":1900,)"
        R"("lease_source":"storage","keeper_armed":true,"watchdog_ms":1000,"libvirt_connected":true},)"
        R"("leader":{"id":1,"name":"h1","epoch":3},)"
        R"("absorption":{"hosts":2,"absorbs":0,"tried":1,"beyond":["h2"],"no_room_count":7,)"
        R"("no_room":[{"name":"vm1","uuid":"11111111-1111-1111-1111-111111111111","host":"h2",)"
        R"("without_memory":3,"without_cpus":1,"out_of_reach":2,"kept_apart":0}]},)"
        R"("configuration":{"number":"3.12","timing_ms":{"interval":250,"fresh":750,"silent":1000,"isolation_after":2000,)"
        R"("lease":2000,"watchdog":1000,"granularity":500,"landing":500,"dead":5500}},)"
        R"("hosts":[{"id":1,"name":"h1","self":true,"verdict":"alive","finding":"connected","maintenance":false,"incarnation":"1.1","slot_age_ms":0,)"
        R"("beat_age_ms":0,"watchdog_class":"hardware","claims":1,"memory_mib":16384,"memory_used_mib":512},)"
        R"({"id":2,"name":"h2","self":false,"verdict":"alive","finding":"connected","maintenance":false,"incarnation":"2.5","slot_age_ms":120,)"
        R"("beat_age_ms":-1,"watchdog_class":"soft","claims":0,"memory_mib":8192,"memory_used_mib":0}],)"
        R"("datastores":[{"name":"hb1","path":"/hb/1","votes":true,"state":"ok","backend":"io_uring",)"
        R"("problem":null,"write_age_ms":40,"writes_failed":2,"latency_p50_us":210,"latency_p99_us":900,"scan_p50_us":350,)"
        R"("scan_p99_us":1200}],)"
        R"("links":[{"address":"10.0.0.1","up":true,"beats":120,"spacing_p50_us":500000,"spacing_p99_us":512000,)"
        R"("spacing_worst_us":900000},)"
        R"({"address":"10.1.0.1","up":false,"beats":0,"spacing_p50_us":-1,"spacing_p99_us":-1,"spacing_worst_us":-1}],)"
        R"("vms":[{"name":"vm1","uuid":"11111111-1111-1111-1111-111111111111","host":1,"state":"running",)"
        R"("claim":12,"protected":true}],)"
        R"("unprotected":[{"name":"lo\"cal","uuid":"22222222-2222-2222-2222-222222222222",)"
        R"("reason":"disk /tmp/x is local to this host"}]})");
    EXPECT_EQ(status_code(facts), 0);
}

TEST(StatusJson, DegradedIsOne) {
    const Config config = two_hosts();
    const auto code = [&config](const Snapshot& snapshot) {
        return status_code({config, snapshot, {}, {}, true, {}});
    };
    auto snapshot = healthy();
    snapshot->leader = HostId{};
    EXPECT_EQ(code(*snapshot), 1);
    snapshot = healthy();
    snapshot->hosts[1].verdict = PeerVerdict::Silent;
    EXPECT_EQ(code(*snapshot), 1);
    snapshot = healthy();
    snapshot->datastores[0].usable = false;
    EXPECT_EQ(code(*snapshot), 1);
    snapshot = healthy();
    snapshot->phase = HostPhase::Lapsed;
    EXPECT_EQ(code(*snapshot), 1);
}

TEST(StatusJson, NoLeaderIsNull) {
    const Config config = two_hosts();
    const auto snapshot = std::make_unique<Snapshot>();
    const std::string json = status_json({config, *snapshot, {}, {}, false, {}});
    EXPECT_NE(json.find(R"("leader":null)"), std::string::npos);
    EXPECT_NE(json.find(R"("absorption":null)"), std::string::npos);
    EXPECT_NE(json.find(R"("backend":"none")"), std::string::npos);
}

TEST(EventLine, JsonAndLogAreTheDocumentedOnes) {
    const EventLine line{Instant{std::chrono::milliseconds{1234567}},
                         "HF-3004",
                         TraceLevel::Notice,
                         "dead",
                         HostId{2},
                         "",
                         "host 2 is\ndead"};
    EXPECT_EQ(
        event_json(line),
        R"({"time_s":1234.567,"id":"HF-3004","level":"notice","event":"dead","host":2,"vm":null,"text":"host 2 is\ndead"})");
    EXPECT_EQ(log_text(line, "h1"), "1234.567 h1 notice host 2 is?dead [HF-3004]");
}

TEST(JsonWriter, EscapesWhatJsonForbids) {
    JsonWriter json;
    json.begin_array().text("a\"b\\c\n\x01\x7f").end_array();
    EXPECT_EQ(json.str(), R"(["a\"b\\c\n\u0001\u007f"])");
}

}  // namespace holdfast
