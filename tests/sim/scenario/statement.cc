#include "tests/sim/scenario/statement.h"

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace holdfast::sim {

namespace {

// What may follow a word.  `refused` is why the simulator cannot carry it out; null when it can.
struct Rule {
    const char* word;
    std::size_t names_count;
    std::vector<std::string> keys;
    std::vector<std::string> flags;
    const char* refused;
};

const std::vector<Rule>& rules() {
    static const std::vector<Rule> list = {
        {"cluster",
         0,
         {"hosts",
          "joiners",
          "datastores",
          "profile",
          "locks",
          "watchdog",
          "block",
          "seed",
          "late-writes",
          "late-feeds"},
         {},
         nullptr},
        {"host", 1, {"memory", "networks"}, {}, nullptr},
        {"vm",
         1,
         {"on",
          "memory",
          "priority",
          "disk",
          "isolation",
          "after",
          "apart",
          "together",
          "agent",
          "networks"},
         {},
         nullptr},
        {"run", 1, {}, {}, nullptr},
        {"power-off", 0, {"host"}, {}, nullptr},
        {"power-on", 0, {"host"}, {}, nullptr},
        {"shut-down", 0, {"host"}, {}, nullptr},
        {"freeze", 0, {"host"}, {}, nullptr},
        {"thaw", 0, {"host"}, {}, nullptr},
        {"agent-kill", 0, {"host"}, {}, nullptr},
        {"agent-stop", 0, {"host"}, {}, nullptr},
        {"agent-continue", 0, {"host"}, {}, nullptr},
        {"agent-upgrade", 0, {"host"}, {}, nullptr},
        {"drift", 0, {"host", "ppm"}, {}, nullptr},
        {"net cut", 0, {"host", "link", "dir", "from", "to"}, {}, nullptr},
        {"net heal", 0, {}, {}, nullptr},
        {"isolation-address", 1, {}, {}, nullptr},
        {"ds", 1, {"ds", "host"}, {"write-only"}, nullptr},
        {"libvirt", 1, {"host"}, {}, nullptr},
        {"fence", 1, {"host"}, {}, nullptr},
        {"confirm-dead", 0, {"host"}, {}, nullptr},
        {"vm-stop", 1, {"by"}, {}, nullptr},
        {"vm-crash", 1, {}, {}, nullptr},
        {"vm-start", 1, {"on", "by"}, {}, nullptr},
        {"vm-migrate", 1, {"to"}, {}, nullptr},
        {"maintenance", 0, {"host"}, {"on", "off"}, nullptr},
        {"timing", 0, {"profile"}, {"unsafe"}, nullptr},
        {"datastore", 0, {"ds", "host"}, {"add", "retire", "without-majority"}, nullptr},
        {"member", 0, {"host"}, {"add", "remove"}, nullptr},
        {"expect vm", 1, {"on", "within"}, {"on-any", "stopped"}, nullptr},
        {"expect changed", 0, {"within"}, {}, nullptr},
        {"expect unchanged", 0, {"within"}, {}, nullptr},
        {"expect lease", 0, {"host", "is", "within"}, {}, nullptr},
        {"expect leader", 0, {"leader", "within"}, {}, nullptr},
        {"expect verdict", 0, {"host", "is", "within"}, {}, nullptr},
        {"expect reset", 0, {"host", "within"}, {}, nullptr},
        {"expect absorbs", 0, {"absorbs", "within"}, {}, nullptr},
        {"expect no-room", 1, {"host", "within"}, {}, nullptr},
        {"expect order", 3, {}, {}, nullptr},
        {"expect refused", 1, {"on", "within"}, {}, nullptr},
        {"expect no-reset", 0, {}, {}, nullptr},
        {"expect no-kill", 0, {}, {}, nullptr},
        {"expect never-two", 0, {}, {}, nullptr},
    };
    return list;
}

const Rule* rule_of(const std::string& word) {
    for (const Rule& rule : rules()) {
        if (word == rule.word) return &rule;
    }
    return nullptr;
}

bool holds(const std::vector<std::string>& list, const std::string& word) {
    for (const std::string& entry : list) {
        if (entry == word) return true;
    }
    return false;
}

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

// Sorts the words after the first into names, keys and flags; what is wrong, if something is.
std::string sort_words(Statement& statement,
                       const Rule& rule,
                       const std::vector<std::string>& words) {
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        const std::string key = word.substr(0, equals);
        if (equals != std::string::npos && holds(rule.keys, key)) {
            if (!statement.keys.emplace(key, word.substr(equals + 1)).second) {
                return statement.wrong(key + " twice");
            }
        } else if (equals == std::string::npos && holds(rule.flags, word)) {
            statement.flags.insert(word);
        } else if (statement.names.size() < rule.names_count) {
            statement.names.push_back(word);
        } else {
            return statement.wrong("'" + word + "' does not belong here");
        }
    }
    if (statement.names.size() != rule.names_count) {
        return statement.wrong("needs " + std::to_string(rule.names_count) + " words after '" +
                               statement.word + "'");
    }
    return {};
}

std::string parse_line(Statement& statement) {
    std::vector<std::string> words = words_of(statement.text);
    statement.word = words.front();
    words.erase(words.begin());
    if (statement.word == "net" || statement.word == "expect") {
        if (words.empty()) return statement.wrong(statement.word + " what");
        const std::size_t equals = words.front().find('=');
        statement.word += " " + words.front().substr(0, equals);
        // `expect leader=1` names its kind by its key.
        if (equals == std::string::npos) words.erase(words.begin());
    }
    const Rule* rule = rule_of(statement.word);
    if (rule == nullptr) return statement.wrong("no statement '" + statement.word + "'");
    if (rule->refused != nullptr) {
        return statement.wrong(std::string("not in the simulator (") + rule->refused + ")");
    }
    return sort_words(statement, *rule, words);
}

// The digits before a unit; negative when there are none.
double amount_in(const std::string& text, std::string& unit) {
    if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) == 0) return -1;
    char* end = nullptr;
    const double amount = std::strtod(text.c_str(), &end);
    unit = end;
    return amount;
}

}  // namespace

