// Keys and tags: what is signed cannot be changed, and a key file that is not exactly right is
// refused in words.
#include "net/beat_auth.h"

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/net/net_samples.h"

namespace holdfast {
namespace {

using samples::Bytes;
using samples::kFirstKey;
using samples::kSecondKey;
using testing::HasSubstr;
using testing::Not;

std::string verdict(const BeatKeys& keys, const Bytes& bytes) {
    const auto checked = keys.check(bytes);
    return checked ? "accepted" : std::string(to_string(checked.error()));
}

TEST(BeatAuth, AcceptsItsOwnTag) {
    const BeatKeys keys = samples::keys(kFirstKey);
    EXPECT_EQ(verdict(keys, samples::signed_bytes(samples::beat(), keys)), "accepted");
}

// Why: the tag is all that stands between a beat and a lease that somebody else forges.  How: each
// of the 2,048 bits of a signed datagram, one at a time, through the whole chain of checks.
TEST(BeatAuth, RefusesEverySingleBitFlip) {
    const BeatKeys keys = samples::keys(kFirstKey, kSecondKey);
    const Bytes good = samples::signed_bytes(samples::beat(), keys);
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
        Bytes bytes = good;
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << (bit % 8)));
        const bool accepted =
            check_envelope(bytes, samples::cluster()).has_value() && keys.check(bytes).has_value();
        EXPECT_FALSE(accepted) << "bit " << bit;
        // The envelope's bytes have names of their own; all others are the tag's to find, alone.
        EXPECT_NE(verdict(keys, bytes), "accepted") << "bit " << bit;
    }
}

TEST(BeatAuth, TellsAnUnknownKeyFromADamagedBeat) {
    const BeatKeys ours = samples::keys(kFirstKey);
    Bytes bytes = samples::signed_bytes(samples::beat(), samples::keys(kSecondKey));
    EXPECT_EQ(verdict(ours, bytes), "signed with an unknown key");
    bytes = samples::signed_bytes(samples::beat(), ours);
    bytes[100] = 1;
    EXPECT_EQ(verdict(ours, bytes), "damaged or forged");
}

TEST(BeatAuth, RefusesAForeignTagUnderAKnownKeyId) {
    const BeatKeys ours = samples::keys(kFirstKey);
    const BeatKeys theirs = samples::keys(kSecondKey);
    Bytes bytes{};
    encode_beat(samples::beat(), samples::cluster(), ours.sending_id(), bytes);
    theirs.sign(bytes);
    EXPECT_EQ(verdict(ours, bytes), "damaged or forged");
}

// Why: a key is rotated without downtime only if hosts at every two neighbouring stages understand
// each other.
TEST(BeatAuth, HostsUnderstandEachOtherThroughARotation) {
    const std::vector<std::pair<std::string_view, std::string_view>> stages = {
        {kFirstKey, ""}, {kFirstKey, kSecondKey}, {kSecondKey, kFirstKey}, {kSecondKey, ""}};
    for (std::size_t i = 0; i + 1 < stages.size(); ++i) {
        const BeatKeys before = samples::keys(stages[i].first, stages[i].second);
        const BeatKeys after = samples::keys(stages[i + 1].first, stages[i + 1].second);
        EXPECT_EQ(verdict(after, samples::signed_bytes(samples::beat(), before)), "accepted") << i;
        EXPECT_EQ(verdict(before, samples::signed_bytes(samples::beat(), after)), "accepted") << i;
    }
}

TEST(BeatAuth, SendsWithTheFirstKey) {
    const BeatKeys both = samples::keys(kSecondKey, kFirstKey);
    EXPECT_EQ(both.count(), 2U);
    EXPECT_EQ(both.sending_id(), samples::keys(kSecondKey).sending_id());
    EXPECT_NE(both.sending_id(), samples::keys(kFirstKey).sending_id());
}

// Why: the loop replaces keys in place when they are rotated.
TEST(BeatAuth, KeysCanBeReplacedInPlace) {
    BeatKeys keys = samples::keys(kFirstKey);
    keys = samples::keys(kSecondKey);
    EXPECT_EQ(keys.sending_id(), samples::keys(kSecondKey).sending_id());
    const BeatKeys moved = std::move(keys);
    EXPECT_EQ(verdict(moved, samples::signed_bytes(samples::beat(), moved)), "accepted");
}

