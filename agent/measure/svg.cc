#include "agent/measure/svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace holdfast::measure {

namespace {

std::string number(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

std::string escaped(std::string_view content) {
    std::string text;
    for (const char c : content) {
        switch (c) {
            case '<': text += "&lt;"; break;
            case '>': text += "&gt;"; break;
            case '&': text += "&amp;"; break;
            case '"': text += "&quot;"; break;
            default: text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    }
    return text;
}

std::string points_text(const std::vector<std::pair<double, double>>& points) {
    std::string text;
    for (const auto& [x, y] : points) text += number(x) + "," + number(y) + " ";
    return text;
}

}  // namespace

Svg::Svg(double width, double height) : width_(width), height_(height) {}

void Svg::line(
    double x1, double y1, double x2, double y2, std::string_view color, double width, bool dashed) {
    body_ += "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
             "\" y2=\"" + number(y2) + "\" stroke=\"" + std::string(color) + "\" stroke-width=\"" +
             number(width) + "\"" + (dashed ? " stroke-dasharray=\"5,4\"" : "") + "/>\n";
}

void Svg::rectangle(
    double x, double y, double width, double height, std::string_view fill, double opacity) {
    body_ += "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" +
             number(std::max(width, 0.0)) + "\" height=\"" + number(std::max(height, 0.0)) +
             "\" fill=\"" + std::string(fill) + "\" fill-opacity=\"" + number(opacity) + "\"/>\n";
}

void Svg::circle(double x, double y, double radius, std::string_view fill) {
    body_ += "<circle cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"" + number(radius) +
             "\" fill=\"" + std::string(fill) + "\"/>\n";
}

void Svg::polyline(const std::vector<std::pair<double, double>>& points,
                   std::string_view color,
                   double width) {
    if (points.empty()) return;
    body_ += "<polyline fill=\"none\" stroke=\"" + std::string(color) + "\" stroke-width=\"" +
             number(width) + "\" points=\"" + points_text(points) + "\"/>\n";
}

void Svg::area(const std::vector<std::pair<double, double>>& points,
               std::string_view fill,
               double opacity) {
    if (points.empty()) return;
    body_ += "<polygon stroke=\"none\" fill=\"" + std::string(fill) + "\" fill-opacity=\"" +
             number(opacity) + "\" points=\"" + points_text(points) + "\"/>\n";
}

void Svg::text(double x,
               double y,
               std::string_view content,
               double size,
               Anchor anchor,
               std::string_view color) {
    const char* where =
        anchor == Anchor::Start ? "start" : (anchor == Anchor::Middle ? "middle" : "end");
    body_ += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" font-size=\"" + number(size) +
             "\" text-anchor=\"" + where + "\" fill=\"" + std::string(color) + "\">" +
             escaped(content) + "</text>\n";
}

void Svg::label(double x,
                double y,
                std::string_view content,
                double size,
                Anchor anchor,
                std::string_view color) {
    body_ += "<g stroke=\"#ffffff\" stroke-width=\"4\" stroke-linejoin=\"round\">";
    text(x, y, content, size, anchor, color);
    body_ += "</g>\n";
    text(x, y, content, size, anchor, color);
}

std::string Svg::str() const {
    // Where the viewer is dark the same colours are exchanged for ones that show on dark paper.
    constexpr const char* kDark =
        "<style>@media (prefers-color-scheme:dark){"
        "rect.paper{fill:#15181c}[stroke=\"#ffffff\"]{stroke:#15181c}"
        "[fill=\"#222\"]{fill:#e2e2e2}[fill=\"#333333\"]{fill:#d0d0d0}[stroke=\"#444\"]{stroke:#"
        "aaa}"
        "[stroke=\"#e4e4e4\"]{stroke:#30353b}[fill=\"#0072b2\"]{fill:#3fa2e0}"
        "[stroke=\"#0072b2\"]{stroke:#3fa2e0}[fill=\"#d00000\"]{fill:#ff5c5c}"
        "[fill=\"#707070\"]{fill:#a8a8a8}[fill=\"#00805a\"]{fill:#2cc492}}</style>\n";
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(width_) + "\" height=\"" +
           number(height_) + "\" viewBox=\"0 0 " + number(width_) + " " + number(height_) +
           "\" font-family=\"sans-serif\">\n" + kDark +
           "<rect class=\"paper\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" + body_ +
           "</svg>\n";
}

Axis::Axis(double low, double high, double from_px, double to_px, bool logarithmic)
    : low_(low), high_(high), from_px_(from_px), to_px_(to_px), logarithmic_(logarithmic) {}

double Axis::at(double value) const {
    const double inside = std::clamp(value, low_, high_);
    const double share = logarithmic_ ? std::log(inside / low_) / std::log(high_ / low_)
                                      : (inside - low_) / (high_ - low_);
    return from_px_ + share * (to_px_ - from_px_);
}

std::vector<double> Axis::marks() const {
    std::vector<double> values;
    if (logarithmic_) {
        const int first = static_cast<int>(std::ceil(std::log10(low_) - 1e-9));
        const int last = static_cast<int>(std::floor(std::log10(high_) + 1e-9));
        for (int power = first; power <= last; ++power) values.push_back(std::pow(10.0, power));
        return values;
    }
    const double rough = (high_ - low_) / 5;
    const double base = std::pow(10.0, std::floor(std::log10(rough)));
    double step = base;
    for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
        step = base * factor;
        if (step >= rough) break;
    }
    for (double value = std::ceil(low_ / step) * step; value <= high_ + step * 1e-6; value += step)
        values.push_back(value);
    return values;
}

const char* series_color(std::size_t index) {
    constexpr std::array<const char*, 8> kColors{
        "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f", "#8c6d31"};
    return kColors[index % kColors.size()];
}

}  // namespace holdfast::measure
