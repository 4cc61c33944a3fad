// The form of a beat on the wire: golden bytes, round trips, and a code for every rejection.
#include "net/beat_format.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/prng.h"
#include "tests/unit/net/net_samples.h"

namespace holdfast {
namespace {

using samples::Bytes;

// Made by a program of its own (struct and hashlib.blake2b of Python), so that encoder and decoder
// cannot be wrong together.  A change here needs a new version and docs/WIRE_FORMAT.md.
constexpr std::string_view kGolden =
    "4846423101000001101112131415161718191a1b1c1d1e1fa3255fd703000004"
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
    "0200000007000000080706050403020125010000030000000094357700000000"
    "00ca9a3b00000000090000000000000003000000000000000200000007000000"
    "040000000000000001000000050000004d000000000000000300000006000000"
    "08000000000000000c0000000000000015000000000000001600000000000000"
    "4c00000000000000000000000000000000000000000000000000000000000000"
    "70fa3fc41d72c2dc47369d68f87fc47f6aa7239251465ec1011b23f03a5f60fb";

Bytes golden_bytes() {
    Bytes bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(
            std::stoul(std::string(kGolden.substr(2 * i, 2)), nullptr, 16));
    }
    return bytes;
}

Bytes encoded(const Beat& beat) {
    Bytes bytes{};
    encode_beat(beat, samples::cluster(), 0x11223344, bytes);
    return bytes;
}

TEST(BeatFormat, WritesTheGoldenBytes) {
    const Bytes bytes = samples::signed_bytes(samples::beat(), samples::keys(samples::kFirstKey));
    EXPECT_EQ(samples::hex(bytes.data(), bytes.size()), kGolden);
}

TEST(BeatFormat, ReadsTheGoldenBytes) {
    const Bytes bytes = golden_bytes();
    ASSERT_TRUE(check_envelope(bytes, samples::cluster()));
    ASSERT_TRUE(samples::keys(samples::kFirstKey).check(bytes));
    const Result<Beat, BeatReject> beat = decode_beat(bytes);
    ASSERT_TRUE(beat) << to_string(beat.error());
    EXPECT_EQ(*beat, samples::beat());
}

Beat random_beat(Prng& prng) {
    Beat beat;
    const auto number = [&prng](std::uint64_t bound) { return 1 + prng.below(bound); };
    beat.from = HostId{static_cast<std::uint16_t>(number(kHostsMax / 2))};
    beat.to = HostId{static_cast<std::uint16_t>(beat.from.value() + number(kHostsMax / 2))};
    for (auto& byte : beat.host_uuid.bytes) byte = static_cast<std::uint8_t>(number(255));
    for (auto& byte : beat.boot_id.bytes) byte = static_cast<std::uint8_t>(number(255));
    beat.incarnation = Incarnation::from_value(prng.next() | 1U);
    beat.number = BeatNumber{prng.next() | 1U};
    const std::uint64_t bits = prng.next();
    beat.flags = {(bits & 1U) != 0,
                  (bits & 2U) != 0,
                  (bits & 4U) != 0,
                  (bits & 8U) != 0,
                  (bits & 16U) != 0,
                  (bits & 32U) != 0,
                  (bits & 512U) != 0};
    beat.lease = Duration{static_cast<std::int64_t>(prng.below(kPromiseMax.count() + 1))};
    beat.watchdog = Duration{static_cast<std::int64_t>(prng.below(kPromiseMax.count() + 1))};
    beat.watchdog_class = static_cast<WatchdogClass>(number(3));
    if ((bits & 64U) != 0) {
        beat.epoch = Epoch{prng.next() | 1U};
        beat.winner = HostKey{beat.from, Incarnation::from_value(prng.next() | 1U)};
        beat.leading = (bits & 128U) != 0;
    }
    beat.resigned_epoch = Epoch{prng.next()};
    if ((bits & 256U) != 0) {
        beat.answered_incarnation = Incarnation::from_value(prng.next() | 1U);
        beat.answered_number = BeatNumber{prng.next() | 1U};
    }
    beat.pill = Incarnation::from_value(prng.next());
    beat.config = ConfigNumber{Epoch{prng.next()}, prng.next()};
    beat.roster_version = Version{prng.next()};
    beat.orders_version = Version{prng.next()};
    beat.round_after = BeatNumber{prng.next()};
    return beat;
}

TEST(BeatFormat, ReadsBackWhatItWrote) {
    Prng prng(1);
    for (int i = 0; i < 2000; ++i) {
        const Beat beat = random_beat(prng);
        const Result<Beat, BeatReject> back = decode_beat(encoded(beat));
        ASSERT_TRUE(back) << i << ": " << to_string(back.error());
        EXPECT_EQ(*back, beat) << i;
    }
}

// Why: whatever the bytes, decoding is defined, and what it accepts is in range (the sanitizers
// watch).
TEST(BeatFormat, ReadsAnyBytesWithoutHarm) {
    Prng prng(2);
    for (int i = 0; i < 20'000; ++i) {
        Bytes bytes = encoded(samples::beat());
        for (std::uint64_t hits = 1 + prng.below(8); hits > 0; --hits) {
            bytes[prng.below(bytes.size())] = static_cast<std::uint8_t>(prng.next());
        }
        (void)check_envelope(bytes, samples::cluster());
        const Result<Beat, BeatReject> beat = decode_beat(bytes);
        if (!beat) continue;
        EXPECT_LE(beat->from.value(), kHostsMax);
        EXPECT_LE(beat->lease, kPromiseMax);
        EXPECT_NE(beat->from, beat->to);
    }
}

std::string envelope_verdict(std::span<const std::uint8_t> bytes) {
    const auto checked = check_envelope(bytes, samples::cluster());
    return checked ? "accepted" : std::string(to_string(checked.error()));
}

TEST(BeatFormat, RefusesEveryTruncation) {
    const Bytes bytes = encoded(samples::beat());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_EQ(envelope_verdict(std::span(bytes).first(size)), "too short for a beat") << size;
    }
    EXPECT_EQ(envelope_verdict(bytes), "accepted");
}

