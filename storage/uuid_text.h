// Uuid as text, RFC 9562: for file names and messages.
#pragma once

#include <string>

#include "engine/base/types.h"

namespace holdfast {

// "6f1d2c3b-…": 36 characters.
[[nodiscard]] std::string uuid_text(const Uuid& uuid);

}  // namespace holdfast
