#include "agent/config_fence.h"

#include <algorithm>

#include "agent/text.h"

namespace holdfast {

namespace {

constexpr const char* kProgramFolder = "/usr/sbin/";  // where distributions put fence agents
constexpr Duration kTimeoutMin = std::chrono::seconds{1};
constexpr Duration kTimeoutMax = std::chrono::minutes{5};

bool is_plain(const std::string& text) {
    return std::none_of(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\0'; });
}

// A key as the standard input of a fence agent takes it.
bool is_key(const std::string& key) {
    return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
        return c == '_' || c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    });
}

void read_program(const TomlNode& node, FenceConfig& fence, ConfigReport& report) {
    const std::string& name = node.text;
    const bool bare = name.starts_with("fence_") && name.find('/') == std::string::npos;
    if (node.kind != TomlNode::Kind::String || !(bare || name.starts_with("/"))) {
        report.add(node.line,
                   "HF-1003",
                   "program in fence must be the name of a fence agent, such as "
                   "\"fence_ipmilan\", or an absolute path.");
        return;
    }
    fence.program = bare ? kProgramFolder + name : name;
}

void read_timeout(const TomlNode& node, FenceConfig& fence, ConfigReport& report) {
    const auto span = parse_duration(node.text);
    if (node.kind == TomlNode::Kind::String && span && *span >= kTimeoutMin &&
        *span <= kTimeoutMax) {
        fence.timeout = *span;
        return;
    }
    report.add(node.line, "HF-1003", "timeout in fence must be between \"1s\" and \"5min\".");
}

}  // namespace

FenceConfig read_fence(const TomlNode& node, ConfigReport& report) {
    FenceConfig fence;
    for (const auto& [key, member] : node.members) {
        if (key == "program") {
            read_program(member, fence, report);
        } else if (key == "timeout") {
            read_timeout(member, fence, report);
        } else if (key == "action" || !is_key(key)) {
            report.add(
                member.line,
                "HF-1003",
                "\"" + printable(key) +
                    "\" in fence: the action is Holdfast's to choose, and keys are lower-case "
                    "words.");
        } else if (member.kind == TomlNode::Kind::String && is_plain(member.text)) {
            fence.options.emplace_back(key, member.text);
        } else if (member.kind == TomlNode::Kind::Integer) {
            fence.options.emplace_back(key, std::to_string(member.number));
        } else if (member.kind == TomlNode::Kind::Boolean) {
            fence.options.emplace_back(key, member.flag ? "1" : "0");
        } else {
            report.add(member.line,
                       "HF-1003",
                       key + " in fence must be a string of one line, a number, true or false.");
        }
    }
    const bool named = node.find("program") != nullptr;
    if (!named) {
        report.add(node.line,
                   "HF-1008",
                   "program in fence is missing. Name the fence agent of this member.");
    }
    return fence;
}

}  // namespace holdfast
