// Messages of the agent: agent/messages.def is the table, this its C++ face.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "engine/machine/trace.h"

namespace holdfast {

enum class MessageId : std::uint8_t {
#define HF_MESSAGE(name, id, level, event, text, meaning, advice) name,
#include "agent/messages.def"
#undef HF_MESSAGE
};

struct MessageRow {
    const char* name;
    const char* id;
    TraceLevel level;
    const char* event;
    const char* text;
    const char* meaning;
    const char* advice;
};

// All of them, in the order of the enum.
[[nodiscard]] std::span<const MessageRow> message_rows();

[[nodiscard]] const MessageRow& row_of(MessageId id);

// Writes the text with each {} replaced by the next argument into `out`, cut to what fits; returns the length.  Allocates nothing.
std::size_t format_message(MessageId id,
                           std::initializer_list<std::string_view> arguments,
                           std::span<char> out);

}  // namespace holdfast
