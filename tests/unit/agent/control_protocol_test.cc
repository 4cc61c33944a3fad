// Whatever a client sends is either a request or a sentence that says why not.
#include "agent/control_protocol.h"

#include <string>

#include <gtest/gtest.h>

#include "agent/text.h"
#include "engine/base/prng.h"

namespace holdfast {

TEST(ControlProtocol, RequestsSurviveTheWay) {
    EXPECT_EQ(encode_request(StatusRequest{}), "holdfast/1 status");
    ASSERT_TRUE(decode_request("holdfast/1 status"));

    const EventsRequest events{Instant{std::chrono::milliseconds{1500}}, true};
    EXPECT_EQ(encode_request(events), "holdfast/1 events 1.5 1");
    const auto decoded = decode_request(encode_request(events));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(std::get<EventsRequest>(*decoded).since, events.since);
    EXPECT_TRUE(std::get<EventsRequest>(*decoded).follow);

    GuardRequest guard{*parse_uuid("11111111-1111-1111-1111-111111111111"), "a vm"};
    const auto asked = decode_request(encode_request(guard));
    ASSERT_TRUE(asked);
    EXPECT_EQ(std::get<GuardRequest>(*asked).vm, guard.vm);
    EXPECT_EQ(std::get<GuardRequest>(*asked).name, "a_vm");
    EXPECT_FALSE(std::get<GuardRequest>(*asked).incoming);

    guard.name.clear();
    guard.incoming = true;
    const auto incoming = decode_request(encode_request(guard));
    ASSERT_TRUE(incoming);
    EXPECT_TRUE(std::get<GuardRequest>(*incoming).incoming);
    guard.incoming = false;
    guard.arrival = 4'294'967'295U;
    const auto arrival = decode_request(encode_request(guard));
    ASSERT_TRUE(arrival);
    EXPECT_EQ(std::get<GuardRequest>(*arrival).arrival, guard.arrival);
    const std::string start = "holdfast/1 guard 11111111-1111-1111-1111-111111111111 web ";
    for (const char* wrong : {"0", "-1", "4294967296", "17x", "coming", "incoming 17"})
        EXPECT_FALSE(decode_request(start + wrong)) << wrong;

    const auto goodbye = decode_request(encode_request(GoodbyeRequest{}));
    ASSERT_TRUE(goodbye);
    EXPECT_TRUE(std::holds_alternative<GoodbyeRequest>(*goodbye));
    EXPECT_FALSE(decode_request("holdfast/1 goodbye now"));
}

static MemberChange adding() {
    MemberChange change{HostId{7}, false, {}};
    change.place.name = FixedText<64>{"h7"};
    change.place.addresses[0] = {4, {10, 0, 0, 7}};
    change.place.addresses[1] = {6, {0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
    return change;
}

TEST(ControlProtocol, AHostThatIsAddedKeepsItsNameAndAddresses) {
    const auto decoded = decode_request(encode_request(ChangeRequest{adding()}));
    ASSERT_TRUE(decoded);
    const auto& asked = std::get<MemberChange>(std::get<ChangeRequest>(*decoded).change);
    EXPECT_EQ(asked.host, HostId{7});
    EXPECT_FALSE(asked.remove);
    EXPECT_EQ(asked.place, adding().place);
    const std::string start = "holdfast/1 change member ";
    for (const char* wrong : {"add 7 10.0.0.7",
                              "add 0 10.0.0.7 h7",
                              "add 1025 10.0.0.7 h7",
                              "add 7 h7.example h7",
                              "add 7 10.0.0.7, h7",
                              "add 7 10.0.0.7,10.0.1.7,10.0.2.7,10.0.3.7,10.0.4.7 h7",
                              "add 7 10.0.0.7 h7 h8",
                              "remove 7 h7",
                              "strike 7"})
        EXPECT_FALSE(decode_request(start + wrong)) << wrong;
}

TEST(ControlProtocol, ChangesSurviveTheWay) {
    const ConfigChange changes[] = {TimingChange{kTimingPatient},
                                    DatastoreChange{DatastoreName{"array 2, lun 7"}, false},
                                    DatastoreChange{DatastoreName{"old"}, true},
                                    DatastoreChange{DatastoreName{"lost lun"}, true, true},
                                    MemberChange{HostId{7}, true, {}},
                                    adding(),
                                    MaintenanceChange{HostId{1024}, true},
                                    MaintenanceChange{HostId{1}, false}};
    for (const ConfigChange& change : changes) {
        const std::string packet = encode_request(ChangeRequest{change});
        const auto decoded = decode_request(packet);
        ASSERT_TRUE(decoded) << packet;
        EXPECT_EQ(encode_request(*decoded), packet);
    }
    const auto latency = decode_request(encode_request(LatencyRequest{}));
    ASSERT_TRUE(latency);
    EXPECT_TRUE(std::holds_alternative<LatencyRequest>(*latency));
    const auto timing = decode_request(encode_request(ChangeRequest{TimingChange{kTimingFast}}));
    ASSERT_TRUE(timing);
    EXPECT_EQ(std::get<TimingChange>(std::get<ChangeRequest>(*timing).change).timing, kTimingFast);
    const auto datastore = decode_request("holdfast/1 change datastore retire array 2");
    ASSERT_TRUE(datastore);
    const auto& asked = std::get<DatastoreChange>(std::get<ChangeRequest>(*datastore).change);
    EXPECT_EQ(asked.name.view(), "array 2");
    EXPECT_TRUE(asked.retire);
}

TEST(ControlProtocol, APersonsWordNamesOneIncarnation) {
    const ConfirmRequest confirm{HostId{2}, Incarnation{3, 14}};
    EXPECT_EQ(encode_request(confirm), "holdfast/1 confirm-dead 2 3.14");
    const auto asked = decode_request(encode_request(confirm));
    ASSERT_TRUE(asked);
    EXPECT_EQ(std::get<ConfirmRequest>(*asked).host, confirm.host);
    EXPECT_EQ(std::get<ConfirmRequest>(*asked).incarnation, confirm.incarnation);
    for (const char* bad :
         {"", " 2", " 0 3.1", " 1025 3.1", " 2 3", " 2 0.1", " 2 3.x", " 2 3.1 x"})
        EXPECT_FALSE(decode_request(std::string("holdfast/1 confirm-dead") + bad)) << bad;
}

TEST(ControlProtocol, BadInputGetsASentence) {
    const char* const bad[] = {"",
                               "status",
                               "holdfast/1",
                               "holdfast/1 ",
                               "holdfast/1 reboot",
                               "holdfast/1 status now",
                               "holdfast/1 events",
                               "holdfast/1 events x 0",
                               "holdfast/1 events -1 0",
                               "holdfast/1 events nan 0",
                               "holdfast/1 events 1e300 0",
                               "holdfast/1 events 1 2",
                               "holdfast/1 change",
                               "holdfast/1 change timing 1 2 3 4 5 6 7 8",
                               "holdfast/1 change timing 1 2 3 4 5 6 7 8 0",
                               "holdfast/1 change timing 1 2 3 4 5 6 7 8 9 10",
                               "holdfast/1 change timing 1 2 3 4 5 6 7 8 86400000000001",
                               "holdfast/1 change datastore add",
                               "holdfast/1 change datastore add ",
                               "holdfast/1 change datastore drop x",
                               "holdfast/1 change maintenance 0 on",
                               "holdfast/1 change maintenance 1025 on",
                               "holdfast/1 change maintenance 1 maybe",
                               "holdfast/1 guard",
                               "holdfast/1 guard zz x",
                               "holdfast/1 guard 00000000-0000-0000-0000-000000000000 x"};
    for (const char* text : bad) {
        const auto request = decode_request(text);
        ASSERT_FALSE(request) << text;
        EXPECT_TRUE(request.error().text.ends_with("[HF-5010]")) << request.error().text;
    }
    EXPECT_FALSE(decode_request(std::string(kControlRequestBytesMax + 1, 'a')));
    const auto newer = decode_request("holdfast/2 status");
    ASSERT_FALSE(newer);
    EXPECT_NE(newer.error().text.find("another version"), std::string::npos);
}

TEST(ControlProtocol, RandomBytesNeverCrash) {
    Prng prng(7);
    for (int round = 0; round < 20000; ++round) {
        std::string packet = round % 2 == 0 ? "holdfast/1 events 12.5 1" : "holdfast/1 guard ";
        for (std::uint64_t i = prng.below(6); i > 0; --i) {
            packet.insert(
                packet.begin() + static_cast<std::ptrdiff_t>(prng.below(packet.size() + 1)),
                static_cast<char>(prng.below(256)));
        }
        static_cast<void>(decode_request(packet));
        static_cast<void>(decode_end(packet));
    }
}

TEST(ControlProtocol, EndCarriesCodeAndSentence) {
    const auto end = decode_end(encode_end({1, "it runs on h2."}));
    ASSERT_TRUE(end);
    EXPECT_EQ(end->code, 1);
    EXPECT_EQ(end->text, "it runs on h2.");
    EXPECT_FALSE(decode_end("D1"));
    EXPECT_FALSE(decode_end("E"));
    EXPECT_FALSE(decode_end("Ex"));
}

}  // namespace holdfast
