// Live migration as holdfast-vm and libvirt's hook see it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include "agent/vm/arrival_mark.h"
#include "agent/vm/libvirt_calls.h"
#include "agent/vm/vm_record.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMigrationXml =
    "<domain type='kvm'><name>web</name><metadata><x:note "
    "xmlns:x=\"urn:x\">kept</x:note></metadata>"
    "<devices/></domain>";

std::string read_file(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// The shipped hook, over programs that answer as a test says and write down what they were asked.
class HookTest : public ::testing::Test {
  protected:
    HookTest() {
        std::string pattern = (fs::temp_directory_path() / "holdfast-hook-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        program("holdfast-vm",
                "case $1 in\n--judge) cat >/dev/null; cat \"$HERE/judged\"; exit \"$(cat "
                "\"$HERE/judgement\")\" ;;\n--let-in) echo \"<marked $2/>\"; cat >/dev/null "
                ";;\nesac\n");
        program("holdfast",
                "echo \"$@\" >>\"$HERE/asked\"\ncat \"$HERE/said\"\nexit \"$(cat "
                "\"$HERE/answer\")\"\n");
        write("config", "");
        write("judged", "11111111-2222-3333-4444-555555555555\n");
        write("judgement", "0");
        write("said", "");
        write("answer", "0");
        // The hook reads its settings from /etc; here the same lines stand in a copy.
        std::string hook = read_file(fs::path(HF_SOURCE_DIR) / "agent/hooks/qemu");
        const std::string place = "if [ -r /etc/holdfast/hook.conf ]";
        hook.insert(hook.find(place), "HOLDFAST_CONFIG=$HERE/config; HOLDFAST_BIN=$HERE\n");
        program("hook", hook.substr(hook.find('\n') + 1));
    }

    ~HookTest() override { fs::remove_all(folder_); }

    void write(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
    }

    void program(const std::string& name, const std::string& text) {
        write(name, "#!/bin/sh\n" + text);
        fs::permissions(folder_ / name, fs::perms::owner_all);
    }

    // What the hook returns; its output is in printed().
    int call(const std::string& operation) {
        fs::remove(folder_ / "asked");
        const std::string here = folder_.string();
        const std::string command = "HERE=" + here + " " + here + "/hook web " + operation +
                                    " begin - >" + here + "/out 2>" + here + "/err </dev/null";
        return WEXITSTATUS(
            std::system(command.c_str()));  // NOLINT(cert-env33-c): a test of a shell script
    }

    [[nodiscard]] std::string printed() const { return read_file(folder_ / "out"); }

    [[nodiscard]] std::string complained() const { return read_file(folder_ / "err"); }

    [[nodiscard]] std::string asked() const { return read_file(folder_ / "asked"); }

    fs::path folder_;
};

}  // namespace

TEST(PausedDomain, IsLibvirtsWhileItIsLaunchedOrMigrates) {
    EXPECT_EQ(power_of_paused(VIR_DOMAIN_PAUSED_STARTING_UP), DomainPower::Moving);
    EXPECT_EQ(power_of_paused(VIR_DOMAIN_PAUSED_MIGRATION), DomainPower::Moving);
    EXPECT_EQ(power_of_paused(VIR_DOMAIN_PAUSED_POSTCOPY), DomainPower::PostCopy);
    EXPECT_EQ(power_of_paused(VIR_DOMAIN_PAUSED_POSTCOPY_FAILED), DomainPower::PostCopy);
    EXPECT_EQ(power_of_paused(VIR_DOMAIN_PAUSED_USER), DomainPower::Paused);
    EXPECT_EQ(power_of_paused(VIR_DOMAIN_PAUSED_IOERROR), DomainPower::Paused);
    EXPECT_EQ(run_state(DomainPower::Moving), VmRunState::Moving)
        << "not running, not half-started";
    EXPECT_EQ(run_state(DomainPower::PostCopy), VmRunState::PostCopy);
    EXPECT_EQ(run_state(DomainPower::Paused), VmRunState::Running) << "somebody paused it";
    EXPECT_TRUE(is_paused(DomainPower::Moving)) << "a start of our own has not run yet";
}

