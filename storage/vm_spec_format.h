// On-disk form of a VmSpec: the first 144 bytes of a roster entry and of an order.  Internal to
// storage/.
//
//   offset  size  field
//        0    16  vm uuid
//       16     4  memory, MiB
//       20     4  datastores        bit i: needs the i-th VM datastore
//       24     4  xml offset        in the heap of `xml host`
//       28     4  xml length        compressed
//       32     4  xml raw length
//       36     4  xml crc32c        of the compressed bytes
//       40     2  xml host          0: no XML
//       42     2  cpus
//       44     1  priority          1..6
//       45     1  name length       0..48
//       46     1  isolation         0 as the cluster, 1 leave, 2 shutdown, 3 power off
//       47     1  reserved
//       48    48  name              cut, zero-filled; for people only
//       96     4  name hash         of the whole name
//      100     4  apart             hash of the group; 0: none
//      104     4  together          the same
//      108  4x 4  after             hashes of names; 0: none
//      124     2  after delay       seconds
//      126     1  after agent       bit i: after[i] runs once its guest agent is up
//      127     1  guest agent       0 none, 1 awaited, 2 up
//      128  4x 4  networks          hashes; 0: none
#pragma once

#include "engine/machine/roster.h"
#include "storage/record_frame.h"

namespace holdfast {

struct VmSpecOnDisk {
    UuidOnDisk vm;
    std::uint32_t memory_mib;
    std::uint32_t datastores;
    std::uint32_t xml_offset_bytes;
    std::uint32_t xml_length_bytes;
    std::uint32_t xml_raw_bytes;
    std::uint32_t xml_crc32c;
    std::uint16_t xml_host;
    std::uint16_t cpus;
    std::uint8_t priority;
    std::uint8_t name_bytes;
    std::uint8_t isolation;
    std::uint8_t reserved;
    std::array<char, kVmNameMax> name;
    std::uint32_t name_hash;
    std::uint32_t apart;
    std::uint32_t together;
    std::array<std::uint32_t, kAfterMax> after;
    std::uint16_t after_delay_seconds;
    std::uint8_t after_agent;
    std::uint8_t agent;
    std::array<std::uint32_t, kVmNetworksMax> networks;
};

static_assert(sizeof(VmSpecOnDisk) == 144);
static_assert(offsetof(VmSpecOnDisk, memory_mib) == 16);
static_assert(offsetof(VmSpecOnDisk, xml_offset_bytes) == 24);
static_assert(offsetof(VmSpecOnDisk, xml_host) == 40);
static_assert(offsetof(VmSpecOnDisk, priority) == 44);
static_assert(offsetof(VmSpecOnDisk, isolation) == 46);
static_assert(offsetof(VmSpecOnDisk, name) == 48);
static_assert(offsetof(VmSpecOnDisk, name_hash) == 96);
static_assert(offsetof(VmSpecOnDisk, after) == 108);
static_assert(offsetof(VmSpecOnDisk, after_delay_seconds) == 124);
static_assert(offsetof(VmSpecOnDisk, networks) == 128);
static_assert(std::has_unique_object_representations_v<VmSpecOnDisk>);

[[nodiscard]] VmSpecOnDisk to_disk(const VmSpec& spec);

// `offset` is that of the spec within its record, for the reject.
void check_vm_spec(const VmSpecOnDisk& disk, std::size_t offset, RangeCheck& check);

[[nodiscard]] VmSpec from_disk(const VmSpecOnDisk& disk);

}  // namespace holdfast
