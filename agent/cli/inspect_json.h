// The JSON of `holdfast inspect --json`; docs/JSON.md is the contract.
#pragma once

#include <string>

#include "storage/inspect.h"

namespace holdfast::cli {

// `region` empty: all of them.
[[nodiscard]] std::string inspect_json(const Inspection& inspection, const std::string& region);

}  // namespace holdfast::cli
