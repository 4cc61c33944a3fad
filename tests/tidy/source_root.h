#pragma once

#include <filesystem>

// The checkout that is judged.
inline const std::filesystem::path& root() {
    static const std::filesystem::path kRoot = HF_SOURCE_DIR;
    return kRoot;
}