TEST(BeatFormat, RefusesWhatIsTooLong) {
    const Bytes bytes = encoded(samples::beat());
    std::vector<std::uint8_t> longer(bytes.begin(), bytes.end());
    longer.push_back(0);
    EXPECT_EQ(envelope_verdict(longer), "wrong length");
    longer.resize(kDatagramBytesMax);
    EXPECT_EQ(envelope_verdict(longer), "wrong length");
}

struct Damage {
    std::size_t offset;
    std::uint8_t value;
    std::string_view verdict;
};

TEST(BeatFormat, TellsWhatIsWrongWithTheEnvelope) {
    const std::vector<Damage> cases = {
        {0, 'h', "not a beat"},
        {3, '2', "not a beat"},
        {4, 0, "older version"},
        {4, 2, "newer version"},
        {5, 1, "newer version"},
        {6, 1, "wrong length"},
        {7, 0, "wrong length"},
        {8, 0, "another cluster's beat"},
        {23, 0, "another cluster's beat"},
    };
    for (const Damage& damage : cases) {
        Bytes bytes = encoded(samples::beat());
        bytes[damage.offset] = damage.value;
        EXPECT_EQ(envelope_verdict(bytes), damage.verdict) << damage.offset;
    }
}

// Why: a later version may be longer or shorter; it must still be called newer, not damaged.
TEST(BeatFormat, CallsANewerVersionNewerWhateverItsSize) {
    Bytes bytes = encoded(samples::beat());
    bytes[4] = 2;
    EXPECT_EQ(envelope_verdict(std::span(bytes).first(kBeatPrefixBytes)), "newer version");
    std::vector<std::uint8_t> longer(bytes.begin(), bytes.end());
    longer.resize(kDatagramBytesMax);
    EXPECT_EQ(envelope_verdict(longer), "newer version");
    EXPECT_EQ(claimed_version(longer), 2);
    EXPECT_EQ(claimed_sender(longer), HostId{3});
    EXPECT_EQ(claimed_version(std::span(bytes).first(5)), 0);
    EXPECT_EQ(claimed_sender(std::span(bytes).first(29)), HostId{});
}

struct Nonsense {
    std::string_view what;
    std::function<void(Beat&)> make;
    BeatReject reject;
};

