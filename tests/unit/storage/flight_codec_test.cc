// Whatever can enter the engine comes out of the flight log's codec as it went in: every kind of event, with random content.
#include <cstddef>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/prng.h"
#include "engine/machine/engine.h"
#include "storage/flight/event_codec.h"
#include "storage/flight/field_codec.h"
#include "storage/flight/flight_format.h"

namespace holdfast::flight {
namespace {

// Random content for every kind of value that field_codec.h knows.
struct Dice {
    Prng prng;
    Pointees* pointees = nullptr;

    template <typename T>
    void roll_enum(T& value) {
        do {
            value = static_cast<T>(prng.below(kEnumeratorsMax));
        } while (!is_enumerator<T>(static_cast<std::uint8_t>(value)));
    }

    template <typename T>
    void roll(T& value) {
        if constexpr (std::same_as<T, HostId>) {
            value = HostId{static_cast<std::uint16_t>(prng.below(kHostsMax + 1))};
        } else if constexpr (NumberLike<T>) {
            // Small and large ones, and what does not fit is cut.
            const std::uint64_t number = prng.next() >> prng.below(64);
            static_cast<void>(set_number(value, number));
        } else if constexpr (std::same_as<T, bool>) {
            value = prng.below(2) == 1;
        } else if constexpr (std::is_enum_v<T>) {
            roll_enum(value);
        } else if constexpr (std::is_pointer_v<T>) {
            using Pointee = std::remove_cv_t<std::remove_pointer_t<T>>;
            value = nullptr;
            if (prng.below(3) == 0) return;
            roll(std::get<Pointee>(*pointees));
            value = &std::get<Pointee>(*pointees);
        } else if constexpr (FixedTextLike<T>) {
            value = T{std::string(prng.below(60), 'x')};
        } else if constexpr (std::same_as<T, HostSet>) {
            for (std::uint64_t& word : value.words()) word = prng.next();
        } else if constexpr (kIsArray<T>) {
            for (auto& item : value) roll(item);
        } else if constexpr (kIsFixedList<T>) {
            value.clear();
            for (std::uint64_t left = prng.below(5); left > 0; --left) {
                auto item = std::remove_cvref_t<decltype(value[0])>{};
                roll(item);
                value.push(item);
            }
        } else if constexpr (requires { typename T::element_type; }) {
            value = {};
        } else if constexpr (kIsVariant<T>) {
            roll_one(value, std::make_index_sequence<std::variant_size_v<T>>{});
        } else {
            each_field(value, [this](auto& field) { roll(field); });
        }
    }

    template <typename T, std::size_t... I>
    void roll_one(T& value, std::index_sequence<I...> /*kinds*/) {
        const std::size_t kind = prng.below(sizeof...(I));
        static_cast<void>(((kind == I && (roll(value.template emplace<I>()), true)) || ...));
    }
};

// The same, and the same behind pointers.
struct Comparison {
    bool equal = true;

