// Svg: a small writer of pictures.  Shapes in the order of the calls; coordinates in pixels, y downwards.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::measure {

enum class Anchor : unsigned char { Start, Middle, End };

class Svg {
  public:
    Svg(double width, double height);

    void line(double x1,
              double y1,
              double x2,
              double y2,
              std::string_view color,
              double width = 1,
              bool dashed = false);
    void rectangle(
        double x, double y, double width, double height, std::string_view fill, double opacity = 1);
    void circle(double x, double y, double radius, std::string_view fill);
    void polyline(const std::vector<std::pair<double, double>>& points,
                  std::string_view color,
                  double width = 1.5);
    // A closed, filled shape without an outline.
    void area(const std::vector<std::pair<double, double>>& points,
              std::string_view fill,
              double opacity);
    void text(double x,
              double y,
              std::string_view content,
              double size = 12,
              Anchor anchor = Anchor::Start,
              std::string_view color = "#222");

    // Text in front of lines: with a rim of the paper's colour, so that it can be read.
    void label(double x,
               double y,
               std::string_view content,
               double size = 12,
               Anchor anchor = Anchor::Start,
               std::string_view color = "#222");

    // The whole file; its colours follow the viewer's light or dark preference.
    [[nodiscard]] std::string str() const;

  private:
    std::string body_;
    double width_;
    double height_;
};

// One axis of a chart: values, linear or logarithmic, to pixels.
class Axis {
  public:
    // REQUIRES: low < high, and low > 0 for a logarithmic one
    Axis(double low, double high, double from_px, double to_px, bool logarithmic);

    // Values beyond the ends are put at the ends.
    [[nodiscard]] double at(double value) const;

    // Round values for labels: powers of ten for a logarithmic axis, about five steps for a linear one.
    [[nodiscard]] std::vector<double> marks() const;

    [[nodiscard]] double low() const { return low_; }

    [[nodiscard]] double high() const { return high_; }

  private:
    double low_;
    double high_;
    double from_px_;
    double to_px_;
    bool logarithmic_;
};

// Colours that can be told apart, also by most colour-blind people; `index` may be any.
[[nodiscard]] const char* series_color(std::size_t index);

}  // namespace holdfast::measure
