// TomlNode: a parsed TOML document as a plain tree with line numbers, so that only toml_tree.cc pays for the parser.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/result.h"

namespace holdfast {

struct TomlNode {
    enum class Kind : std::uint8_t { Table, Array, String, Integer, Boolean, Other };

    Kind kind = Kind::Other;
    int line = 0;  // 1-based
    std::string text;
    std::int64_t number = 0;
    bool flag = false;
    std::vector<std::pair<std::string, TomlNode>> members;  // of a table, in the order of the lines
    std::vector<TomlNode> items;                            // of an array

    // The member called `key`, or null.
    [[nodiscard]] const TomlNode* find(const std::string& key) const;
};

// "a string", "a table", …: for messages.
[[nodiscard]] const char* kind_text(TomlNode::Kind kind);

// Parses `content`.  The error text is "FILE:LINE: what the parser says" with the file's name as given.
[[nodiscard]] Result<TomlNode> parse_toml(const std::string& content, const std::string& file);

}  // namespace holdfast
