#include "agent/message.h"

#include <algorithm>
#include <array>

#include "engine/base/check.h"

namespace holdfast {

namespace {

constexpr MessageRow kRows[] = {
#define HF_MESSAGE(name, id, level, event, text, meaning, advice) \
    {#name, id, TraceLevel::level, event, text, meaning, advice},
#include "agent/messages.def"
#undef HF_MESSAGE
};

}  // namespace

std::span<const MessageRow> message_rows() {
    return kRows;
}

const MessageRow& row_of(MessageId id) {
    const auto index = static_cast<std::size_t>(id);
    HF_CHECK(index < std::size(kRows));
    return kRows[index];
}

std::size_t format_message(MessageId id,
                           std::initializer_list<std::string_view> arguments,
                           std::span<char> out) {
    std::size_t length = 0;
    const auto append = [&](std::string_view part) {
        const std::size_t fits = std::min(part.size(), out.size() - length);
        std::copy_n(part.data(), fits, out.data() + length);
        length += fits;
    };
    std::string_view rest = row_of(id).text;
    const auto* argument = arguments.begin();
    while (true) {
        const std::size_t hole = rest.find("{}");
        append(rest.substr(0, hole));
        if (hole == std::string_view::npos) return length;
        if (argument != arguments.end()) append(*argument++);
        rest.remove_prefix(hole + 2);
    }
}

}  // namespace holdfast
