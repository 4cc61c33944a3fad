// The beat process whole, on one host: real threads, real files, real I/O, no libvirt and no keeper.
#include "agent/daemon/daemon.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "agent/cli/agent_client.h"
#include "agent/seqpacket.h"
#include "agent/text.h"
#include "storage/flight/replay.h"
#include "storage/format_datastore.h"
#include "tests/unit/agent/eventually.h"

namespace holdfast {
namespace {

class DaemonTest : public testing::Test {
  protected:
    DaemonTest() {
        char pattern[] = "/var/tmp/holdfast-daemon-XXXXXX";
        folder_ = mkdtemp(pattern);
        std::ofstream(folder_ + "/key") << std::string(63, '0') << "1\n";
        chmod((folder_ + "/key").c_str(), 0600);
    }

    ~DaemonTest() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] Result<FormatReport> format(const std::string& name,
                                              const ClusterUuid& cluster) const {
        FormatOptions options;
        options.path = folder_ + "/" + name;
        options.cluster = cluster;
        options.datastore.bytes.fill(static_cast<std::uint8_t>(name.back()));
        options.geometry = Geometry(2, kHeapBytesMin);
        options.allow_local_filesystem = true;
        return format_datastore(options);
    }

    [[nodiscard]] Config config() const {
        std::string text =
            "[cluster]\nuuid = \"" + uuid_text(cluster_) + "\"\nkey_file = \"" + folder_ +
            "/key\"\n[host]\nid = 1\n[timing]\nprofile = \"fast\"\n[[member]]\nid = 1\n"
            "name = \"h1\"\naddresses = [\"127.0.0.1\"]\n[network]\nport = 17420\n";
        for (const char* name : {"hb1", "hb2", "hb3"}) {
            text += std::string("[[datastore]]\nname = \"") + name + "\"\npath = \"" + folder_ +
                    "/" + name + "\"\n";
        }
        text +=
            "[io]\nshared_filesystem_check = false\n[watchdog]\ndevice = "
            "\"stand-in:/none\"\n[log]\nfile = \"" +
            folder_ + "/log/holdfast.log\"\n[paths]\nrun = \"" + folder_ + "/run\"\nstate = \"" +
            folder_ + "/state\"\n";
        const Result<Config> parsed = parse_config(text, "test.toml");
        EXPECT_TRUE(parsed) << parsed.error().text;
        return *parsed;
    }

    [[nodiscard]] std::string ask(const ControlRequest& request) const {
        std::string answer;
        const auto end = cli::ask_agent(folder_ + "/run/control.sock",
                                        request,
                                        std::chrono::seconds{5},
                                        [&answer](std::string_view part) { answer += part; });
        return end ? answer + "|" + std::to_string(end->code) + end->text : end.error().text;
    }

    // Waits until the answer to `request` contains `text`.
    [[nodiscard]] bool comes(const ControlRequest& request, const std::string& text) const {
        std::string answer;
        const bool came = eventually([&] {
            answer = ask(request);
            return answer.find(text) != std::string::npos;
        });
        if (!came) ADD_FAILURE() << answer;
        return came;
    }