std::string parse_error(const std::string& text) {
    const Result<BeatKeys> keys = BeatKeys::parse(text, "k");
    return keys ? "accepted" : keys.error().text;
}

TEST(KeyFile, TakesOneLineOrTwoWithOrWithoutALastLineEnd) {
    const std::string first(kFirstKey);
    const std::string second(kSecondKey);
    const std::string both = std::string(first).append("\n").append(second);
    for (const std::string& text : {first, first + "\n", both, both + "\n"}) {
        EXPECT_EQ(parse_error(text), "accepted") << text.size();
    }
    std::string upper = second;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_EQ(samples::keys(upper).sending_id(), samples::keys(second).sending_id());
}

TEST(KeyFile, SaysWhatIsWrongAndNeverShowsTheKey) {
    const std::string first(kFirstKey);
    const std::string second(kSecondKey);
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", "key file k: empty"},
        {"\n", "line 1 has 0 hex digits"},
        {first.substr(1), "line 1 has 63 hex digits, a key has 64"},
        {first + "0", "line 1 has 65 hex digits"},
        {first + "\n" + second.substr(0, 10), "line 2 has 10 hex digits"},
        {first + "\n\n", "line 2 has 0 hex digits"},
        {first + "\n" + second + "\n" + first, "line 3: at most two keys"},
        {first + "\n" + first, "line 2 repeats line 1"},
        {std::string(64, '0'), "line 1 is all zero"},
        {first + "\r\n", "line 1 ends with a carriage return"},
        {" " + first, "line 1 column 1 is not a hex digit"},
        {first.substr(0, 63) + "g", "line 1 column 64 is not a hex digit"},
        {"# key\n" + first, "line 1 column 1 is not a hex digit"},
    };
    for (const auto& [text, expected] : cases) {
        const std::string error = parse_error(text);
        EXPECT_THAT(error, HasSubstr(expected));
        EXPECT_THAT(error, Not(HasSubstr(first.substr(8, 16))));
        EXPECT_THAT(error, Not(HasSubstr(second.substr(8, 16))));
    }
}

class KeyFileOnDisk : public testing::Test {
  protected:
    void SetUp() override {
        path_ = testing::TempDir() + "holdfast_key_" + std::to_string(getpid());
        write(std::string(kFirstKey) + "\n", 0600);
    }

    void TearDown() override { std::remove(path_.c_str()); }

    void write(const std::string& content, mode_t mode) {
        std::remove(path_.c_str());
        std::ofstream(path_) << content;
        ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    }

    [[nodiscard]] std::string load_error() const {
        const Result<BeatKeys> keys = BeatKeys::load(path_);
        return keys ? "accepted" : keys.error().text;
    }

    std::string path_;
};

TEST_F(KeyFileOnDisk, IsLoaded) {
    EXPECT_EQ(load_error(), "accepted");
    write(std::string(kFirstKey) + "\n" + std::string(kSecondKey) + "\n", 0600);
    EXPECT_EQ(load_error(), "accepted");
}

TEST_F(KeyFileOnDisk, IsRefusedWithAnyOtherMode) {
    for (const mode_t mode : {0644U, 0640U, 0604U, 0700U, 0400U, 0660U}) {
        write(std::string(kFirstKey), mode);
        if (geteuid() != 0 && mode == 0U) continue;
        EXPECT_THAT(load_error(), HasSubstr("must be 0600")) << std::oct << mode;
    }
}

TEST_F(KeyFileOnDisk, IsRefusedWhenMissingTooLongOrNoFile) {
    write(std::string(kFirstKey) + "\n" + std::string(kSecondKey) + "\n\n", 0600);
    EXPECT_THAT(load_error(), HasSubstr("has more than 130 bytes"));
    std::remove(path_.c_str());
    EXPECT_THAT(load_error(), HasSubstr("missing"));
    EXPECT_THAT(load_error(), HasSubstr(path_));
    ASSERT_EQ(mkdir(path_.c_str(), 0600), 0);
    EXPECT_THAT(load_error(), HasSubstr("not a regular file"));
    ASSERT_EQ(rmdir(path_.c_str()), 0);
    ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
    EXPECT_THAT(load_error(), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace holdfast
