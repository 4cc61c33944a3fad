// put(), get(), same() and mix() for every kind of value that enters or leaves the engine.
//
// A value is written as its difference from a base that writer and reader both hold: members that are equal cost one bit of
// a mask, numbers their distance.  The functions find their way through structs by themselves (fields.h); a kind of value that
// is not listed here does not compile, so nothing can enter the engine unrecorded.
//
// `context` says what a pointer means: it has put_pointee(writer, pointer) and get_pointee(reader, pointer).
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "engine/base/fixed_list.h"
#include "engine/base/host_set.h"
#include "engine/base/types.h"
#include "storage/flight/bytes.h"
#include "storage/flight/enum_names.h"
#include "storage/flight/fields.h"

namespace holdfast::flight {

template <typename T>
inline constexpr bool kIsFixedList = false;
template <typename T, std::size_t N>
inline constexpr bool kIsFixedList<FixedList<T, N>> = true;

template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <typename T>
inline constexpr bool kIsVariant = false;
template <typename... T>
inline constexpr bool kIsVariant<std::variant<T...>> = true;

// Text kept in place: VmName and its like.
template <typename T>
concept FixedTextLike = std::is_class_v<T> && std::constructible_from<T, std::string_view> &&
    requires(const T& text) {
    { text.view() } -> std::same_as<std::string_view>;
};

template <typename T>
concept Number = std::integral<T> && !std::same_as<T, bool>;

// What is at heart one number, and the way there and back.
template <typename T>
[[nodiscard]] constexpr auto number_of(const T& value) {
    if constexpr (Number<T>) {
        return static_cast<std::uint64_t>(value);
    } else if constexpr (std::same_as<T, Duration>) {
        return static_cast<std::uint64_t>(value.count());
    } else if constexpr (std::same_as<T, Instant>) {
        return static_cast<std::uint64_t>(value.time_since_epoch().count());
    } else if constexpr (requires { T::from_value(value.value()); }) {
        return static_cast<std::uint64_t>(value.value());
    } else if constexpr (requires {
                             typename T::value_type;
                             T{value.value()};
                             value.is_none();
                         }) {
        return static_cast<std::uint64_t>(value.value());
    } else {
        return;
    }
}

template <typename T>
concept NumberLike = std::same_as<decltype(number_of(std::declval<const T&>())), std::uint64_t>;

// False when the number is none that a T can have.
template <NumberLike T>
[[nodiscard]] constexpr bool set_number(T& value, std::uint64_t number) {
    if constexpr (Number<T>) {
        value = static_cast<T>(number);
    } else if constexpr (std::same_as<T, Duration>) {
        value = Duration{static_cast<std::int64_t>(number)};
    } else if constexpr (std::same_as<T, Instant>) {
        value = Instant{Duration{static_cast<std::int64_t>(number)}};
    } else if constexpr (requires { T::from_value(number); }) {
        value = T::from_value(number);
    } else {
        value = T{static_cast<typename T::value_type>(number)};
        if constexpr (std::same_as<T, HostId>) {
            if (number > kHostsMax) return false;
        }
    }
    return number_of(value) == number;
}

// A new T; never on a stack, for some are large.
template <typename T>
[[nodiscard]] const T& fresh() {
    static const T kFresh{};
    return kFresh;
}

// ---- equality; a pointer is like its base only when there is nothing behind it

template <typename T>
[[nodiscard]] bool same(const T& left, const T& right) {
    if constexpr (std::is_pointer_v<T>) {
        return left == nullptr;
    } else if constexpr (PlainStruct<T>) {
        bool equal = true;
        each_field(
            left, right, [&equal](const auto& a, const auto& b) { equal = equal && same(a, b); });
        return equal;
    } else if constexpr (kIsFixedList<T>) {
        if (left.size() != right.size()) return false;
        for (std::size_t i = 0; i < left.size(); ++i) {
            if (!same(left[i], right[i])) return false;
        }
        return true;
    } else if constexpr (kIsOptional<T>) {
        return left.has_value() == right.has_value() && (!left || same(*left, *right));
    } else if constexpr (kIsVariant<T>) {
        return left.index() == right.index() &&
               std::visit(
                   [&right](const auto& one) {
                       return same(one, std::get<std::remove_cvref_t<decltype(one)>>(right));
                   },
                   left);
    } else {
        return left == right;
    }
}

// ---- writing

template <typename T, typename Context>
void put(ByteWriter& out, const T& now, const T& base, Context& context);

template <typename T, typename Context>
void put_struct(ByteWriter& out, const T& now, const T& base, Context& context) {
    std::uint64_t mask = 0;
    std::uint64_t bit = 1;
    each_field(now, base, [&](const auto& field, const auto& before) {
        if (!same(field, before)) mask |= bit;
        bit <<= 1U;
    });
    out.varint(mask);
    bit = 1;
    each_field(now, base, [&](const auto& field, const auto& before) {
        if ((mask & bit) != 0) put(out, field, before, context);
        bit <<= 1U;
    });
}

template <typename T, typename Context>
void put_list(ByteWriter& out, const T& now, const T& base, Context& context) {
    using Item = std::remove_cvref_t<decltype(now[0])>;
    out.varint(now.size());
    for (std::size_t i = 0; i < now.size(); ++i) {
        put(out, now[i], i < base.size() ? base[i] : fresh<Item>(), context);
    }
}

template <typename T, typename Context>
void put(ByteWriter& out, const T& now, const T& base, Context& context) {
    if constexpr (NumberLike<T>) {
        out.signed_varint(number_of(now) - number_of(base));
    } else if constexpr (std::same_as<T, bool> || std::is_enum_v<T>) {
        out.byte(static_cast<std::uint8_t>(now));
    } else if constexpr (std::is_pointer_v<T>) {
        context.put_pointee(out, now);
    } else if constexpr (FixedTextLike<T>) {
        out.byte(static_cast<std::uint8_t>(now.view().size()));
        out.bytes(std::as_bytes(std::span(now.view())));
    } else if constexpr (std::same_as<T, HostSet>) {
        put(out, now.words(), base.words(), context);
    } else if constexpr (kIsArray<T> && std::same_as<T, decltype(Uuid::bytes)>) {
        out.bytes(std::as_bytes(std::span(now)));
    } else if constexpr (kIsArray<T>) {
        for (std::size_t i = 0; i < now.size(); ++i) put(out, now[i], base[i], context);
    } else if constexpr (kIsFixedList<T>) {
        put_list(out, now, base, context);
    } else if constexpr (kIsOptional<T>) {
        using Value = typename T::value_type;
        out.byte(now.has_value() ? 1 : 0);
        if (now) put(out, *now, fresh<Value>(), context);
    } else if constexpr (kIsVariant<T>) {
        out.byte(static_cast<std::uint8_t>(now.index()));
        std::visit(
            [&out, &context](const auto& one) {
                put(out, one, fresh<std::remove_cvref_t<decltype(one)>>(), context);
            },
            now);
    } else {
        static_assert(PlainStruct<T>, "teach put(), get() and mix() this kind of value");
        put_struct(out, now, base, context);
    }
}

// ---- reading: `value` is the base and becomes the value

template <typename T, typename Context>
void get(ByteReader& in, T& value, Context& context);

template <typename T, typename Context>
void get_struct(ByteReader& in, T& value, Context& context) {
    std::uint64_t mask = in.varint();
    each_field(value, [&](auto& field) {
        if ((mask & 1U) != 0) {
            get(in, field, context);
        } else if constexpr (std::is_pointer_v<std::remove_cvref_t<decltype(field)>>) {
            field = nullptr;
        }
        mask >>= 1U;
    });
    if (mask != 0) in.fail();
}

template <typename T, typename Context>
void get_list(ByteReader& in, T& list, Context& context) {
    using Item = std::remove_cvref_t<decltype(list[0])>;
    const std::uint64_t count = in.varint();
    if (count > T::kCapacity) {
        in.fail();
        return;
    }
    while (list.size() > count) list.remove_at(list.size() - 1);
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        if (i == list.size()) list.push(fresh<Item>());
        get(in, list[i], context);
    }
}

