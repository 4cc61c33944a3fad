// TableReader: takes typed values out of one table of a configuration and reports what does not fit.
//
// Each getter leaves its target alone when the key is missing or wrong, and returns the key's line, or 0 when it is
// missing.  finish() reports the keys that nobody asked for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/config_report.h"
#include "agent/toml_tree.h"
#include "engine/base/types.h"

namespace holdfast {

class TableReader {
  public:
    // `node` may be null: then every key is missing.  `name` is how messages call the table, such as "[host]".
    TableReader(const TomlNode* node, std::string name, ConfigReport& report);

    int string(const std::string& key, std::string& target);
    int flag(const std::string& key, bool& target);
    int integer(const std::string& key, std::int64_t min, std::int64_t max, std::int64_t& target);
    int duration(const std::string& key, Duration& target);
    int bytes(const std::string& key, std::uint64_t& target);
    int addresses(const std::string& key, std::vector<std::string>& target);
    // One of the words.
    int word(const std::string& key, const std::vector<std::string>& words, std::string& target);

    // The table under `key`, for a reader of its own; null when there is none.
    [[nodiscard]] const TomlNode* table(const std::string& key);

    // Reports a key that has no default and is missing.
    void require(const std::string& key, int line_found, const std::string& advice);

    void finish();

    [[nodiscard]] int line() const { return node_ == nullptr ? 0 : node_->line; }

  private:
    const TomlNode* take(const std::string& key, TomlNode::Kind kind);
    void complain(const TomlNode& node, const std::string& key, const std::string& expected);

    const TomlNode* node_;
    std::string name_;
    ConfigReport& report_;
    std::vector<std::string> known_;
};

}  // namespace holdfast
