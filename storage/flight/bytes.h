// ByteWriter and ByteReader: numbers in as few bytes as they need, for the flight log.
//
// A varint has seven bits a byte, the lowest first, and the top bit set in all but the last.  Neither class allocates, and
// neither trusts anything: a writer that runs out of room and a reader that runs out of bytes say so once and do no harm.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace holdfast::flight {

class ByteWriter {
  public:
    explicit ByteWriter(std::span<std::byte> room) : room_(room) {}

    void byte(std::uint8_t value) {
        if (size_ < room_.size()) {
            room_[size_++] = std::byte{value};
        } else {
            overflowed_ = true;
        }
    }

    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7U) byte(static_cast<std::uint8_t>(value | 0x80U));
        byte(static_cast<std::uint8_t>(value));
    }

    // Small in either direction is short.
    void signed_varint(std::uint64_t value) {
        const bool negative = value >> 63U != 0;
        varint(negative ? ~(value << 1U) : value << 1U);
    }

    void bytes(std::span<const std::byte> content) {
        if (content.size() > room_.size() - size_) {
            overflowed_ = true;
            return;
        }
        std::copy(
            content.begin(), content.end(), room_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += content.size();
    }

    void u32(std::uint32_t value) {
        bytes(std::as_bytes(std::span<const std::uint32_t, 1>(&value, 1)));
    }

    void u64(std::uint64_t value) {
        bytes(std::as_bytes(std::span<const std::uint64_t, 1>(&value, 1)));
    }

    [[nodiscard]] std::size_t size() const { return size_; }

    // Something did not fit; what was written is of no use.
    [[nodiscard]] bool overflowed() const { return overflowed_; }

    [[nodiscard]] std::span<const std::byte> written() const { return room_.first(size_); }

  private:
    std::span<std::byte> room_;
    std::size_t size_ = 0;
    bool overflowed_ = false;
};

class ByteReader {
  public:
    explicit ByteReader(std::span<const std::byte> content) : content_(content) {}

    [[nodiscard]] std::uint8_t byte() {
        if (content_.empty()) {
            failed_ = true;
            return 0;
        }
        const auto value = static_cast<std::uint8_t>(content_.front());
        content_ = content_.subspan(1);
        return value;
    }

    [[nodiscard]] std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const std::uint8_t part = byte();
            value |= std::uint64_t{part & 0x7fU} << shift;
            if ((part & 0x80U) == 0) return value;
        }
        failed_ = true;
        return 0;
    }

    [[nodiscard]] std::uint64_t signed_varint() {
        const std::uint64_t value = varint();
        return (value & 1U) != 0 ? ~(value >> 1U) : value >> 1U;
    }

    // Zeros when there are too few left.
    void bytes(std::span<std::byte> target) {
        if (target.size() > content_.size()) {
            failed_ = true;
            std::fill(target.begin(), target.end(), std::byte{0});
            return;
        }
        std::copy_n(content_.begin(), target.size(), target.begin());
        content_ = content_.subspan(target.size());
    }

    [[nodiscard]] std::uint32_t u32() {
        std::uint32_t value = 0;
        bytes(std::as_writable_bytes(std::span<std::uint32_t, 1>(&value, 1)));
        return value;
    }

    [[nodiscard]] std::uint64_t u64() {
        std::uint64_t value = 0;
        bytes(std::as_writable_bytes(std::span<std::uint64_t, 1>(&value, 1)));
        return value;
    }

    void fail() { failed_ = true; }

    [[nodiscard]] bool failed() const { return failed_; }

    [[nodiscard]] std::size_t left() const { return content_.size(); }

  private:
    std::span<const std::byte> content_;
    bool failed_ = false;
};

}  // namespace holdfast::flight
