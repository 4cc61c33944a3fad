// Nothing foreign is ever written to, and what is measured is what was asked for.
#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

#include <gtest/gtest.h>

#include "agent/measure/datastore_job.h"
#include "storage/format_datastore.h"
#include "tests/unit/storage/temp_target.h"

namespace holdfast::measure {
namespace {

class PrepareTarget : public testing::Test {
  protected:
    void SetUp() override {
        const std::string reason = folder_.unusable_reason();
        if (!reason.empty()) GTEST_SKIP() << "NOT TESTED: " << reason;
        job_.path = folder_.path("target");
        job_.hosts = 2;
        job_.interval = std::chrono::milliseconds{10};
        job_.duration = std::chrono::milliseconds{300};
    }

    [[nodiscard]] std::string content() const {
        std::ifstream file(job_.path, std::ios::binary);
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }

    // Refused, with the words, and not a byte changed.
    void expect_untouched(const std::string& words) {
        const std::string before = content();
        const auto prepared = prepare_target(job_, *result_);
        ASSERT_FALSE(prepared);
        EXPECT_NE(prepared.error().text.find(words), std::string::npos) << prepared.error().text;
        EXPECT_NE(prepared.error().text.find("nothing was changed"), std::string::npos)
            << prepared.error().text;
        EXPECT_EQ(content(), before);
        measure_datastore(job_, *result_);
        EXPECT_EQ(result_->state.load(), TargetState::Failed);
        EXPECT_EQ(content(), before);
    }

    test::TempFolder folder_;
    DatastoreJob job_;
    std::unique_ptr<TargetResult> result_ = std::make_unique<TargetResult>();
};

TEST_F(PrepareTarget, AnotherClustersDatastoreIsLeftAlone) {
    FormatOptions format;
    format.path = job_.path;
    format.cluster = ClusterUuid{{1, 2, 3}};
    format.datastore = Uuid{{4}};
    format.geometry = test::kSmallGeometry;
    format.allow_local_filesystem = true;
    ASSERT_TRUE(format_datastore(format));
    expect_untouched("heartbeat datastore of cluster");
}

TEST_F(PrepareTarget, DataWithoutAMagicNumberIsLeftAlone) {
    test::write_zero_file(job_.path, measuring_geometry(2).total_bytes());
    test::write_bytes(job_.path, measuring_geometry(2).total_bytes() - 200'000, "x");
    expect_untouched("data (between byte");
}

TEST_F(PrepareTarget, ALargerFileIsLeftAloneAlsoWhenItLooksEmpty) {
    test::write_zero_file(job_.path, measuring_geometry(2).total_bytes() + 4096);
    expect_untouched("that no measurement has written");
}

TEST_F(PrepareTarget, AFileThatFillsNoBlockIsLeftAlone) {
    test::write_zero_file(job_.path, 100'000);
    test::write_bytes(job_.path, 99'000, "data");
    expect_untouched("that no measurement has written");
}

TEST_F(PrepareTarget, EachBackendMeasuresTheBeatPattern) {
    for (const char* backend : {"io_uring", "libaio", "plain"}) {
        auto result = std::make_unique<TargetResult>();
        job_.backend = backend;
        measure_datastore(job_, *result);
        if (std::string(result->problem.data()).find("io_uring") != std::string::npos) continue;
        ASSERT_EQ(result->state.load(), TargetState::Complete)
            << backend << ": " << result->problem.data();
        EXPECT_STREQ(result->backend.data(), backend);
        EXPECT_GT(result->at(Operation::Write).latency.count(), 3U) << backend;
        EXPECT_GT(result->at(Operation::Scan).latency.count(), 3U) << backend;
        EXPECT_EQ(result->at(Operation::Write).errors, 0U) << backend;
        EXPECT_EQ(result->lease.count() > 0 && result->office.count() > 0, true) << backend;
        // A lease is at least an interval old when it is renewed, and office is older.
        for (const Gap& gap : result->lease.worst()) EXPECT_GT(gap.length, Duration::zero());
        EXPECT_EQ(result->at(Operation::Write).out_since.load(), 0) << backend;
    }
}

TEST_F(PrepareTarget, WhatIsThereAlreadyServesAgainAndGrowsForMoreHosts) {
    ASSERT_TRUE(prepare_target(job_, *result_));
    const std::string before = content();
    ASSERT_TRUE(prepare_target(job_, *result_));
    EXPECT_EQ(content(), before);
    job_.hosts = 4;
    ASSERT_TRUE(prepare_target(job_, *result_));
    EXPECT_EQ(content().size(), measuring_geometry(4).total_bytes());
}

}  // namespace
}  // namespace holdfast::measure