    std::string folder_;
    ClusterUuid cluster_ = *parse_uuid("11111111-2222-3333-4444-555555555555");
};

TEST_F(DaemonTest, OneHostBecomesLeaderAndKeepsItsIncarnationsApart) {
    for (const char* name : {"hb1", "hb2", "hb3"}) {
        const auto report = format(name, cluster_);
        if (!report) GTEST_SKIP() << report.error().text;
    }
    for (int life = 1; life <= 2; ++life) {
        auto daemon = Daemon::make(config());
        ASSERT_TRUE(daemon) << daemon.error().text;
        (*daemon)->start();
        EXPECT_TRUE(comes(StatusRequest{}, R"("leader":{"id":1)"));
        EXPECT_TRUE(comes(StatusRequest{}, "\"incarnation\":\"1." + std::to_string(life) + "\""));
        EXPECT_TRUE(comes(EventsRequest{}, R"("event":"office")"));
        (*daemon)->ask_shutdown();
        EXPECT_TRUE(eventually([&] { return (*daemon)->ended(); }));
        (*daemon)->stop();
    }
    // What both lives recorded gives the same trace again.
    const flight::FoundFlights found = flight::find_flights({folder_ + "/state/flight"});
    EXPECT_TRUE(found.errors.empty());
    ASSERT_EQ(found.flights.size(), 2U);
    for (const flight::Flight& one : found.flights) {
        bool led = false;
        const auto report = flight::replay(one, [&led](const auto& recorded, const auto&) {
            for (const Trace& line : recorded) led = led || line.code == TraceCode::OfficeTaken;
        });
        EXPECT_TRUE(report.identical()) << report.end_text;
        EXPECT_EQ(report.end, flight::FlightRead::Ended) << report.end_text;
        EXPECT_TRUE(led);
    }
}

// Why: systemd ends the agent with SIGTERM when the host goes down, too; that alone would be an upgrade.
TEST_F(DaemonTest, AGoodbyeIsNoUpgradeAlsoWhenTheAgentIsEndedAfterIt) {
    for (const char* name : {"hb1", "hb2", "hb3"}) {
        const auto report = format(name, cluster_);
        if (!report) GTEST_SKIP() << report.error().text;
    }
    auto daemon = Daemon::make(config());
    ASSERT_TRUE(daemon) << daemon.error().text;
    (*daemon)->start();
    EXPECT_TRUE(comes(EventsRequest{}, R"("event":"office")"));
    EXPECT_NE(ask(GoodbyeRequest{}).find("|0This host takes no new VMs"), std::string::npos);
    EXPECT_TRUE(comes(EventsRequest{}, "says goodbye: the host goes down"));
    (*daemon)->ask_shutdown();
    EXPECT_TRUE(comes(EventsRequest{}, R"("event":"resigned")"));
    usleep(200'000);
    EXPECT_EQ(ask(EventsRequest{}).find("the agent stops; the VMs go on"), std::string::npos);
    (*daemon)->stop();
}

TEST_F(DaemonTest, ForeignAndMissingDatastoresAreNamedAndTheOthersUsed) {
    const auto first = format("hb1", cluster_);
    if (!first) GTEST_SKIP() << first.error().text;
    ASSERT_TRUE(format("hb2", *parse_uuid("99999999-2222-3333-4444-555555555555")));
    auto daemon = Daemon::make(config());
    ASSERT_TRUE(daemon) << daemon.error().text;
    (*daemon)->start();
    EXPECT_TRUE(comes(EventsRequest{}, "datastore hb2 ("));
    EXPECT_TRUE(comes(EventsRequest{}, "datastore hb3 ("));
    EXPECT_TRUE(comes(StatusRequest{}, R"("name":"hb1")"));
    EXPECT_TRUE(comes(StatusRequest{}, R"("state":"unusable")"));
    // One of three is no majority: it may live, and must not lead.
    EXPECT_NE(ask(StatusRequest{}).find(R"("leader":null)"), std::string::npos);
    (*daemon)->stop();
}

TEST_F(DaemonTest, ControlSocketSurvivesWhateverIsSent) {
    auto daemon = Daemon::make(config());
    ASSERT_TRUE(daemon) << daemon.error().text;
    (*daemon)->start();
    for (const std::string& packet :
         {std::string("x"), std::string(2000, '\0'), std::string("holdfast/9 status")}) {
        auto socket = Seqpacket::connect(folder_ + "/run/control.sock", kControlPacketBytesMax);
        ASSERT_TRUE(socket);
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(packet.data());
        EXPECT_EQ(socket->send({bytes, packet.size()}), SendStatus::Sent);
        std::span<const std::uint8_t> answer;
        ReceiveStatus status = ReceiveStatus::Nothing;
        ASSERT_TRUE(eventually([&] {
            status = socket->receive(&answer);
            return status != ReceiveStatus::Nothing;
        }));
        ASSERT_EQ(status, ReceiveStatus::Received);
        EXPECT_EQ(answer[0], 'E');
        EXPECT_EQ(answer[1], '2');
    }
    EXPECT_TRUE(comes(StatusRequest{}, R"("phase":"reading")"));
    (*daemon)->stop();
}

}  // namespace
}  // namespace holdfast
