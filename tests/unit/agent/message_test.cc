// Every message has one id, for ever, and docs/MESSAGES.md is this table.  HF_REWRITE=1 writes the document anew.
#include "agent/message.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "agent/event_line.h"

namespace holdfast {
namespace {

struct SideMessage {
    const char* id;
    const char* meaning;
    const char* advice;
};

constexpr SideMessage kSideMessages[] = {
#define HF_SIDE_MESSAGE(id, meaning, advice) {id, meaning, advice},
#include "agent/side_messages.def"
#undef HF_SIDE_MESSAGE
};

std::string document() {
    std::string text =
        "# Messages\n\n"
        "Every line that Holdfast writes ends in an id; ids never change their meaning and are "
        "never reused. This file is generated from\n"
        "`agent/messages.def` and the engine's trace by `tests/unit/agent/message_test.cc` "
        "(`HF_REWRITE=1` writes it anew).\n\n"
        "Levels: *error*: somebody must act. *warning*: redundancy is gone. *notice*: a verdict, "
        "phase or leader changed. *info*: facts.\n"
        "*debug*: detail.\n\n"
        "## Decisions of the engine\n\n| Id | Level | Event | Example |\n|---|---|---|---|\n";
    std::map<std::string, std::string> rows;
    for (int code = 1; code <= static_cast<int>(kTraceCodeLast); ++code) {
        Trace trace;
        trace.code = static_cast<TraceCode>(code);
        trace.self = HostId{1};
        trace.who = {HostId{2}, Incarnation{3, 1}};
        trace.epoch = Epoch{5};
        trace.vm_name = VmName("vm1");
        trace.number = 12;
        trace.a = 1;
        trace.b = 2;
        trace.span = std::chrono::seconds{3};
        const EventLine line = to_event_line(trace);
        rows[line.id + line.event] = "| " + line.id + " | " + level_text(line.level) + " | " +
                                     line.event + " | " + line.text + " |\n";
    }
    for (const auto& [id, row] : rows) text += row;
    text += "\n## Messages of the agent\n";
    std::map<std::string, std::string> messages;
    for (const MessageRow& row : message_rows()) {
        std::string shown = row.text;
        for (std::size_t hole = shown.find("{}"); hole != std::string::npos;
             hole = shown.find("{}")) {
            shown.replace(hole, 2, "…");
        }
        messages[row.id] = std::string("\n### ") + row.id + " " + row.event + " (" +
                           level_text(row.level) + ")\n\n> " + shown + "\n\n" + row.meaning +
                           " **What to do:** " + row.advice + "\n";
    }
    for (const auto& [id, message] : messages) text += message;
    text +=
        "\n## Messages of the command\n\n"
        "| Id | What |\n|---|---|\n"
        "| HF-5030 | the agent does not answer; exit code 3 |\n"
        "| HF-5031 | an argument of the command line is wrong; exit code 2 |\n"
        "| HF-5032 | a file cannot be made, or is there already; exit code 1 |\n"
        "| HF-5101 | `bench` found data where it was to measure, and changed nothing; exit code 1 "
        "|\n"
        "| HF-5102 | `bench` cannot use this path: the system call that failed is named; exit code "
        "1 |\n"
        "| HF-5103 | a file is no measurement, or of another version; exit code 2 |\n"
        "| HF-5104 | `tune` was given no measurement of a datastore; exit code 1 |\n"
        "| HF-5105 | `tune` gives no proposal: the sentence says why, and how long to measure; "
        "exit code 1 |\n"
        "| HF-5106 | `bench net` cannot use its UDP port; exit code 1 |\n"
        "| HF-5107 | `bench net` got no answer from a peer; exit code 1 |\n"
        "\n## Messages of holdfast-vm, holdfast-keeper and holdfast-supervise\n\n"
        "They go to standard error, which the journal or the supervisor collects.\n\n"
        "| Id | Meaning | What to do |\n|---|---|---|\n";
    for (const SideMessage& message : kSideMessages) {
        text += std::string("| ") + message.id + " | " + message.meaning + " | " + message.advice +
                " |\n";
    }
    return text;
}

}  // namespace

TEST(Messages, DocumentIsTheTable) {
    const std::string path = std::string(HF_SOURCE_DIR) + "/docs/MESSAGES.md";
    if (std::getenv("HF_REWRITE") != nullptr) std::ofstream(path) << document();
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    EXPECT_EQ(content.str(), document())
        << "run this test with HF_REWRITE=1 and explain the change";
}

TEST(Messages, IdsAreUniqueAndOfTheirRange) {
    std::set<std::string> ids;
    for (const MessageRow& row : message_rows()) {
        EXPECT_TRUE(ids.insert(row.id).second) << row.id << " is used twice";
        EXPECT_EQ(std::string(row.id).size(), 7U) << row.id;
        EXPECT_NE(std::string("1245").find(row.id[3]), std::string::npos) << row.id;
        EXPECT_GT(std::string(row.advice).size(), 4U) << row.id;
    }
}

// Why: the table of the smaller processes is written by hand, so it could miss one.
TEST(Messages, EveryIdOfTheSmallerProcessesIsInTheirTable) {
    std::set<std::string> known;
    for (const SideMessage& message : kSideMessages)
        EXPECT_TRUE(known.insert(message.id).second) << message.id;
    std::set<std::string> used;
    const std::regex id("HF-(60|65|70)[0-9]{2}");
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(HF_SOURCE_DIR) + "/agent")) {
        if (!entry.is_regular_file() || entry.path().extension() == ".def") continue;
        std::ostringstream content;
        content << std::ifstream(entry.path()).rdbuf();
        const std::string text = content.str();
        for (std::sregex_iterator found(text.begin(), text.end(), id), none; found != none; ++found)
            used.insert(found->str());
    }
    EXPECT_EQ(used, known);
}

TEST(Messages, ArgumentsGoWhereTheHolesAre) {
    std::array<char, 64> out{};
    const std::size_t length = format_message(MessageId::LinkUp, {"0", "10.0.0.1"}, out);
    EXPECT_EQ(std::string(out.data(), length), "link 0 (10.0.0.1) is up.");
    std::array<char, 8> small{};
    EXPECT_EQ(format_message(MessageId::LinkUp, {"0", "10.0.0.1"}, small), 8U);
}

}  // namespace holdfast
