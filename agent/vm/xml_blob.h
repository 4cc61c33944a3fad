// Domain XML as it travels and lies on datastores: one zstd frame, checked by the CRC32C of its compressed bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/machine/roster.h"

namespace holdfast {

struct XmlBlob {
    XmlRef ref;  // lengths and checksum; it lies nowhere yet
    std::vector<std::uint8_t> compressed;
};

// Error: more than the protocol carries.
[[nodiscard]] Result<XmlBlob> pack_xml(const std::string& xml);

// Errors: wrong length or checksum, no zstd, another size than `ref` says.
[[nodiscard]] Result<std::string> unpack_xml(const XmlRef& ref,
                                             std::span<const std::uint8_t> compressed);

}  // namespace holdfast
