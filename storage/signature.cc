#include "storage/signature.h"

#include <cstring>
#include <string_view>

#include "storage/record_frame.h"
#include "storage/superblock.h"

namespace holdfast {

using namespace std::string_view_literals;

namespace {

struct KnownMagic {
    SignatureKind kind;
    std::uint64_t offset_bytes;
    std::string_view magic;
};

// What identifies a container comes before what may lie inside it.
constexpr KnownMagic kKnown[] = {
    {SignatureKind::Luks, 0, "LUKS\xba\xbe"sv},
    {SignatureKind::Lvm, 0, "LABELONE"sv},
    {SignatureKind::Lvm, 512, "LABELONE"sv},
    {SignatureKind::Lvm, 1024, "LABELONE"sv},
    {SignatureKind::Lvm, 1536, "LABELONE"sv},
    {SignatureKind::MdRaid, 0, "\xfc\x4e\x2b\xa9"sv},     // metadata 1.1
    {SignatureKind::MdRaid, 4096, "\xfc\x4e\x2b\xa9"sv},  // metadata 1.2
    {SignatureKind::Gpt, 512, "EFI PART"sv},
    {SignatureKind::Gpt, 4096, "EFI PART"sv},
    {SignatureKind::Xfs, 0, "XFSB"sv},
    {SignatureKind::Ext, 1080, "\x53\xef"sv},
    {SignatureKind::Btrfs, 65536 + 64, "_BHRfS_M"sv},
    {SignatureKind::Gfs2, 65536, "\x01\x16\x19\x70"sv},
    {SignatureKind::Ocfs2, 1024, "OCFSV2"sv},
    {SignatureKind::Ocfs2, 2048, "OCFSV2"sv},
    {SignatureKind::Ocfs2, 4096, "OCFSV2"sv},
    {SignatureKind::Ocfs2, 8192, "OCFSV2"sv},
    {SignatureKind::Ntfs, 3, "NTFS    "sv},
    {SignatureKind::Fat, 54, "FAT1"sv},
    {SignatureKind::Fat, 82, "FAT32"sv},
    {SignatureKind::Swap, 4086, "SWAPSPACE2"sv},
    {SignatureKind::Squashfs, 0, "hsqs"sv},
    {SignatureKind::Iso9660, 32769, "CD001"sv},
    {SignatureKind::Zfs, 128 * 1024, "\x0c\xb1\xba\x00"sv},
    {SignatureKind::Sanlock, 0, "\x10\x20\x21\x12"sv},
    {SignatureKind::Sbd, 0, "SBD_SBD_"sv},
    {SignatureKind::Qcow2, 0, "QFI\xfb"sv},
    {SignatureKind::Vmfs, 1024 * 1024 - 4096, "\x5e\xf1\xab\x2f"sv},
    {SignatureKind::Bcache, 4096 + 24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca"sv},
};

bool matches(std::span<const std::byte> bytes, std::uint64_t offset, std::string_view magic) {
    if (offset + magic.size() > bytes.size()) return false;
    return std::memcmp(bytes.data() + offset, magic.data(), magic.size()) == 0;
}

bool find_holdfast(std::span<const std::byte> head, Signature& found) {
    for (std::uint64_t offset = 0; offset < 2 * kBlockBytes; offset += kBlockBytes) {
        if (!matches(head, offset, "HFSB"sv)) continue;
        found.kind = SignatureKind::Holdfast;
        found.offset_bytes = offset;
        if (head.size() < offset + kBlockBytes) return true;
        const auto superblock = decode_superblock(head.subspan(offset, kBlockBytes));
        if (superblock) found.cluster = superblock->cluster;
        if (superblock) return true;
    }
    return found.kind == SignatureKind::Holdfast;
}

// A partition table has the boot mark and at least one plausible entry.
bool is_mbr(std::span<const std::byte> head) {
    if (!matches(head, 510, "\x55\xaa"sv)) return false;
    for (std::size_t entry = 446; entry < 510; entry += 16) {
        if (head[entry + 4] != std::byte{0}) return true;
    }
    return false;
}

// DRBD keeps its internal metadata in the last 4 KiB-aligned block; the magic is big-endian at byte
// 60.
bool is_drbd(std::span<const std::byte> tail, std::uint64_t size_bytes) {
    const std::uint64_t block = size_bytes / kBlockBytes * kBlockBytes - kBlockBytes;
    const std::uint64_t begin = size_bytes - tail.size();
    if (size_bytes < kBlockBytes || block < begin) return false;
    return matches(tail, block - begin + 60, "\x83\x74\x02"sv);
}

// Metadata 0.90 and 1.0 lie near the end.
bool is_md_at_end(std::span<const std::byte> tail, std::uint64_t size_bytes) {
    const std::uint64_t begin = size_bytes - tail.size();
    const std::uint64_t sectors = size_bytes / kSectorBytes;
    const std::uint64_t version_1_0 = sectors < 16 ? 0 : (sectors - 16) / 8 * 8 * kSectorBytes;
    const std::uint64_t version_0_90 = size_bytes < 65536 ? 0 : size_bytes / 65536 * 65536 - 65536;
    for (const std::uint64_t offset : {version_1_0, version_0_90}) {
        if (offset >= begin && matches(tail, offset - begin, "\xfc\x4e\x2b\xa9"sv)) return true;
    }
    return false;
}

std::uint64_t first_nonzero(std::span<const std::byte> bytes) {
    for (std::uint64_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] != std::byte{0}) return i;
    }
    return bytes.size();
}

}  // namespace

