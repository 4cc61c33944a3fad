// `fence = { … }` of a member: what is taken, what is refused, and that no secret gets into a message.
#include "agent/config_fence.h"

#include <string>

#include <gtest/gtest.h>

namespace holdfast {

namespace {

FenceConfig read(const std::string& table, std::string& findings) {
    const auto root = parse_toml("fence = " + table + "\n", "f.toml");
    EXPECT_TRUE(root);
    ConfigReport report("f.toml");
    FenceConfig fence;
    if (root) fence = read_fence(*root->find("fence"), report);
    findings = report.empty() ? "" : report.text();
    return fence;
}

}  // namespace

TEST(ConfigFence, ProgramTimeoutAndOptionsAsTheyStand) {
    std::string findings;
    const FenceConfig fence = read(
        R"({ program = "fence_ipmilan", timeout = "12s", ip = "10.0.0.2", password = "p w", lanplus = true, cipher = 17 })",
        findings);
    EXPECT_EQ(findings, "");
    EXPECT_EQ(fence.program, "/usr/sbin/fence_ipmilan");
    EXPECT_EQ(fence.timeout, std::chrono::seconds{12});
    const std::vector<std::pair<std::string, std::string>> options = {
        {"cipher", "17"}, {"ip", "10.0.0.2"}, {"lanplus", "1"}, {"password", "p w"}};
    EXPECT_EQ(fence.options, options);
    EXPECT_EQ(read(R"({ program = "/opt/fence-it" })", findings).program, "/opt/fence-it");
    EXPECT_EQ(findings, "");
}

TEST(ConfigFence, WhatIsWrongIsNamedWithoutValues) {
    const char* const wrong[] = {
        R"({ ip = "10.0.0.2" })",
        R"({ program = "rm" })",
        R"({ program = "fence_ipmilan", action = "off" })",
        R"({ program = "fence_ipmilan", timeout = "0s" })",
        R"({ program = "fence_ipmilan", timeout = "2h" })",
        R"({ program = "fence_ipmilan", PASSWORD = "s3cr3t" })",
        R"({ program = "fence_ipmilan", password = "s3cr3t\nreboot=1" })",
        R"({ program = "fence_ipmilan", password = ["s3cr3t"] })",
    };
    for (const char* table : wrong) {
        std::string findings;
        static_cast<void>(read(table, findings));
        EXPECT_NE(findings, "") << table;
        EXPECT_EQ(findings.find("s3cr3t"), std::string::npos) << findings;
    }
}

}  // namespace holdfast
