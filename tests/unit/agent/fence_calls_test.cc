// Fence agents as programs: what they get, what their exit codes mean, and what happens to one that hangs.
#include "agent/vm/fence_calls.h"

#include <fstream>
#include <sstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "agent/vm/boot_clock.h"
#include "engine/base/limits.h"
#include "tests/unit/agent/eventually.h"

namespace holdfast {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FenceCallsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        char folder[] = "/tmp/holdfast-fence-XXXXXX";
        ASSERT_NE(::mkdtemp(folder), nullptr);
        folder_ = folder;
    }

    void TearDown() override {
        for (const char* name : {"agent", "seen"}) ::unlink((folder_ + "/" + name).c_str());
        ::rmdir(folder_.c_str());
    }

    // A fence agent that writes its input to `seen` and then runs `body`, with $action set.
    std::vector<MemberConfig> members(const std::string& body, Duration timeout = seconds{10}) {
        const std::string program = folder_ + "/agent";
        std::ofstream(program) << "#!/bin/sh\ninput=$(cat)\necho \"$input\" >> " << folder_
                               << "/seen\naction=$(echo \"$input\" | sed -n s/^action=//p)\n"
                               << body << "\n";
        ::chmod(program.c_str(), 0700);
        MemberConfig member;
        member.id = HostId{2};
        member.fence.program = program;
        member.fence.timeout = timeout;
        member.fence.options = {{"ip", "10.0.0.2"}, {"password", "s3cr3t"}};
        return {member};
    }

    vm_protocol::Fenced run(FenceCalls& calls, FenceTask task) {
        const Instant now = boot_now();
        calls.obey({HostId{2}, task, RequestId{7}, now + seconds{60}}, now);
        std::optional<vm_protocol::Fenced> answer;
        EXPECT_TRUE(eventually([&] {
            calls.tick(boot_now(), [&answer](vm_protocol::Fenced fenced) { answer = fenced; });
            return answer.has_value();
        }));
        return answer.value_or(vm_protocol::Fenced{});
    }

    std::string seen() {
        std::ostringstream text;
        text << std::ifstream(folder_ + "/seen").rdbuf();
        return text.str();
    }

    std::string folder_;
};

TEST_F(FenceCallsTest, OffIsFollowedByStatusAndOptionsArriveOnStandardInput) {
    FenceCalls calls(members("[ $action = off ] && exit 0; exit 2"));
    const auto answer = run(calls, FenceTask::Off);
    EXPECT_EQ(answer.request, RequestId{7});
    EXPECT_EQ(answer.off, FenceReply::Ok);
    EXPECT_EQ(answer.power, PowerState::Off);
    EXPECT_EQ(seen(),
              "ip=10.0.0.2\npassword=s3cr3t\naction=off\n"
              "ip=10.0.0.2\npassword=s3cr3t\naction=status\n");
}

TEST_F(FenceCallsTest, PrepareAsksForStatusAlone) {
    FenceCalls calls(members("exit 0"));
    const auto answer = run(calls, FenceTask::Prepare);
    EXPECT_EQ(answer.off, FenceReply::NotRun);
    EXPECT_EQ(answer.power, PowerState::On);
    EXPECT_EQ(seen().find("action=off"), std::string::npos);
}

TEST_F(FenceCallsTest, ExitCodesMeanWhatTheFenceAgentApiSays) {
    struct Case {
        const char* body;
        FenceReply off;
        PowerState power;
    };

    const Case cases[] = {
        {"[ $action = off ] && exit 0; exit 0", FenceReply::Ok, PowerState::On},
        {"[ $action = off ] && exit 1; exit 2", FenceReply::Failed, PowerState::Off},
        {"[ $action = off ] && exit 2; exit 1", FenceReply::Failed, PowerState::Unknown},
        {"[ $action = off ] && exit 0; kill -9 $$", FenceReply::Ok, PowerState::Unknown},
    };
    for (const Case& what : cases) {
        FenceCalls calls(members(what.body));
        const auto answer = run(calls, FenceTask::Off);
        EXPECT_EQ(answer.off, what.off) << what.body;
        EXPECT_EQ(answer.power, what.power) << what.body;
    }
}

TEST_F(FenceCallsTest, OneThatHangsIsKilledWithItsChildrenAndProvesNothing) {
    FenceCalls calls(members("sleep 60 & sleep 60", milliseconds{300}));
    const auto answer = run(calls, FenceTask::Off);
    EXPECT_EQ(answer.off, FenceReply::NoAnswer);
    EXPECT_EQ(answer.power, PowerState::Unknown);
    EXPECT_NE(answer.text.find("did not end"), std::string::npos);
}

TEST_F(FenceCallsTest, WhatItSaysIsPassedOnWithoutSecrets) {
    FenceCalls calls(members("echo 'login with s3cr3t refused' >&2; exit 1"));
    const auto answer = run(calls, FenceTask::Off);
    EXPECT_EQ(answer.text, "login with *** refused");
}

TEST_F(FenceCallsTest, AMissingProgramAndAnUnknownHostGetAnAnswer) {
    auto wrong = members("exit 0");
    wrong[0].fence.program = folder_ + "/nothing-here";
    FenceCalls calls(wrong);
    const auto answer = run(calls, FenceTask::Off);
    EXPECT_EQ(answer.off, FenceReply::Failed);
    EXPECT_EQ(answer.power, PowerState::Unknown);
    EXPECT_NE(answer.text.find("cannot be run"), std::string::npos);

    std::vector<vm_protocol::Fenced> answers;
    const Instant now = boot_now();
    calls.obey({HostId{9}, FenceTask::Off, RequestId{8}, now + seconds{60}}, now);
    calls.tick(now, [&answers](const vm_protocol::Fenced& fenced) { answers.push_back(fenced); });
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].off, FenceReply::NotRun);
}

TEST_F(FenceCallsTest, ALeaderWhoseOfficeIsOverFencesNobody) {
    FenceCalls calls(members("exit 2"));
    const Instant now = boot_now();
    calls.obey({HostId{2}, FenceTask::Off, RequestId{7}, now}, now);
    std::vector<vm_protocol::Fenced> answers;
    calls.tick(now, [&answers](const vm_protocol::Fenced& fenced) { answers.push_back(fenced); });
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].off, FenceReply::NotRun);
    EXPECT_EQ(answers[0].power, PowerState::Unknown);
    EXPECT_TRUE(seen().empty());
}

}  // namespace

}  // namespace holdfast