const char* to_string(SignatureKind kind) {
    switch (kind) {
        case SignatureKind::Empty: return "nothing";
        case SignatureKind::Unknown: return "data of an unknown kind";
        case SignatureKind::Holdfast: return "a Holdfast heartbeat datastore";
        case SignatureKind::Ext: return "an ext2/3/4 file system";
        case SignatureKind::Xfs: return "an XFS file system";
        case SignatureKind::Btrfs: return "a btrfs file system";
        case SignatureKind::Gfs2: return "a GFS2 file system";
        case SignatureKind::Ocfs2: return "an OCFS2 file system";
        case SignatureKind::Fat: return "a FAT file system";
        case SignatureKind::Ntfs: return "an NTFS file system";
        case SignatureKind::Swap: return "swap space";
        case SignatureKind::Squashfs: return "a squashfs image";
        case SignatureKind::Iso9660: return "an ISO 9660 image";
        case SignatureKind::Zfs: return "a member of a ZFS pool";
        case SignatureKind::Lvm: return "an LVM physical volume";
        case SignatureKind::MdRaid: return "a member of an md RAID array";
        case SignatureKind::Drbd: return "a DRBD device with internal metadata";
        case SignatureKind::Luks: return "a LUKS encrypted volume";
        case SignatureKind::Gpt: return "a GPT partition table";
        case SignatureKind::Mbr: return "an MBR partition table";
        case SignatureKind::Sanlock: return "a sanlock lockspace";
        case SignatureKind::Sbd: return "an SBD device";
        case SignatureKind::Qcow2: return "a qcow2 disk image";
        case SignatureKind::Vmfs: return "a VMFS volume";
        case SignatureKind::Bcache: return "a bcache device";
    }
    return "data of an unknown kind";
}

Signature find_signature(std::span<const std::byte> head,
                         std::span<const std::byte> tail,
                         std::uint64_t size_bytes) {
    Signature found;
    if (tail.size() > size_bytes) tail = tail.first(0);
    if (find_holdfast(head, found)) return found;
    for (const KnownMagic& known : kKnown) {
        if (!matches(head, known.offset_bytes, known.magic)) continue;
        return Signature{known.kind, {}, known.offset_bytes};
    }
    if (is_mbr(head)) return Signature{SignatureKind::Mbr, {}, 446};
    if (is_md_at_end(tail, size_bytes)) return Signature{SignatureKind::MdRaid, {}, size_bytes};
    if (is_drbd(tail, size_bytes)) return Signature{SignatureKind::Drbd, {}, size_bytes};
    const std::uint64_t offset = first_nonzero(head);
    if (offset < head.size()) return Signature{SignatureKind::Unknown, {}, offset};
    const std::uint64_t at_end = first_nonzero(tail);
    if (at_end < tail.size()) {
        return Signature{SignatureKind::Unknown, {}, size_bytes - tail.size() + at_end};
    }
    return found;
}

}  // namespace holdfast