TEST(ArrivalMark, IsFoundAgainAndOnlyTheNewestStays) {
    EXPECT_EQ(arrival_in(kMigrationXml), 0U);
    const auto first = with_arrival(kMigrationXml, 17);
    ASSERT_TRUE(first);
    EXPECT_EQ(arrival_in(*first), 17U);
    EXPECT_NE(first->find("<x:note xmlns:x=\"urn:x\">kept</x:note>"), std::string::npos) << *first;
    const auto second = with_arrival(*first, 4'294'967'295U);
    ASSERT_TRUE(second);
    EXPECT_EQ(arrival_in(*second), 4'294'967'295U);
    EXPECT_EQ(second->find("17"), std::string::npos) << *second;
    const auto bare = with_arrival("<domain><name>a</name></domain>", 3);
    ASSERT_TRUE(bare);
    EXPECT_EQ(arrival_in(*bare), 3U);
}

TEST(ArrivalMark, BadXmlIsAnErrorAndNoMark) {
    EXPECT_FALSE(with_arrival("<domain><name>", 1));
    EXPECT_FALSE(with_arrival("<network/>", 1));
    EXPECT_EQ(arrival_in("<domain><metadata>"), 0U);
    EXPECT_EQ(
        arrival_in("<domain><metadata><h:arrival xmlns:h=\"https://holdfast.example/arrival/1\" "
                   "number=\"-1\"/></metadata></domain>"),
        0U);
    EXPECT_EQ(
        arrival_in("<domain><metadata><h:arrival xmlns:h=\"urn:other\" number=\"5\"/></metadata>"
                   "</domain>"),
        0U);
}

TEST_F(HookTest, AMigrationIsAskedForAndMarked) {
    write("said", "17\n");
    EXPECT_EQ(call("migrate"), 0) << complained();
    EXPECT_NE(asked().find("--name web --incoming"), std::string::npos) << asked();
    EXPECT_EQ(printed(), "<marked 17/>\n") << "nothing but the XML that libvirt goes on with";
}

TEST_F(HookTest, ARefusedMigrationPrintsNoXml) {
    write("answer", "1");
    EXPECT_NE(call("migrate"), 0);
    EXPECT_EQ(printed(), "");
    write("answer", "3");
    EXPECT_NE(call("migrate"), 0) << "no answer is a no";
    EXPECT_NE(complained().find("HF-6071"), std::string::npos);
}

TEST_F(HookTest, TheQemuOfAMigrationIsToldFromAnyOtherStart) {
    EXPECT_EQ(call("prepare"), 0);
    EXPECT_EQ(asked().find("--arrival"), std::string::npos) << asked();
    write("judged", "11111111-2222-3333-4444-555555555555 17\n");
    EXPECT_EQ(call("start"), 0);
    EXPECT_NE(asked().find("--arrival 17"), std::string::npos) << asked();
    EXPECT_NE(asked().find("--uuid 11111111-2222-3333-4444-555555555555 "), std::string::npos);
    write("answer", "1");
    EXPECT_NE(call("start"), 0);
}

TEST_F(HookTest, AVmThatIsNotProtectedComesAndStartsUnlessItRunsElsewhereProtected) {
    write("judgement", "1");
    EXPECT_EQ(call("start"), 0);
    EXPECT_EQ(asked(), "") << "none of the agent's business";
    write("answer", "3");
    EXPECT_EQ(call("migrate"), 0) << "no agent, no objection";
    EXPECT_EQ(printed(), "");
    write("answer", "1");
    EXPECT_NE(call("migrate"), 0);
    EXPECT_NE(complained().find("HF-6072"), std::string::npos);
    write("judgement", "2");
    EXPECT_NE(call("migrate"), 0) << "cannot tell";
    EXPECT_EQ(call("stopped"), 0);
}

}  // namespace holdfast
