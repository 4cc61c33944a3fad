// Result<T, E>: a value, or the reason why there is none.  What std::expected will be in C++23;
// named so that a later switch is an alias.  E is an enum on the beat path (decoders), and an Error
// with text where people read it.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "engine/base/check.h"

namespace holdfast {

// An operating error for people: what happened, where, the numbers, the consequence and the next step.
struct Error {
    int system_errno = 0;  // 0 where no system call failed
    std::string text;
};

template <typename E>
struct Unexpected {
    E error;
};

template <typename E>
Unexpected(E) -> Unexpected<E>;

template <typename T, typename E = Error>
class [[nodiscard]] Result {
  public:
    // NOLINTNEXTLINE(google-explicit-constructor): a value is a Result
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}

    // NOLINTNEXTLINE(google-explicit-constructor): return Unexpected{...} is the idiom
    Result(Unexpected<E> unexpected)
        : content_(std::in_place_index<1>, std::move(unexpected.error)) {}

    [[nodiscard]] bool has_value() const { return content_.index() == 0; }

    explicit operator bool() const { return has_value(); }

    // REQUIRES: has_value()
    [[nodiscard]] T& value() {
        HF_CHECK(has_value());
        return *std::get_if<0>(&content_);
    }

    // REQUIRES: has_value()
    [[nodiscard]] const T& value() const {
        HF_CHECK(has_value());
        return *std::get_if<0>(&content_);
    }

    [[nodiscard]] T& operator*() { return value(); }

    [[nodiscard]] const T& operator*() const { return value(); }

    [[nodiscard]] T* operator->() { return &value(); }

    [[nodiscard]] const T* operator->() const { return &value(); }

    // REQUIRES: !has_value()
    [[nodiscard]] const E& error() const {
        HF_CHECK(!has_value());
        return *std::get_if<1>(&content_);
    }

  private:
    std::variant<T, E> content_;
};

// For functions that return nothing but may fail.
struct Nothing {};

}  // namespace holdfast
