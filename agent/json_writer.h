// JsonWriter: writes JSON text, in the order of the calls.  Commas and escaping are its business; balance is the caller's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

class JsonWriter {
  public:
    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_array();
    JsonWriter& end_array();
    JsonWriter& key(std::string_view name);
    JsonWriter& text(std::string_view value);
    JsonWriter& number(std::int64_t value);
    JsonWriter& number(std::uint64_t value);
    // With `digits` after the point.
    JsonWriter& decimal(double value, int digits);
    JsonWriter& flag(bool value);
    JsonWriter& null();
    // A value that is JSON already.
    JsonWriter& raw(std::string_view json);

    [[nodiscard]] const std::string& str() const { return text_; }

  private:
    void separate();

    std::string text_;
    bool first_ = true;  // nothing written yet at this level, or a key stands before
};

}  // namespace holdfast