    template <typename T>
    void add(const T& left, const T& right) {
        if constexpr (std::is_pointer_v<T>) {
            equal = equal && (left == nullptr) == (right == nullptr);
            if (left != nullptr && right != nullptr) add(*left, *right);
        } else if constexpr (requires { typename T::element_type; }) {
            equal = equal && left.size() == right.size();
            for (std::size_t i = 0; equal && i < left.size(); ++i) add(left[i], right[i]);
        } else if constexpr (std::same_as<T, SlotView>) {
            equal = equal && left.reading == right.reading;
            if (left.reading == SlotReading::Valid) equal = equal && left.record == right.record;
        } else if constexpr (kIsVariant<T>) {
            equal = equal && left.index() == right.index();
            if (!equal) return;
            std::visit(
                [this, &right](const auto& value) {
                    add(value, std::get<std::remove_cvref_t<decltype(value)>>(right));
                },
                left);
        } else if constexpr (PlainStruct<T>) {
            each_field(left, right, [this](const auto& a, const auto& b) { add(a, b); });
        } else {
            equal = equal && same(left, right);
        }
    }
};

template <std::size_t... I>
void roll_body(std::size_t kind, EventBody& body, Dice& dice, std::index_sequence<I...> /*all*/) {
    static_cast<void>(((kind == I && (dice.roll(body.emplace<I>()), true)) || ...));
}

class FlightCodec : public testing::Test {
  protected:
    // A random event; scans get slots of which some changed.
    const Event& random_event(std::size_t kind) {
        event_.now += Duration{static_cast<std::int64_t>(dice_.prng.below(1'000'000'000))};
        roll_body(kind, event_.body, dice_, std::make_index_sequence<kEventKinds>{});
        if (auto* scan = std::get_if<SlotsRead>(&event_.body)) {
            scan->first = HostId{static_cast<std::uint16_t>(1 + dice_.prng.below(1000))};
            const std::size_t count = dice_.prng.below(25);
            for (std::size_t i = 0; i < count; ++i) {
                if (dice_.prng.below(3) == 0) dice_.roll(slots_[scan->first.value() + i]);
            }
            scan->slots = std::span(slots_).subspan(scan->first.value(), count);
        }
        return event_;
    }

    // Through the codec; how many bytes that took.
    std::size_t expect_round_trip(const Event& event) {
        ByteWriter out(buffer_);
        encoder_.put_event(event, out);
        EXPECT_FALSE(out.overflowed());
        ByteReader in(out.written());
        EXPECT_TRUE(decoder_.get_event(event.body.index(), in, decoded_));
        EXPECT_EQ(in.left(), 0U);
        EXPECT_EQ(decoded_.now, event.now);
        EXPECT_EQ(decoded_.body.index(), event.body.index());
        Comparison comparison;
        std::visit(
            [&](const auto& body) {
                using Body = std::remove_cvref_t<decltype(body)>;
                comparison.add(body, std::get<Body>(decoded_.body));
            },
            event.body);
        EXPECT_TRUE(comparison.equal) << "event kind " << event.body.index();
        return out.size();
    }

    std::unique_ptr<Pointees> pointees_ = std::make_unique<Pointees>();
    Dice dice_{Prng{7}, pointees_.get()};
    std::vector<SlotView> slots_{kHostsMax + 1};
    std::vector<std::byte> buffer_{1U << 20U};
    EventEncoder encoder_;
    EventDecoder decoder_;
    Event event_;
    Event decoded_;
};

TEST_F(FlightCodec, CarriesEveryKindOfEvent) {
    for (int round = 0; round < 200; ++round) {
        for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
            expect_round_trip(random_event(kind));
            ASSERT_FALSE(HasFailure()) << "round " << round;
        }
    }
}

TEST_F(FlightCodec, CanBeReadAgainAfterAReset) {
    for (std::size_t kind = 0; kind < kEventKinds; ++kind) expect_round_trip(random_event(kind));
    encoder_.reset();
    decoder_.reset();
    for (std::size_t kind = 0; kind < kEventKinds; ++kind) expect_round_trip(random_event(kind));
    // And a reader that knows nothing cannot take what leans on what was before.
    EventDecoder other;
    ByteWriter out(buffer_);
    encoder_.put_event(event_, out);
    ByteReader in(out.written());
    static_cast<void>(other.get_event(event_.body.index(), in, decoded_));
    EXPECT_NE(decoded_.now, event_.now);
}

TEST_F(FlightCodec, WhatDidNotChangeCostsNextToNothing) {
    Event scan{Instant{seconds{100}}, SlotsRead{}};
    auto& read = std::get<SlotsRead>(scan.body);
    read = SlotsRead{0, RequestId{5}, IoStatus::Done, HostId{1}, std::span(slots_).subspan(1, 64)};
    for (SlotView& view : slots_) {
        dice_.roll(view);
        view.reading = SlotReading::Valid;
    }
    expect_round_trip(scan);
    read.datastore = 1;
    scan.now += milliseconds{1};
    EXPECT_LT(expect_round_trip(scan), 16U);
    // One host has beaten once more.
    auto& record = slots_[3].record;
    record.sequence = record.sequence.next();
    EXPECT_LT(expect_round_trip(scan), 24U);
}

TEST_F(FlightCodec, CarriesTraceLinesAndTheStart) {
    Trace line;
    for (int round = 0; round < 100; ++round) {
        dice_.roll(line);
        ByteWriter out(buffer_);
        encoder_.put_trace(line, Instant{seconds{3}}, out);
        ByteReader in(out.written());
        Trace read;
        ASSERT_TRUE(decoder_.get_trace(Instant{seconds{3}}, in, read));
        ASSERT_TRUE(same(line, read));
    }
    FlightStart start;
    start.config.timing = kTimingPatient;
    start.config.members.push(HostId{3});
    start.config.self = HostId{3};
    start.config.voters_count = start.config.datastores_count = 1;
    start.config.seed = 99;
    start.config.lease_inherited_until = Instant{seconds{9}};
    const auto bytes = encode_flight_header(start, "1.2.3");
    const auto header = decode_flight_header(bytes);
    ASSERT_TRUE(header) << header.error().text;
    EXPECT_TRUE(same(header->start, start));
    EXPECT_EQ(header->software, "1.2.3");
    EXPECT_EQ(header->bytes, bytes.size());
}

// If the compiler's count of members were wrong, a member would go unrecorded.
TEST(FlightFields, EveryMemberIsCounted) {
    EXPECT_EQ(fields_count<Tick>(), 0U);
    EXPECT_EQ(fields_count<SlotFlags>(), 8U);
    EXPECT_EQ(fields_count<HostKey>(), 2U);
    EXPECT_EQ(fields_count<Roster>(), 6U);
    EXPECT_EQ(fields_count<Timing>(), 9U);
    EXPECT_TRUE(is_enumerator<IoStatus>(1));
    EXPECT_FALSE(is_enumerator<IoStatus>(0));
    EXPECT_FALSE(is_enumerator<IoStatus>(3));
    EXPECT_TRUE(is_enumerator<TraceCode>(static_cast<std::uint8_t>(TraceCode::ShutdownBegun)));
    EXPECT_FALSE(is_enumerator<TraceCode>(127));
}

TEST(FlightFormat, WhatAnEngineCannotBeMadeOfIsNamed) {
    EngineConfig config;
    config.timing = kTimingFast;
    config.self = HostId{1};
    config.voters_count = config.datastores_count = 3;
    EXPECT_EQ(why_unusable(config), "host 1 is no member");
    config.members.push(HostId{1});
    EXPECT_EQ(why_unusable(config), "");
    config.voters_count = 2;
    EXPECT_EQ(why_unusable(config), "2 voting datastores");
    config.voters_count = 3;
    config.timing.dead = seconds{1};
    EXPECT_EQ(why_unusable(config), "its timing is not safe");
}

}  // namespace
}  // namespace holdfast::flight
