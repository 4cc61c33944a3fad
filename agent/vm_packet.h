// Reading and writing the fields of a message of vm_protocol.h: little-endian, lengths before texts, nothing trusted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "agent/vm_protocol.h"
#include "engine/base/types.h"

namespace holdfast::vm_protocol {

class PacketWriter {
  public:
    template <typename T>
    void number(T value) {
        static_assert(std::is_unsigned_v<T>);
        for (std::size_t i = 0; i < sizeof(T); ++i) {
            bytes_.push_back(static_cast<std::uint8_t>(std::uint64_t{value} >> (8 * i)));
        }
    }

    void uuid(const Uuid& value) {
        bytes_.insert(bytes_.end(), value.bytes.begin(), value.bytes.end());
    }

    void instant(Instant value) {
        number(static_cast<std::uint64_t>(value.time_since_epoch().count()));
    }

    void blob(std::span<const std::uint8_t> value) {
        number(static_cast<std::uint32_t>(value.size()));
        bytes_.insert(bytes_.end(), value.begin(), value.end());
    }

    void text(std::string_view value) {
        value = value.substr(0, kTextBytesMax);
        number(static_cast<std::uint32_t>(value.size()));
        bytes_.insert(bytes_.end(), value.begin(), value.end());
    }

    void overwrite(std::size_t offset, std::uint32_t value) {
        for (std::size_t i = 0; i < sizeof(value); ++i) {
            bytes_[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
        }
    }

    [[nodiscard]] std::vector<std::uint8_t>& bytes() { return bytes_; }

  private:
    std::vector<std::uint8_t> bytes_;
};

// Reads fields in order.  After the first one that is out of bounds every further field is empty and ok() is false.
class PacketReader {
  public:
    explicit PacketReader(std::span<const std::uint8_t> rest) : rest_(rest) {}

    template <typename T>
    T number() {
        T value = 0;
        const std::span<const std::uint8_t> part = take(sizeof(T));
        for (std::size_t i = 0; i < part.size(); ++i) {
            value = static_cast<T>(value | static_cast<T>(static_cast<T>(part[i]) << (8 * i)));
        }
        return value;
    }

    template <typename E>
    E choice(E first, E last) {
        using Rep = std::underlying_type_t<E>;
        const Rep value = number<Rep>();
        if (value < static_cast<Rep>(first) || value > static_cast<Rep>(last)) {
            ok_ = false;
            return first;
        }
        return static_cast<E>(value);
    }

    bool flag() {
        const auto value = number<std::uint8_t>();
        if (value > 1) ok_ = false;
        return value == 1;
    }

    Uuid uuid() {
        Uuid value;
        const std::span<const std::uint8_t> part = take(value.bytes.size());
        std::copy(part.begin(), part.end(), value.bytes.begin());
        return value;
    }

    Instant instant() {
        return Instant{Duration{static_cast<std::int64_t>(number<std::uint64_t>())}};
    }

    std::vector<std::uint8_t> blob(std::size_t bytes_max) {
        const std::span<const std::uint8_t> part = take_sized(bytes_max);
        return {part.begin(), part.end()};
    }

    std::string text(std::size_t bytes_max = kTextBytesMax) {
        const std::span<const std::uint8_t> part = take_sized(bytes_max);
        return {part.begin(), part.end()};
    }

    // Whether every field was there, in range, and nothing is left.
    [[nodiscard]] bool complete() const { return ok_ && rest_.empty(); }

    void refuse() { ok_ = false; }

  private:
    std::span<const std::uint8_t> take(std::size_t size) {
        if (!ok_ || rest_.size() < size) {
            ok_ = false;
            return {};
        }
        const std::span<const std::uint8_t> part = rest_.first(size);
        rest_ = rest_.subspan(size);
        return part;
    }

    std::span<const std::uint8_t> take_sized(std::size_t bytes_max) {
        const std::size_t size = number<std::uint32_t>();
        if (size > bytes_max) ok_ = false;
        return take(size);
    }

    std::span<const std::uint8_t> rest_;
    bool ok_ = true;
};

}  // namespace holdfast::vm_protocol
