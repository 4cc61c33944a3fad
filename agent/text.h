// Text forms of the vocabulary types, for configuration, messages and JSON.  Not for the beat path: they allocate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/types.h"
#include "storage/uuid_text.h"

namespace holdfast {

// "6f1d2c3b-…": 32 hex digits, hyphens anywhere between them; nothing else is accepted.
[[nodiscard]] std::optional<Uuid> parse_uuid(std::string_view text);

// "250ms", "2s", "1.5s", "5min", "1h"; at most a year, never negative.  No unit is an error: a bare number says nothing.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);

// "250 ms", "2 s", "32.1 s": for people.  Rounded to the millisecond below one second, to a tenth of a second above ten.
[[nodiscard]] std::string duration_text(Duration span);

// "512MiB", "1GiB", "2TiB" (and KiB, B); the unit is required.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);

// "2.3": boot part and restart part.
[[nodiscard]] std::string incarnation_text(Incarnation incarnation);

// A literal IPv4 or IPv6 address; no names, no scope.
[[nodiscard]] bool is_address(const std::string& text);

// A line as printf would print it, with its newline.
// NOLINTNEXTLINE(cert-dcl50-cpp): checked like printf
[[nodiscard]] __attribute__((format(printf, 1, 2))) std::string text_line(const char* format, ...);

// Replaces what a terminal or a log could take for control, so that foreign names cannot forge lines.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace holdfast
