// The supervisor with shell scripts as its children.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/supervise/supervisor.h"
#include "tests/unit/agent/eventually.h"

namespace holdfast {
namespace {

using namespace std::chrono_literals;

class SuperviseTest : public ::testing::Test {
  protected:
    static Child shell(const std::string& script) { return {"/bin/sh", {"-c", script}}; }

    Supervisor supervise(std::vector<Child> children) {
        return Supervisor(std::move(children),
                          [this](const std::string& line) { lines_.push_back(line); });
    }

    static Instant now() { return Instant{std::chrono::steady_clock::now().time_since_epoch()}; }

    // Ticks until a line contains `text`.
    [[nodiscard]] bool await_line(Supervisor& supervisor, const std::string& text) const {
        return eventually([&] {
            static_cast<void>(supervisor.tick(now()));
            return count(text) > 0;
        });
    }

    [[nodiscard]] long count(const std::string& text) const {
        return std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
            return line.find(text) != std::string::npos;
        });
    }

    void stop(Supervisor& supervisor) {
        supervisor.begin_stop(now());
        EXPECT_TRUE(eventually([&] {
            static_cast<void>(supervisor.tick(now()));
            return supervisor.has_stopped();
        }));
    }

    std::vector<std::string> lines_;
};

}  // namespace

TEST_F(SuperviseTest, StartsAgainWhateverEndsAndWaitsLongerEachTime) {
    std::vector<Child> children;
    children.push_back(shell("echo hello; exit 7"));
    Supervisor supervisor = supervise(std::move(children));
    EXPECT_TRUE(await_line(supervisor, "starting it again in 200 ms"));
    EXPECT_GT(count("hello"), 1);
    EXPECT_GT(count("ended with exit 7; starting it again in 50 ms"), 0);
    EXPECT_GT(count("without the keeper"), 0) << "the first child is the keeper";
    stop(supervisor);
}

TEST_F(SuperviseTest, AConfigurationErrorIsNotTriedFast) {
    std::vector<Child> children;
    children.push_back(shell("echo 'holdfast.toml:3: bad' >&2; exit 2"));
    Supervisor supervisor = supervise(std::move(children));
    EXPECT_TRUE(await_line(supervisor,
                           "refuses its configuration (exit 2); starting it again in 10000 ms"));
    EXPECT_EQ(count("holdfast.toml:3: bad"), 1);
    stop(supervisor);
}

TEST_F(SuperviseTest, StopsInReverseOrder) {
    std::vector<Child> children;
    for (const char* name : {"first", "second", "third"}) {
        const std::string word(name);
        children.push_back(shell("trap 'echo " + word + " ends; exit 0' TERM; echo " + word +
                                 " runs; while :; do sleep 0.05; done"));
    }
    Supervisor supervisor = supervise(std::move(children));
    for (const char* text : {"first runs", "second runs", "third runs"})
        ASSERT_TRUE(await_line(supervisor, text));
    stop(supervisor);
    std::vector<std::string> ends;
    std::copy_if(
        lines_.begin(), lines_.end(), std::back_inserter(ends), [](const std::string& line) {
            return line.ends_with(" ends");
        });
    EXPECT_EQ(ends, (std::vector<std::string>{"third ends", "second ends", "first ends"}));
}

TEST_F(SuperviseTest, AKilledChildIsNamedWithItsSignal) {
    std::vector<Child> children;
    children.push_back(shell("kill -9 $$"));
    Supervisor supervisor = supervise(std::move(children));
    EXPECT_TRUE(await_line(supervisor, "was killed by signal 9"));
    stop(supervisor);
}

}  // namespace holdfast
