// XmlHeap: where the compressed domain XML of this host's VMs lies in its heap on the datastores,
// and what may be overwritten.  The same image goes to every datastore, so one XmlHeap serves all
// of them.
//
// Bookkeeping and an image in memory; no I/O.  Belongs to one thread.  place() and adopt()
// allocate: not for the beat path.
//
// Invariant: a blob that the last committed roster version names, or the one before it (its copy
// may still be the valid one on some datastore), is never overwritten; neither is one that was
// placed and not yet named or abandoned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/machine/roster.h"
#include "storage/geometry.h"

namespace holdfast {

inline constexpr std::size_t kXmlCompressedBytesMax = 256 * 1024;
inline constexpr std::size_t kXmlRawBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kHeapTransferBytesMax =
    kXmlCompressedBytesMax + 2 * kBlockBytes;  // with its page edges

// zstd level 3.  Errors: too long before or after.
[[nodiscard]] Result<std::vector<std::byte>> compress_xml(std::string_view xml);

// Checks length and CRC32C of `compressed` against `ref`, then unpacks at most ref.raw_bytes.
[[nodiscard]] Result<std::string> decompress_xml(std::span<const std::byte> compressed,
                                                 const XmlRef& ref);

class XmlHeap {
  public:
    XmlHeap(HostId host, std::uint64_t heap_bytes);

    // Finds room (512-byte aligned), copies the blob into the image and returns where it is.  A
    // blob with the same bytes that is already there is shared.  Error: heap full, with the
    // numbers.
    [[nodiscard]] Result<XmlRef> place(std::span<const std::byte> compressed,
                                       std::uint32_t raw_bytes);

    // After a start: this blob is on the datastore already, named by a roster that was read.
    // Error: does not match its checksum, does not fit, or overlaps another.
    [[nodiscard]] Result<Nothing> adopt(const XmlRef& ref, std::span<const std::byte> compressed);

    // A placed blob that no roster will ever name.
    void abandon(const XmlRef& ref);

    // A roster version naming exactly these blobs is on a majority of the datastores.
    void commit(std::span<const XmlRef> named);

    // The whole 4 KiB pages that must be written for a blob.  Valid until the next place() or
    // adopt().
    struct Pages {
        std::uint32_t offset_bytes = 0;  // in the heap
        std::span<const std::byte> bytes;
    };

    [[nodiscard]] Pages pages_of(const XmlRef& ref) const;

    [[nodiscard]] std::uint64_t used_bytes() const;

    [[nodiscard]] std::size_t blobs_count() const { return blobs_.size(); }

  private:
    struct Blob {
        XmlRef ref;
        bool pending = true;       // placed, and not yet named by a committed roster since
        std::uint8_t unnamed = 0;  // committed versions since it was last named
        bool named = false;        // some committed or adopted roster names it, or did
    };

    [[nodiscard]] bool is_valid_place(const XmlRef& ref) const;

    HostId host_;
    std::vector<std::byte> image_;
    std::vector<Blob> blobs_;  // ascending offset
};

}  // namespace holdfast