const std::vector<Nonsense>& nonsense() {
    using enum BeatReject;
    static const std::vector<Nonsense> kList = {
        {"no sender", [](Beat& b) { b.from = HostId{}; }, BadHost},
        {"sender too high", [](Beat& b) { b.from = HostId{kHostsMax + 1}; }, BadHost},
        {"no receiver", [](Beat& b) { b.to = HostId{}; }, BadHost},
        {"receiver too high", [](Beat& b) { b.to = HostId{kHostsMax + 1}; }, BadHost},
        {"to itself", [](Beat& b) { b.to = b.from; }, BadHost},
        {"no host uuid", [](Beat& b) { b.host_uuid = Uuid{}; }, BadHost},
        {"no boot id", [](Beat& b) { b.boot_id = Uuid{}; }, BadHost},
        {"no incarnation", [](Beat& b) { b.incarnation = Incarnation{}; }, BadHost},
        {"no number", [](Beat& b) { b.number = BeatNumber{}; }, BadHost},
        {"endless lease", [](Beat& b) { b.lease = kPromiseMax + Duration{1}; }, BadPromise},
        {"negative lease", [](Beat& b) { b.lease = Duration{-1}; }, BadPromise},
        {"endless watchdog", [](Beat& b) { b.watchdog = kPromiseMax + Duration{1}; }, BadPromise},
        {"no class", [](Beat& b) { b.watchdog_class = WatchdogClass{0}; }, BadPromise},
        {"class too high", [](Beat& b) { b.watchdog_class = WatchdogClass{4}; }, BadPromise},
        {"winner too high", [](Beat& b) { b.winner.host = HostId{kHostsMax + 1}; }, BadLeadership},
        {"winner without incarnation",
         [](Beat& b) { b.winner.incarnation = Incarnation{}; },
         BadLeadership},
        {"winner without host", [](Beat& b) { b.winner.host = HostId{}; }, BadLeadership},
        {"winner without epoch", [](Beat& b) { b.epoch = Epoch{}; }, BadLeadership},
        {"leads without winning", [](Beat& b) { b.winner.host = HostId{4}; }, BadLeadership},
        {"leads nothing", [](Beat& b) { b.winner = HostKey{}; }, BadLeadership},
        {"answer without number", [](Beat& b) { b.answered_number = BeatNumber{}; }, BadAnswer},
        {"answer without incarnation",
         [](Beat& b) { b.answered_incarnation = Incarnation{}; },
         BadAnswer},
    };
    return kList;
}

TEST(BeatFormat, RefusesEachFieldOutOfRange) {
    for (const Nonsense& item : nonsense()) {
        Beat beat = samples::beat();
        item.make(beat);
        const Result<Beat, BeatReject> decoded = decode_beat(encoded(beat));
        ASSERT_FALSE(decoded) << item.what;
        EXPECT_EQ(decoded.error(), item.reject) << item.what;
    }
}

TEST(BeatFormat, IgnoresReservedBytes) {
    Bytes bytes = encoded(samples::beat());
    for (const std::size_t offset : {82U, 83U, 85U, 87U, 114U, 119U, 200U, 223U}) {
        bytes[offset] = 0xff;
    }
    const Result<Beat, BeatReject> beat = decode_beat(bytes);
    ASSERT_TRUE(beat);
    EXPECT_EQ(*beat, samples::beat());
}

TEST(BeatReject, EachHasItsOwnWords) {
    std::set<std::string_view> phrases;
    std::set<std::string_view> labels;
    for (std::size_t i = 0; i < kBeatRejectCount; ++i) {
        phrases.insert(to_string(static_cast<BeatReject>(i)));
        labels.insert(label_of(static_cast<BeatReject>(i)));
    }
    EXPECT_EQ(phrases.size(), kBeatRejectCount);
    EXPECT_EQ(labels.size(), kBeatRejectCount);
    EXPECT_EQ(to_string(static_cast<BeatReject>(kBeatRejectCount)), "unknown");
    EXPECT_EQ(label_of(BeatReject::NewerVersion), "newer_version");
}

}  // namespace
}  // namespace holdfast
