// One line on standard error, which the supervisor or the journal collects.  May block: never for a beat's path.
#pragma once

#include <cstdio>
#include <string>

namespace holdfast {

inline void log_line(const std::string& text) {
    const std::string line = "holdfast-vm: " + text + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace holdfast