std::string Statement::wrong(const std::string& why) const {
    return file + ":" + std::to_string(line) + ": " + why + ": " + text;
}

Read<std::vector<Statement>> read_statements(const std::string& path) {
    std::ifstream file(path);
    if (!file) return Unexpected{path + ": cannot be read"};
    std::vector<Statement> statements;
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        line = line.substr(0, line.find('#'));
        const std::vector<std::string> words = words_of(line);
        if (words.empty()) continue;
        Statement statement;
        statement.file = path;
        statement.line = number;
        for (const std::string& word : words) {
            statement.text += (statement.text.empty() ? "" : " ") + word;
        }
        const std::string wrong = parse_line(statement);
        if (!wrong.empty()) return Unexpected{wrong};
        if (statements.empty() != (statement.word == "cluster")) {
            return Unexpected{statement.wrong(
                statements.empty() ? "the first statement must be cluster" : "a second cluster")};
        }
        statements.push_back(statement);
    }
    if (statements.empty()) return Unexpected{path + ": holds no statement"};
    return statements;
}

Read<Duration> duration_in(const Statement& statement, const std::string& text) {
    std::string unit;
    const double amount = amount_in(text, unit);
    const double factor = unit == "ms" ? 1e6 : unit == "s" ? 1e9 : unit == "min" ? 60e9 : 0;
    if (amount < 0 || factor == 0) {
        return Unexpected{
            statement.wrong("'" + text + "' is no duration such as 300ms, 10s or 5min")};
    }
    return Duration{static_cast<std::int64_t>(amount * factor)};
}

Read<std::uint32_t> mebibytes_in(const Statement& statement, const std::string& text) {
    std::string unit;
    const double amount = amount_in(text, unit);
    const double factor = unit == "M" ? 1 : unit == "G" ? 1024 : 0;
    if (amount <= 0 || factor == 0) {
        return Unexpected{statement.wrong("'" + text + "' is no size such as 64M or 2G")};
    }
    return static_cast<std::uint32_t>(amount * factor);
}

Read<std::uint16_t> number_in(const Statement& statement,
                              const std::string& key,
                              std::uint64_t max) {
    const auto found = statement.keys.find(key);
    if (found == statement.keys.end()) return Unexpected{statement.wrong("needs " + key + "=…")};
    std::string unit;
    const double amount = amount_in(found->second, unit);
    const auto number = static_cast<std::uint64_t>(amount < 0 ? 0 : amount);
    if (!unit.empty() || number < 1 || number > max) {
        return Unexpected{
            statement.wrong(key + " must be a number from 1 to " + std::to_string(max))};
    }
    return static_cast<std::uint16_t>(number);
}

}  // namespace holdfast::sim
