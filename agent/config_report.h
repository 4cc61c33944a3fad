// ConfigReport: collects every finding about a configuration, so that a person sees all of them at once.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace holdfast {

class ConfigReport {
  public:
    explicit ConfigReport(std::string file) : file_(std::move(file)) {}

    // `text` is a sentence without its full stop at the end of the id; `line` 0 speaks of the file as a whole.
    void add(int line, const std::string& id, const std::string& text) {
        const std::string place = line > 0 ? file_ + ":" + std::to_string(line) : file_;
        findings_.push_back({line, place + ": " + text + " [" + id + "]"});
    }

    [[nodiscard]] bool empty() const { return findings_.empty(); }

    // All findings by line, one a line.
    [[nodiscard]] std::string text() const;

  private:
    struct Finding {
        int line = 0;
        std::string text;
    };

    std::string file_;
    std::vector<Finding> findings_;
};

}  // namespace holdfast
