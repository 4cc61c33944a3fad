// Layout: one number for how a type is put together: its members, their kinds and limits, all the way down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <type_traits>
#include <variant>

#include "storage/flight/field_codec.h"

namespace holdfast::flight {

class Layout {
  public:
    template <typename T>
    void add() {
        if constexpr (std::is_pointer_v<T>) {
            mix(2);
            add<std::remove_cv_t<std::remove_pointer_t<T>>>();
        } else if constexpr (std::is_enum_v<T>) {
            // A new enumerator is a new layout: an older reader does not know it.
            mix(3);
            for (std::size_t i = 0; i < kEnumeratorsMax; ++i) {
                if (is_enumerator<T>(static_cast<std::uint8_t>(i))) mix(i);
            }
        } else if constexpr (kIsArray<T>) {
            mix(4);
            mix(std::tuple_size_v<T>);
            add<typename T::value_type>();
        } else if constexpr (kIsFixedList<T>) {
            mix(5);
            mix(T::kCapacity);
            add<std::remove_cvref_t<decltype(std::declval<T&>()[0])>>();
        } else if constexpr (kIsOptional<T>) {
            mix(6);
            add<typename T::value_type>();
        } else if constexpr (requires { typename T::element_type; }) {
            mix(7);
            add<std::remove_cv_t<typename T::element_type>>();
        } else if constexpr (PlainStruct<T>) {
            add_struct<T>();
        } else {
            mix(8);
            mix(sizeof(T));
        }
    }

    template <typename T>
    requires requires { std::variant_size<T>::value; }

    void add() {
        mix(9);
        add_alternatives<T>(std::make_index_sequence<std::variant_size_v<T>>{});
    }

    [[nodiscard]] std::uint64_t value() const { return value_; }

  private:
    template <typename T, std::size_t... I>
    void add_alternatives(std::index_sequence<I...> /*positions*/) {
        (add<std::variant_alternative_t<I, T>>(), ...);
    }

    template <typename T>
    void add_struct() {
        using Fields = decltype(tie_fields(std::declval<T&>()));
        mix(10);
        mix(std::tuple_size_v<Fields>);
        add_fields<Fields>(std::make_index_sequence<std::tuple_size_v<Fields>>{});
    }

    template <typename Fields, std::size_t... I>
    void add_fields(std::index_sequence<I...> /*positions*/) {
        (add<std::remove_cvref_t<std::tuple_element_t<I, Fields>>>(), ...);
    }

    void mix(std::uint64_t part) { value_ = (value_ ^ part) * 0x100000001b3U; }

    std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace holdfast::flight
