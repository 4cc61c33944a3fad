// QEMU processes and start marks, on folders that the test makes.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "agent/text.h"
#include "agent/vm/path_probe.h"
#include "agent/vm/qemu_process.h"
#include "agent/vm/start_marks.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr const char* kGuestUuid = "0120a4f9-196a-4f9e-b9f5-23f31f914da7";

class VmProcessTest : public ::testing::Test {
  protected:
    VmProcessTest() {
        std::string pattern = (fs::temp_directory_path() / "holdfast-proc-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }

    ~VmProcessTest() override { fs::remove_all(folder_); }

    // A process as /proc shows it: state of its first thread, of a second one, and when it started.
    void put_process(
        int pid, const std::string& command_line, char state, char second, int started = 77) {
        const fs::path process = fs::path(folder_) / std::to_string(pid);
        fs::create_directories(process / "task" / "1");
        fs::create_directories(process / "task" / "2");
        std::ofstream(process / "cmdline") << command_line;
        const std::string tail =
            " 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " + std::to_string(started) + " 0\n";
        const auto line = [&](char thread_state) {
            return std::to_string(pid) + " (qemu) S) " + std::string(1, thread_state) + tail;
        };
        std::ofstream(process / "stat") << line(state);
        std::ofstream(process / "task" / "1" / "stat") << line(state);
        std::ofstream(process / "task" / "2" / "stat") << line(second);
    }

    static std::string qemu_command_line() {
        using std::string_literals::operator""s;
        return "qemu-system-x86_64\0-name\0guest=g1\0-S\0-uuid\0"s + kGuestUuid + "\0-m\0"s +
               "8\0"s;
    }

    // Can be opened, and every read fails: what a file of /proc is once its process has ended.
    void put_unreadable(int pid, const char* name) {
        const fs::path file = fs::path(folder_) / std::to_string(pid) / name;
        fs::remove(file);
        fs::create_directories(file);
    }

    std::string folder_;
    VmId vm_ = *parse_uuid(kGuestUuid);
};

}  // namespace

TEST_F(VmProcessTest, AQemuIsKnownByItsArguments) {
    using std::string_literals::operator""s;
    put_process(10, qemu_command_line(), 'S', 'S');
    put_process(11, "grep\0-uuid\0"s + kGuestUuid + "\0"s, 'S', 'S');
    put_process(12, "", 'S', 'S');
    ProcQemuProcesses processes(folder_);
    EXPECT_FALSE(processes.lives(vm_)) << "not looked yet";
    processes.look();
    EXPECT_TRUE(processes.lives(vm_));
    fs::remove_all(fs::path(folder_) / "10");
    processes.look();
    EXPECT_FALSE(processes.lives(vm_)) << "the grep is none";
}

TEST_F(VmProcessTest, ADyingQemuLivesUntilItsLastThreadIsOver) {
    put_process(10, qemu_command_line(), 'S', 'D');
    ProcQemuProcesses processes(folder_);
    processes.look();
    put_process(10, "", 'Z', 'D');  // killed in the middle of I/O: no command line any more
    processes.look();
    EXPECT_TRUE(processes.lives(vm_));
    put_process(10, "", 'Z', 'Z');
    processes.look();
    EXPECT_FALSE(processes.lives(vm_));
}

// Why: a process that ended while its command line was read ended the agent, by an exception of the stream, and what could not be
// read for want of descriptors counted as gone.
TEST_F(VmProcessTest, ALookThatFailsProvesNothing) {
    put_process(10, qemu_command_line(), 'S', 'S');
    ProcQemuProcesses processes(folder_);
    processes.look();
    put_unreadable(10, "stat");
    processes.look();
    EXPECT_TRUE(processes.lives(vm_));
    fs::remove_all(fs::path(folder_) / "10");
    put_unreadable(11, "cmdline");
    processes.look();
    EXPECT_TRUE(processes.lives(vm_)) << "11 may be it";
    fs::remove_all(fs::path(folder_) / "11");
    processes.look();
    EXPECT_FALSE(processes.lives(vm_));
    fs::rename(folder_, folder_ + ".away");
    processes.look();
    EXPECT_TRUE(processes.lives(vm_));
    fs::rename(folder_ + ".away", folder_);
}

TEST_F(VmProcessTest, AnotherOwnerOfThePidIsNotTaken) {
    put_process(10, qemu_command_line(), 'S', 'S', 77);
    ProcQemuProcesses processes(folder_);
    processes.look();
    put_process(10, "vi", 'S', 'S', 99);
    processes.look();
    EXPECT_FALSE(processes.lives(vm_));
}

TEST(QemuProcess, IsKilledForReal) {
    const VmId vm =
        *parse_uuid("11111111-2222-4333-8444-" + std::to_string(100'000'000'000 + ::getpid()));
    const pid_t child = ::fork();
    if (child == 0) {
        ::execl("/bin/sh",
                "sh",
                "-c",
                "kill -STOP $$; :",  // a child of its own would outlive it
                "-name",
                "guest=x",
                "-uuid",
                uuid_text(vm).c_str(),
                nullptr);
        ::_exit(127);
    }
    ProcQemuProcesses processes;
    for (int i = 0; i < 200 && !processes.lives(vm); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        processes.look();
    }
    ASSERT_TRUE(processes.lives(vm));
    EXPECT_EQ(processes.kill(vm), 1);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    processes.look();
    EXPECT_FALSE(processes.lives(vm));
}

TEST_F(VmProcessTest, StartMarksOutliveTheirProcess) {
    const std::string folder = folder_ + "/vm-starts";
    {
        auto marks = StartMarks::open(folder);
        ASSERT_TRUE(marks);
        EXPECT_FALSE(marks->has(vm_));
        EXPECT_TRUE(marks->set(vm_));
        EXPECT_TRUE(marks->has(vm_));
        EXPECT_FALSE(marks->is_inherited(vm_));
    }
    auto successors = StartMarks::open(folder);
    EXPECT_TRUE(successors->has(vm_));
    EXPECT_TRUE(successors->is_inherited(vm_));
    successors->settle(vm_);
    EXPECT_TRUE(successors->has(vm_));
    EXPECT_FALSE(successors->is_inherited(vm_));
    successors->clear(vm_);
    EXPECT_FALSE(StartMarks::open(folder)->has(vm_));
    EXPECT_FALSE(StartMarks::open("/proc/nowhere"));
}

TEST_F(VmProcessTest, ProbesTellReachableFromGone) {
    EXPECT_EQ(probe_path(folder_), 0);
    EXPECT_NE(probe_path(folder_ + "/nowhere"), 0);
    std::ofstream(folder_ + "/vm-a") << "x";
    EXPECT_EQ(probe_path(folder_ + "/vm-a"), 0);
    EXPECT_EQ(probe_path(folder_ + "/vm-"), 0) << "a prefix of device paths";
    EXPECT_NE(probe_path(folder_ + "/other-"), 0);
}

}  // namespace holdfast
