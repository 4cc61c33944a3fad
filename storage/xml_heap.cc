#include "storage/xml_heap.h"

#include <algorithm>
#include <cstring>

#include <zstd.h>

#include "storage/crc32c.h"

namespace holdfast {

namespace {

constexpr int kZstdLevel = 3;
constexpr std::uint8_t kVersionsKept =
    1;  // besides the last one: the other copy may still be the valid one

std::uint64_t rounded(std::uint64_t bytes) {
    return (bytes + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
}

std::uint64_t end_of(const XmlRef& ref) {
    return ref.offset_bytes + rounded(ref.length_bytes);
}

}  // namespace

Result<std::vector<std::byte>> compress_xml(std::string_view xml) {
    if (xml.empty() || xml.size() > kXmlRawBytesMax) {
        return Unexpected{Error{0,
                                "domain XML of " + std::to_string(xml.size()) +
                                    " bytes: must be 1.." + std::to_string(kXmlRawBytesMax)}};
    }
    std::vector<std::byte> compressed(ZSTD_compressBound(xml.size()));
    const std::size_t size =
        ZSTD_compress(compressed.data(), compressed.size(), xml.data(), xml.size(), kZstdLevel);
    if (ZSTD_isError(size) != 0U) {
        return Unexpected{
            Error{0, std::string("zstd cannot compress a domain XML: ") + ZSTD_getErrorName(size)}};
    }
    if (size > kXmlCompressedBytesMax) {
        return Unexpected{Error{0,
                                "domain XML is " + std::to_string(size) +
                                    " bytes even when compressed, more than " +
                                    std::to_string(kXmlCompressedBytesMax)}};
    }
    compressed.resize(size);
    return compressed;
}

Result<std::string> decompress_xml(std::span<const std::byte> compressed, const XmlRef& ref) {
    if (compressed.size() != ref.length_bytes || ref.raw_bytes == 0 ||
        ref.raw_bytes > kXmlRawBytesMax) {
        return Unexpected{Error{0,
                                "domain XML: " + std::to_string(compressed.size()) +
                                    " bytes read, " + std::to_string(ref.length_bytes) +
                                    " named, " + std::to_string(ref.raw_bytes) +
                                    " when unpacked: out of range"}};
    }
    if (crc32c(compressed) != ref.crc32c) {
        return Unexpected{Error{
            0,
            "domain XML does not match the checksum named by the roster: overwritten or damaged. "
            "Try another datastore"}};
    }
    std::string xml(ref.raw_bytes, '\0');
    const std::size_t size =
        ZSTD_decompress(xml.data(), xml.size(), compressed.data(), compressed.size());
    if (ZSTD_isError(size) != 0U || size != ref.raw_bytes) {
        return Unexpected{Error{0,
                                "domain XML cannot be unpacked to the " +
                                    std::to_string(ref.raw_bytes) + " bytes named by the roster"}};
    }
    return xml;
}

XmlHeap::XmlHeap(HostId host, std::uint64_t heap_bytes)
    : host_(host), image_(static_cast<std::size_t>(heap_bytes)) {
    HF_CHECK(heap_bytes >= kHeapBytesMin && heap_bytes <= kHeapBytesMax &&
             heap_bytes % kBlockBytes == 0);
}

Result<XmlRef> XmlHeap::place(std::span<const std::byte> compressed, std::uint32_t raw_bytes) {
    if (compressed.empty() || compressed.size() > kXmlCompressedBytesMax) {
        return Unexpected{Error{
            0,
            "a blob of " + std::to_string(compressed.size()) + " bytes does not fit the XML heap"}};
    }
    const auto length = static_cast<std::uint32_t>(compressed.size());
    const std::uint32_t crc = crc32c(compressed);
    for (Blob& blob : blobs_) {
        const bool same =
            blob.ref.crc32c == crc && blob.ref.length_bytes == length &&
            blob.ref.raw_bytes == raw_bytes &&
            std::memcmp(image_.data() + blob.ref.offset_bytes, compressed.data(), length) == 0;
        if (!same) continue;
        blob.pending = true;
        return blob.ref;
    }
    std::uint64_t begin = 0;
    auto gap = blobs_.begin();
    while (gap != blobs_.end() && gap->ref.offset_bytes < begin + rounded(length)) {
        begin = end_of(gap->ref);
        ++gap;
    }
    if (begin + rounded(length) > image_.size()) {
        return Unexpected{Error{0,
                                "XML heap full: " + std::to_string(used_bytes()) + " of " +
                                    std::to_string(image_.size()) + " bytes used, no gap of " +
                                    std::to_string(length) +
                                    ". Format the datastores with a larger heap"}};
    }
    const XmlRef ref{host_, static_cast<std::uint32_t>(begin), length, raw_bytes, crc};
    std::memset(image_.data() + begin, 0, rounded(length));
    std::memcpy(image_.data() + begin, compressed.data(), length);
    blobs_.insert(gap, Blob{ref, true, 0, false});
    return ref;
}

bool XmlHeap::is_valid_place(const XmlRef& ref) const {
    return ref.host == host_ && ref.length_bytes >= 1 &&
           ref.length_bytes <= kXmlCompressedBytesMax && ref.offset_bytes % kSectorBytes == 0 &&
           end_of(ref) <= image_.size();
}

Result<Nothing> XmlHeap::adopt(const XmlRef& ref, std::span<const std::byte> compressed) {
    if (!is_valid_place(ref) || compressed.size() != ref.length_bytes) {
        return Unexpected{Error{0,
                                "a blob at byte " + std::to_string(ref.offset_bytes) + " of " +
                                    std::to_string(ref.length_bytes) +
                                    " bytes does not fit this XML heap"}};
    }
    if (crc32c(compressed) != ref.crc32c) {
        return Unexpected{Error{0,
                                "a blob at byte " + std::to_string(ref.offset_bytes) +
                                    " of the XML heap does not match its checksum"}};
    }
    auto place = blobs_.begin();
    for (; place != blobs_.end() && place->ref.offset_bytes <= ref.offset_bytes; ++place) {
        if (place->ref == ref) return Nothing{};
        if (end_of(place->ref) > ref.offset_bytes) {
            return Unexpected{Error{
                0,
                "two blobs overlap in the XML heap at byte " + std::to_string(ref.offset_bytes)}};
        }
    }
    if (place != blobs_.end() && place->ref.offset_bytes < end_of(ref)) {
        return Unexpected{Error{
            0, "two blobs overlap in the XML heap at byte " + std::to_string(ref.offset_bytes)}};
    }
    std::memcpy(image_.data() + ref.offset_bytes, compressed.data(), compressed.size());
    blobs_.insert(place, Blob{ref, false, 0, true});
    return Nothing{};
}

void XmlHeap::abandon(const XmlRef& ref) {
    std::erase_if(blobs_, [&](Blob& blob) {
        if (blob.ref != ref || !blob.pending) return false;
        // Also named by a roster: it only goes back to what it was.
        blob.pending = false;
        return !blob.named;
    });
}

void XmlHeap::commit(std::span<const XmlRef> named) {
    for (Blob& blob : blobs_) {
        if (std::find(named.begin(), named.end(), blob.ref) != named.end()) {
            blob.pending = false;
            blob.named = true;
            blob.unnamed = 0;
        } else if (!blob.pending) {
            ++blob.unnamed;
        }
    }
    std::erase_if(blobs_, [](const Blob& blob) { return blob.unnamed > kVersionsKept; });
}

XmlHeap::Pages XmlHeap::pages_of(const XmlRef& ref) const {
    HF_CHECK(is_valid_place(ref));
    const std::uint64_t begin = ref.offset_bytes / kBlockBytes * kBlockBytes;
    const std::uint64_t end = (end_of(ref) + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    return Pages{static_cast<std::uint32_t>(begin), std::span{image_}.subspan(begin, end - begin)};
}

std::uint64_t XmlHeap::used_bytes() const {
    std::uint64_t sum = 0;
    for (const Blob& blob : blobs_) sum += rounded(blob.ref.length_bytes);
    return sum;
}

}  // namespace holdfast
