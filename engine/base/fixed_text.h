// FixedText<N>: text of at most N bytes, kept in place; longer text is cut.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

template <std::size_t N>
class FixedText {
    static_assert(N <= 255);

  public:
    FixedText() = default;

    explicit FixedText(std::string_view text) {
        size_ = static_cast<std::uint8_t>(text.size() < N ? text.size() : N);
        text.copy(text_.data(), size_);
    }

    [[nodiscard]] std::string_view view() const { return {text_.data(), size_}; }

    friend bool operator==(const FixedText& left, const FixedText& right) {
        return left.view() == right.view();
    }

  private:
    std::array<char, N> text_{};
    std::uint8_t size_ = 0;
};

}  // namespace holdfast
