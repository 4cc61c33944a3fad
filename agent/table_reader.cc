#include "agent/table_reader.h"

#include <algorithm>
#include <utility>

#include "agent/text.h"
#include "net/address.h"

namespace holdfast {

namespace {

std::string joined(const std::vector<std::string>& words, const char* last) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? std::string(last) : ", ";
        text += words[i];
    }
    return text;
}

// What the file says, as a person would quote it.
std::string quoted(const TomlNode& node) {
    switch (node.kind) {
        case TomlNode::Kind::String: return "\"" + printable(node.text) + "\"";
        case TomlNode::Kind::Integer: return std::to_string(node.number);
        case TomlNode::Kind::Boolean: return node.flag ? "true" : "false";
        case TomlNode::Kind::Table:
        case TomlNode::Kind::Array:
        case TomlNode::Kind::Other: break;
    }
    return kind_text(node.kind);
}

}  // namespace

TableReader::TableReader(const TomlNode* node, std::string name, ConfigReport& report)
    : node_(node), name_(std::move(name)), report_(report) {
    if (node_ != nullptr && node_->kind != TomlNode::Kind::Table) {
        report_.add(node_->line, "HF-1003", name_ + " must be a table.");
        node_ = nullptr;
    }
}

const TomlNode* TableReader::take(const std::string& key, TomlNode::Kind kind) {
    known_.push_back(key);
    const TomlNode* found = node_ == nullptr ? nullptr : node_->find(key);
    if (found != nullptr && found->kind != kind) {
        report_.add(
            found->line,
            "HF-1003",
            key + " in " + name_ + " must be " + kind_text(kind) + ", not " + quoted(*found) + ".");
        return nullptr;
    }
    return found;
}

void TableReader::complain(const TomlNode& node,
                           const std::string& key,
                           const std::string& expected) {
    report_.add(node.line,
                "HF-1003",
                key + " = " + quoted(node) + " in " + name_ + " is not " + expected + ".");
}

int TableReader::string(const std::string& key, std::string& target) {
    const TomlNode* node = take(key, TomlNode::Kind::String);
    if (node == nullptr) return 0;
    if (node->text.empty()) {
        report_.add(node->line, "HF-1003", key + " in " + name_ + " is empty.");
        return node->line;
    }
    target = node->text;
    return node->line;
}

int TableReader::flag(const std::string& key, bool& target) {
    const TomlNode* node = take(key, TomlNode::Kind::Boolean);
    if (node == nullptr) return 0;
    target = node->flag;
    return node->line;
}

int TableReader::integer(const std::string& key,
                         std::int64_t min,
                         std::int64_t max,
                         std::int64_t& target) {
    const TomlNode* node = take(key, TomlNode::Kind::Integer);
    if (node == nullptr) return 0;
    if (node->number < min || node->number > max) {
        complain(*node, key, "between " + std::to_string(min) + " and " + std::to_string(max));
    } else {
        target = node->number;
    }
    return node->line;
}

int TableReader::duration(const std::string& key, Duration& target) {
    const TomlNode* node = take(key, TomlNode::Kind::String);
    if (node == nullptr) return 0;
    if (const auto span = parse_duration(node->text)) {
        target = *span;
    } else {
        complain(*node, key, "a duration such as \"250ms\", \"2s\" or \"5min\"");
    }
    return node->line;
}

int TableReader::bytes(const std::string& key, std::uint64_t& target) {
    const TomlNode* node = take(key, TomlNode::Kind::String);
    if (node == nullptr) return 0;
    if (const auto bytes = parse_bytes(node->text)) {
        target = *bytes;
    } else {
        complain(*node, key, "a size such as \"512MiB\" or \"1GiB\"");
    }
    return node->line;
}

int TableReader::addresses(const std::string& key, std::vector<std::string>& target) {
    const TomlNode* node = take(key, TomlNode::Kind::Array);
    if (node == nullptr) return 0;
    target.clear();
    for (const TomlNode& item : node->items) {
        if (item.kind != TomlNode::Kind::String || !is_address(item.text)) {
            report_.add(
                item.line,
                "HF-1009",
                quoted(item) + " in " + key + " of " + name_ +
                    " is not a literal IPv4 or IPv6 address. Nothing is resolved through DNS.");
            continue;
        }
        // Literal, and yet nothing that a beat could be sent to from every host alike.
        if (const Result<Address> usable = parse_address(item.text); !usable) {
            report_.add(item.line, "HF-1009", usable.error().text);
            continue;
        }
        target.push_back(item.text);
    }
    return node->line;
}

const TomlNode* TableReader::table(const std::string& key) {
    return take(key, TomlNode::Kind::Table);
}

int TableReader::word(const std::string& key,
                      const std::vector<std::string>& words,
                      std::string& target) {
    const TomlNode* node = take(key, TomlNode::Kind::String);
    if (node == nullptr) return 0;
    if (std::find(words.begin(), words.end(), node->text) == words.end()) {
        complain(*node, key, joined(words, " or "));
    } else {
        target = node->text;
    }
    return node->line;
}

void TableReader::require(const std::string& key, int line_found, const std::string& advice) {
    if (line_found != 0) return;
    if (node_ != nullptr && node_->find(key) != nullptr) return;  // there, and already reported
    report_.add(line(), "HF-1008", key + " in " + name_ + " is missing. " + advice);
}

void TableReader::finish() {
    if (node_ == nullptr) return;
    for (const auto& [key, member] : node_->members) {
        if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
        report_.add(member.line,
                    "HF-1002",
                    "unknown key \"" + printable(key) + "\" in " + name_ + "; it knows " +
                        joined(known_, " and ") + ".");
    }
}

}  // namespace holdfast
