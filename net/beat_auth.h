// BeatKeys: the cluster's keys, and the tag that they put on a beat.
//
// The key file has one or two lines of 64 hex digits.  The first line signs what this host sends;
// both are accepted.  To rotate without downtime: add the new key as second line everywhere, then
// make it the first everywhere, then drop the old one everywhere (docs/WIRE_FORMAT.md).
//
// Keys live in locked, guarded memory that is zeroed on release, and are never printed, not even in
// part.  A key id is derived from its key one-way; it only tells "a key I do not have" from
// "damaged".
//
// Thread safety: sign() and check() change nothing and may be called from any thread.  They neither
// allocate nor block.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "net/beat_format.h"

namespace holdfast {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kKeysMax = 2;

class BeatKeys {
  public:
    // Reads the key file.  Errors: missing, unreadable, not a regular file, mode other than 0600,
    // owned by somebody else, or any error of parse(); each says which line and what to do.
    [[nodiscard]] static Result<BeatKeys> load(const std::string& path);

    // Errors: no key, more than two, a line that is not 64 hex digits, an all-zero key, the same
    // key twice.  `name` is what the messages call the source.
    [[nodiscard]] static Result<BeatKeys> parse(std::string_view text, std::string_view name);

    BeatKeys(BeatKeys&& other) noexcept;
    BeatKeys& operator=(BeatKeys&& other) noexcept;
    BeatKeys(const BeatKeys&) = delete;
    BeatKeys& operator=(const BeatKeys&) = delete;
    ~BeatKeys();

    [[nodiscard]] std::size_t count() const { return count_; }

    [[nodiscard]] KeyId sending_id() const { return ids_[0]; }

    // Puts the tag of the first key on an encoded beat whose key_id is sending_id().
    void sign(BeatBytes bytes) const;

    // Whether one of the keys made this tag; else UnknownKey or BadTag.
    [[nodiscard]] Result<Nothing, BeatReject> check(BeatBytesView bytes) const;

  private:
    BeatKeys() = default;

    std::uint8_t* secret_ = nullptr;  // sodium_malloc: count_ keys, one after the other, read-only
    std::size_t count_ = 0;
    std::array<KeyId, kKeysMax> ids_{};
};

}  // namespace holdfast
