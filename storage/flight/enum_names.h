// is_enumerator(value): whether a byte from a log is a value that the enumeration knows.
//
// The compiler spells an enumerator by its name and any other value as a cast; so nobody keeps a list that a new enumerator
// would make wrong.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace holdfast::flight {

inline constexpr std::size_t kEnumeratorsMax = 128;  // values 0..127 are looked at

template <auto kValue>
[[nodiscard]] consteval bool has_name() {
    const std::string_view text = __PRETTY_FUNCTION__;
    // "... [with auto kValue = holdfast::IoStatus::Done]" or "... = (holdfast::IoStatus)7]"
    const std::size_t equals = text.rfind("kValue = ");
    return text[equals + 9] != '(';
}

template <typename E, std::size_t... I>
[[nodiscard]] consteval auto named_values(std::index_sequence<I...> /*values*/) {
    return std::array<bool, sizeof...(I)>{has_name<static_cast<E>(I)>()...};
}

template <typename E>
[[nodiscard]] constexpr bool is_enumerator(std::uint8_t value) {
    static_assert(sizeof(E) == 1, "enumerations of the engine are bytes");
    constexpr auto kNamed = named_values<E>(std::make_index_sequence<kEnumeratorsMax>{});
    return value < kNamed.size() && kNamed[value];
}

}  // namespace holdfast::flight
