#include "tests/sim/check/violation.h"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace holdfast::sim {

std::string text_of(const char* format, ...) {
    std::array<char, 1024> buffer{};
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(buffer.data(), buffer.size(), format, arguments);
    va_end(arguments);
    return buffer.data();
}

}  // namespace holdfast::sim
