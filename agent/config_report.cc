#include "agent/config_report.h"

#include <algorithm>

namespace holdfast {

std::string ConfigReport::text() const {
    std::vector<Finding> sorted = findings_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Finding& a, const Finding& b) {
        return a.line < b.line;
    });
    std::string text;
    for (const Finding& finding : sorted) {
        if (!text.empty()) text += '\n';
        text += finding.text;
    }
    return text;
}

}  // namespace holdfast
