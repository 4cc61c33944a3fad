// What lies on a device or file already, told by its magic numbers: so that nothing of value is
// overwritten and nothing foreign is taken for a datastore.  Pure; makes no system call and does
// not allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/types.h"

namespace holdfast {

enum class SignatureKind : std::uint8_t {
    Empty = 0,    // all zero where we looked
    Unknown = 1,  // something without a magic number that we know
    Holdfast = 2,
    Ext = 3,
    Xfs = 4,
    Btrfs = 5,
    Gfs2 = 6,
    Ocfs2 = 7,
    Fat = 8,
    Ntfs = 9,
    Swap = 10,
    Squashfs = 11,
    Iso9660 = 12,
    Zfs = 13,
    Lvm = 14,
    MdRaid = 15,
    Drbd = 16,
    Luks = 17,
    Gpt = 18,
    Mbr = 19,
    Sanlock = 20,
    Sbd = 21,
    Qcow2 = 22,
    Vmfs = 23,
    Bcache = 24,
};

struct Signature {
    SignatureKind kind = SignatureKind::Empty;
    ClusterUuid cluster;             // Holdfast only; may be that of a damaged superblock: none
    std::uint64_t offset_bytes = 0;  // where it was found
};

inline constexpr std::size_t kSignatureHeadBytes = 1024 * 1024;  // looked at from the start
inline constexpr std::size_t kSignatureTailBytes = 128 * 1024;   // and before the end

// For sentences: "an ext2/3/4 file system"; never null.
[[nodiscard]] const char* to_string(SignatureKind kind);

// `head` begins at offset 0; `tail` ends at the end of the device, whose size is `size_bytes`.
[[nodiscard]] Signature find_signature(std::span<const std::byte> head,
                                       std::span<const std::byte> tail,
                                       std::uint64_t size_bytes);

}  // namespace holdfast
