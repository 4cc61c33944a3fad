// The one source file that includes toml++ (its templates are slow to compile).
#include "agent/toml_tree.h"

#include <algorithm>
#include <toml++/toml.h>

namespace holdfast {

namespace {

// NOLINTNEXTLINE(misc-no-recursion): as deep as the document, which toml++ limits
TomlNode convert(const toml::node& source) {
    TomlNode node;
    node.line = static_cast<int>(source.source().begin.line);
    if (const toml::table* table = source.as_table()) {
        node.kind = TomlNode::Kind::Table;
        for (const auto& [key, value] : *table) {
            TomlNode member = convert(value);
            member.line = static_cast<int>(key.source().begin.line);
            node.members.emplace_back(std::string(key.str()), std::move(member));
        }
        std::stable_sort(
            node.members.begin(), node.members.end(), [](const auto& a, const auto& b) {
                return a.second.line < b.second.line;
            });
    } else if (const toml::array* array = source.as_array()) {
        node.kind = TomlNode::Kind::Array;
        for (const toml::node& item : *array) node.items.push_back(convert(item));
    } else if (const auto* text = source.as_string()) {
        node.kind = TomlNode::Kind::String;
        node.text = text->get();
    } else if (const auto* number = source.as_integer()) {
        node.kind = TomlNode::Kind::Integer;
        node.number = number->get();
    } else if (const auto* flag = source.as_boolean()) {
        node.kind = TomlNode::Kind::Boolean;
        node.flag = flag->get();
    }
    return node;
}

}  // namespace

const TomlNode* TomlNode::find(const std::string& key) const {
    for (const auto& [name, member] : members) {
        if (name == key) return &member;
    }
    return nullptr;
}

const char* kind_text(TomlNode::Kind kind) {
    switch (kind) {
        case TomlNode::Kind::Table: return "a table";
        case TomlNode::Kind::Array: return "a list";
        case TomlNode::Kind::String: return "a string";
        case TomlNode::Kind::Integer: return "a whole number";
        case TomlNode::Kind::Boolean: return "true or false";
        case TomlNode::Kind::Other: break;
    }
    return "a value of another kind";
}

Result<TomlNode> parse_toml(const std::string& content, const std::string& file) {
    try {
        return convert(toml::parse(content, file));
    } catch (const toml::parse_error& error) {
        return Unexpected{Error{0,
                                file + ":" + std::to_string(error.source().begin.line) + ": " +
                                    std::string(error.description()) + ". [HF-1001]"}};
    }
}

}  // namespace holdfast
