#include "agent/vm/xml_blob.h"

#include <fmt/format.h>

#include <zstd.h>

#include "agent/vm_protocol.h"
#include "storage/crc32c.h"

namespace holdfast {
namespace {

constexpr int kLevel = 3;

Unexpected<Error> bad(const std::string& what) {
    return Unexpected{Error{0, "domain XML: " + what + " [HF-6002]"}};
}

}  // namespace

Result<XmlBlob> pack_xml(const std::string& xml) {
    if (xml.size() > vm_protocol::kXmlRawBytesMax) {
        return bad(
            fmt::format("{} bytes are more than {}", xml.size(), vm_protocol::kXmlRawBytesMax));
    }
    XmlBlob blob;
    blob.compressed.resize(ZSTD_compressBound(xml.size()));
    const std::size_t size = ZSTD_compress(
        blob.compressed.data(), blob.compressed.size(), xml.data(), xml.size(), kLevel);
    if (ZSTD_isError(size) != 0) return bad(ZSTD_getErrorName(size));
    if (size > vm_protocol::kXmlCompressedBytesMax) {
        return bad(fmt::format(
            "{} compressed bytes are more than {}", size, vm_protocol::kXmlCompressedBytesMax));
    }
    blob.compressed.resize(size);
    blob.ref.length_bytes = static_cast<std::uint32_t>(size);
    blob.ref.raw_bytes = static_cast<std::uint32_t>(xml.size());
    blob.ref.crc32c = crc32c(std::as_bytes(std::span(blob.compressed)));
    return blob;
}

Result<std::string> unpack_xml(const XmlRef& ref, std::span<const std::uint8_t> compressed) {
    if (compressed.size() != ref.length_bytes || crc32c(std::as_bytes(compressed)) != ref.crc32c) {
        return bad(fmt::format("{} bytes with CRC32C {:08x} came instead of {} with {:08x}",
                               compressed.size(),
                               crc32c(std::as_bytes(compressed)),
                               ref.length_bytes,
                               ref.crc32c));
    }
    if (ref.raw_bytes > vm_protocol::kXmlRawBytesMax) {
        return bad(fmt::format("{} bytes are too many", ref.raw_bytes));
    }
    std::string xml(ref.raw_bytes, '\0');
    const std::size_t size =
        ZSTD_decompress(xml.data(), xml.size(), compressed.data(), compressed.size());
    if (ZSTD_isError(size) != 0) return bad(ZSTD_getErrorName(size));
    if (size != ref.raw_bytes) {
        return bad(fmt::format("{} bytes came instead of {}", size, ref.raw_bytes));
    }
    return xml;
}

}  // namespace holdfast