template <typename T, typename Context>
void get_text(ByteReader& in, T& text, Context& /*context*/) {
    std::array<char, 256> content{};
    const std::uint8_t size = in.byte();
    in.bytes(std::as_writable_bytes(std::span(content).first(size)));
    text = T{std::string_view(content.data(), size)};
    if (text.view().size() != size) in.fail();
}

template <typename T, typename Context, std::size_t... I>
void get_variant(ByteReader& in, T& value, Context& context, std::index_sequence<I...> /*kinds*/) {
    const std::size_t kind = in.byte();
    const bool known =
        ((kind == I && (get(in, value.template emplace<I>(), context), true)) || ...);
    if (!known) in.fail();
}

template <typename T, typename Context>
void get(ByteReader& in, T& value, Context& context) {
    if constexpr (NumberLike<T>) {
        if (!set_number(value, number_of(value) + in.signed_varint())) in.fail();
    } else if constexpr (std::same_as<T, bool>) {
        const std::uint8_t byte = in.byte();
        if (byte > 1) in.fail();
        value = byte == 1;
    } else if constexpr (std::is_enum_v<T>) {
        const std::uint8_t byte = in.byte();
        if (is_enumerator<T>(byte)) {
            value = static_cast<T>(byte);
        } else {
            in.fail();
        }
    } else if constexpr (std::is_pointer_v<T>) {
        context.get_pointee(in, value);
    } else if constexpr (FixedTextLike<T>) {
        get_text(in, value, context);
    } else if constexpr (std::same_as<T, HostSet>) {
        get(in, value.words(), context);
    } else if constexpr (kIsArray<T> && std::same_as<T, decltype(Uuid::bytes)>) {
        in.bytes(std::as_writable_bytes(std::span(value)));
    } else if constexpr (kIsArray<T>) {
        for (auto& item : value) get(in, item, context);
    } else if constexpr (kIsFixedList<T>) {
        get_list(in, value, context);
    } else if constexpr (kIsOptional<T>) {
        const std::uint8_t byte = in.byte();
        if (byte > 1) in.fail();
        value.reset();
        if (byte == 1) get(in, value.emplace(), context);
    } else if constexpr (kIsVariant<T>) {
        get_variant(in, value, context, std::make_index_sequence<std::variant_size_v<T>>{});
    } else {
        get_struct(in, value, context);
    }
}

}  // namespace holdfast::flight
