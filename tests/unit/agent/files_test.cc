// Reading what fails in the middle: no exception, no half of a file taken for the whole.
#include "agent/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Files, WholeFilesAreReadHoweverLong) {
    char pattern[] = "/tmp/holdfast-files-XXXXXX";
    const std::string folder = mkdtemp(pattern);
    const std::string text(100'000, 'x');
    std::ofstream(folder + "/long") << text;
    std::ofstream(folder + "/empty");
    EXPECT_EQ(read_file(folder + "/long"), text);
    EXPECT_EQ(read_file(folder + "/empty"), "");
    auto names = names_in(folder);
    ASSERT_TRUE(names);
    std::sort(names->begin(), names->end());
    EXPECT_EQ(*names, (std::vector<std::string>{"empty", "long"}));
    std::filesystem::remove_all(folder);
}

TEST(Files, WhatCannotBeReadIsNothingAndSaysWhy) {
    EXPECT_FALSE(read_file("/nowhere/at/all"));
    EXPECT_EQ(errno, ENOENT);
    EXPECT_FALSE(read_file("/proc/self/mem")) << "opens, and has nothing to read at 0";
    EXPECT_EQ(errno, EIO);
    EXPECT_FALSE(read_file("/"));
    EXPECT_EQ(errno, EISDIR);
    EXPECT_FALSE(names_in("/nowhere/at/all"));
    EXPECT_EQ(errno, ENOENT);
    EXPECT_FALSE(names_in("/proc/self/stat"));
    EXPECT_EQ(errno, ENOTDIR);
}

}  // namespace
}  // namespace holdfast
