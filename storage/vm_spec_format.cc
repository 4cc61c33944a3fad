#include "storage/vm_spec_format.h"

#include "storage/xml_heap.h"

namespace holdfast {

VmSpecOnDisk to_disk(const VmSpec& spec) {
    VmSpecOnDisk disk{};
    disk.vm = spec.vm.bytes;
    disk.memory_mib = spec.memory_mib;
    disk.datastores = spec.datastores;
    disk.xml_offset_bytes = spec.xml.offset_bytes;
    disk.xml_length_bytes = spec.xml.length_bytes;
    disk.xml_raw_bytes = spec.xml.raw_bytes;
    disk.xml_crc32c = spec.xml.crc32c;
    disk.xml_host = spec.xml.host.value();
    disk.cpus = spec.cpus;
    disk.priority = static_cast<std::uint8_t>(spec.priority);
    const std::string_view name = spec.name.view();
    disk.name_bytes = static_cast<std::uint8_t>(name.size());
    name.copy(disk.name.data(), disk.name.size());
    disk.isolation = static_cast<std::uint8_t>(spec.isolation);
    disk.name_hash = spec.relations.name;
    disk.apart = spec.relations.apart;
    disk.together = spec.relations.together;
    disk.after = spec.relations.after;
    disk.after_delay_seconds = spec.relations.after_delay_seconds;
    disk.after_agent = spec.relations.after_agent;
    disk.agent = static_cast<std::uint8_t>(spec.agent);
    disk.networks = spec.networks;
    return disk;
}

void check_vm_spec(const VmSpecOnDisk& disk, std::size_t offset, RangeCheck& check) {
    if (is_all_zero(bytes_of(disk.vm))) check.between(offset, 0, 1, UINT64_MAX);
    check.host(offset + offsetof(VmSpecOnDisk, xml_host), disk.xml_host);
    check.between(offset + offsetof(VmSpecOnDisk, priority), disk.priority, 1, 6);
    check.at_most(offset + offsetof(VmSpecOnDisk, isolation), disk.isolation, 3);
    check.at_most(offset + offsetof(VmSpecOnDisk, agent), disk.agent, 2);
    check.at_most(offset + offsetof(VmSpecOnDisk, name_bytes), disk.name_bytes, kVmNameMax);
    check.at_most(
        offset + offsetof(VmSpecOnDisk, xml_offset_bytes), disk.xml_offset_bytes, kHeapBytesMax);
    check.at_most(offset + offsetof(VmSpecOnDisk, xml_length_bytes),
                  disk.xml_length_bytes,
                  kXmlCompressedBytesMax);
    check.at_most(
        offset + offsetof(VmSpecOnDisk, xml_raw_bytes), disk.xml_raw_bytes, kXmlRawBytesMax);
}

VmSpec from_disk(const VmSpecOnDisk& disk) {
    VmSpec spec;
    spec.vm.bytes = disk.vm;
    spec.name = VmName{std::string_view{disk.name.data(), disk.name_bytes}};
    spec.memory_mib = disk.memory_mib;
    spec.cpus = disk.cpus;
    spec.priority = static_cast<Priority>(disk.priority);
    spec.datastores = disk.datastores;
    spec.xml.host = HostId{disk.xml_host};
    spec.xml.offset_bytes = disk.xml_offset_bytes;
    spec.xml.length_bytes = disk.xml_length_bytes;
    spec.xml.raw_bytes = disk.xml_raw_bytes;
    spec.xml.crc32c = disk.xml_crc32c;
    spec.isolation = static_cast<IsolationResponse>(disk.isolation);
    spec.relations.name = disk.name_hash;
    spec.relations.apart = disk.apart;
    spec.relations.together = disk.together;
    spec.relations.after = disk.after;
    spec.relations.after_delay_seconds = disk.after_delay_seconds;
    spec.relations.after_agent = disk.after_agent;
    spec.agent = static_cast<GuestAgent>(disk.agent);
    spec.networks = disk.networks;
    return spec;
}

}  // namespace holdfast
