#include "agent/text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace holdfast {

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

struct Unit {
    std::string_view name;
    double factor;
};

// A decimal number of one of the units; nullopt unless the whole text is used.
template <std::size_t N>
std::optional<double> parse_with_unit(std::string_view text, const std::array<Unit, N>& units) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
    std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
    if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    for (const Unit& unit : units) {
        if (rest == unit.name) return number * unit.factor;
    }
    return std::nullopt;
}

// Without trailing zeros: "32.1", "2", "0.25".
std::string decimal(double number, int digits) {
    std::array<char, 48> text{};
    const int length = std::snprintf(text.data(), text.size(), "%.*f", digits, number);
    std::string result(text.data(), static_cast<std::size_t>(length));
    if (result.find('.') == std::string::npos) return result;
    while (result.back() == '0') result.pop_back();
    if (result.back() == '.') result.pop_back();
    return result;
}

}  // namespace

std::optional<Uuid> parse_uuid(std::string_view text) {
    Uuid uuid;
    std::size_t digits_count = 0;
    for (const char c : text) {
        if (c == '-' && digits_count > 0 && digits_count < 32) continue;
        const int digit = hex_digit(c);
        if (digit < 0 || digits_count == 32) return std::nullopt;
        std::uint8_t& byte = uuid.bytes[digits_count / 2];
        byte = static_cast<std::uint8_t>(byte << 4 | digit);
        ++digits_count;
    }
    if (digits_count != 32) return std::nullopt;
    return uuid;
}

std::optional<Duration> parse_duration(std::string_view text) {
    static constexpr std::array<Unit, 6> kUnits{
        {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
    constexpr double kYear = 366.0 * 86400e9;
    const std::optional<double> nanoseconds = parse_with_unit(text, kUnits);
    if (!nanoseconds || *nanoseconds > kYear) return std::nullopt;
    return Duration{std::llround(*nanoseconds)};
}

std::string duration_text(Duration span) {
    const double span_s = std::chrono::duration<double>(span).count();
    if (std::abs(span_s) < 1) return decimal(span_s * 1000, span_s == 0 ? 0 : 3) + " ms";
    if (std::abs(span_s) < 10) return decimal(span_s, 3) + " s";
    return decimal(span_s, 1) + " s";
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    static constexpr std::array<Unit, 5> kUnits{{{"B", 1},
                                                 {"KiB", 1024.0},
                                                 {"MiB", 1048576.0},
                                                 {"GiB", 1073741824.0},
                                                 {"TiB", 1099511627776.0}}};
    const std::optional<double> bytes = parse_with_unit(text, kUnits);
    if (!bytes || *bytes > 1e18) return std::nullopt;
    return static_cast<std::uint64_t>(std::llround(*bytes));
}

std::string incarnation_text(Incarnation incarnation) {
    return std::to_string(incarnation.boot()) + "." + std::to_string(incarnation.restart());
}

bool is_address(const std::string& text) {
    in6_addr address{};
    return inet_pton(AF_INET, text.c_str(), &address) == 1 ||
           inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

std::string text_line(const char* format, ...) {
    std::array<char, 1024> text{};
    va_list values;
    va_start(values, format);
    std::vsnprintf(text.data(), text.size(), format, values);
    va_end(values);
    return std::string(text.data()) + "\n";
}

std::string printable(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        result += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    return result;
}

}  // namespace holdfast
