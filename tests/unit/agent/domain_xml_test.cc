// From a domain's XML to what placement, protection and restart need to know.
#include "agent/vm/domain_xml.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/text.h"
#include "agent/vm/host_networks.h"
#include "agent/vm/protection.h"
#include "agent/vm/xml_blob.h"
#include "engine/base/name_hash.h"

namespace holdfast {
namespace {

constexpr const char* kWebUuid = "0120a4f9-196a-4f9e-b9f5-23f31f914da7";

// A domain with `devices` and `extra` (os, metadata) inside.
std::string domain(const std::string& devices, const std::string& extra = "") {
    return std::string("<domain type='qemu'><name>web-1</name><uuid>") + kWebUuid +
           "</uuid><memory unit='KiB'>1048577</memory><vcpu placement='static'>2</vcpu>" + extra +
           "<devices>" + devices + "</devices></domain>";
}

std::string disk(const std::string& source) {
    return "<disk type='file' device='disk'>" + source + "<target dev='vda' bus='virtio'/></disk>";
}

const std::vector<PathConfig>& two_datastores() {
    static const std::vector<PathConfig> list = {{"vms", "/vms"}, {"san", "/dev/mapper/vm-"}};
    return list;
}

Protection judge(const std::string& xml) {
    return judge_protection(*parse_domain_xml(xml), two_datastores());
}

}  // namespace

TEST(DomainXml, TakesWhatPlacementNeeds) {
    const auto parsed = parse_domain_xml(domain(disk("<source file='/vms/a.raw'/>")));
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_EQ(uuid_text(parsed->vm), kWebUuid);
    EXPECT_EQ(parsed->name, "web-1");
    EXPECT_EQ(parsed->memory_mib, 1025U) << "rounded up: a VM never gets less than it says";
    EXPECT_EQ(parsed->cpus, 2);
    EXPECT_EQ(parsed->policy.priority, Priority::Medium) << "protected with defaults";
    ASSERT_EQ(parsed->needs.size(), 1U);
    EXPECT_EQ(parsed->needs[0].what, "disk vda");
    EXPECT_EQ(parsed->needs[0].path, "/vms/a.raw");
}

TEST(DomainXml, FindsEveryPathThatARestartElsewhereNeeds) {
    const auto parsed = parse_domain_xml(domain(
        "<disk type='block'><source dev='/dev/mapper/vm-a'/><target dev='vda'/></disk>"
        "<disk type='file'><source file='/vms/top.qcow2'/><backingStore type='file'>"
        "<source file='/base/b.qcow2'/></backingStore><target dev='vdb'/></disk>"
        "<disk type='file' device='cdrom'><source file='/iso/x.iso'/><target dev='sda'/></disk>"
        "<disk type='file' device='cdrom'><target dev='sdb'/></disk>"
        "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
        "<filesystem type='mount'><source dir='/srv/share'/><target dir='t'/></filesystem>",
        "<os><type>hvm</type><kernel>/boot/k</kernel><nvram>/nv/web.fd</nvram></os>"));
    ASSERT_TRUE(parsed) << parsed.error().text;
    std::vector<std::string> paths;
    for (const DomainNeed& need : parsed->needs) paths.push_back(need.path);
    EXPECT_EQ(paths,
              (std::vector<std::string>{"/boot/k",
                                        "/nv/web.fd",
                                        "/dev/mapper/vm-a",
                                        "/vms/top.qcow2",
                                        "/base/b.qcow2",
                                        "/iso/x.iso",
                                        std::string("/var/lib/libvirt/swtpm/") + kWebUuid,
                                        "/srv/share"}));
}

TEST(DomainXml, NamesTheNetworksThatItsHostMustHave) {
    const auto parsed = parse_domain_xml(
        domain("<interface type='bridge'><source bridge='br0'/></interface>"
               "<interface type='network'><source network='default'/></interface>"
               "<interface type='direct'><source dev='eth1' mode='bridge'/></interface>"
               "<interface type='bridge'><source bridge='br0'/></interface>"
               "<interface type='user'/>"));
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_EQ(parsed->networks,
              (std::vector<std::string>{"device br0", "network default", "device eth1"}));
}

TEST(HostNetworks, AreItsInterfacesAndTheActiveNetworksOfLibvirt) {
    const std::string folder = testing::TempDir() + "holdfast-net";
    for (const char* name : {"lo", "br0", "eth1", "vnet3", "veth7"})
        std::filesystem::create_directories(folder + "/" + name);
    std::ofstream(folder + "/vnet3/tun_flags") << "0x1002\n";
    std::vector<std::string> interfaces = interfaces_of_host(folder);
    std::sort(interfaces.begin(), interfaces.end());
    EXPECT_EQ(interfaces, (std::vector<std::string>{"br0", "eth1"}));
    const HostNetworks networks = hash_networks(interfaces, {"default"});
    ASSERT_TRUE(networks.known);
    EXPECT_TRUE(networks.satisfy({name_hash("device br0"), name_hash("network default")}));
    EXPECT_FALSE(networks.satisfy({name_hash("device br0"), name_hash("device br1")}));
    std::vector<std::string> many(kHostNetworksMax + 1);
    for (std::size_t i = 0; i < many.size(); ++i) many[i] = std::to_string(i);
    EXPECT_TRUE(hash_networks(many, {}).satisfy({1})) << "too many to tell: no hindrance";
    std::filesystem::remove_all(folder);
}

TEST(DomainXml, KnowsWhetherAGuestAgentIsToBeWaitedForAndIsUp) {
    const auto with = [](const std::string& state) {
        return domain(
            "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/>"
            "</channel><channel type='unix'><target type='virtio' "
            "name='org.qemu.guest_agent.0'" +
            state + "/></channel>");
    };
    EXPECT_TRUE(parse_domain_xml(with(""))->guest_agent);
    EXPECT_FALSE(parse_domain_xml(domain(""))->guest_agent);
    EXPECT_TRUE(guest_agent_is_up(with(" state='connected'")));
    EXPECT_FALSE(guest_agent_is_up(with(" state='disconnected'")));
    EXPECT_FALSE(guest_agent_is_up("not XML"));
}

TEST(DomainXml, BadXmlIsAnErrorThatSaysWhere) {
    const std::string good = domain("");
    EXPECT_FALSE(parse_domain_xml(""));
    EXPECT_FALSE(parse_domain_xml("<network/>"));
    EXPECT_FALSE(parse_domain_xml("\xff\xfe\x00"));
    EXPECT_NE(parse_domain_xml("<domain><name>x</domain>").error().text.find("at byte"),
              std::string::npos);
    const auto replaced = [&](const std::string& what, const std::string& by) {
        std::string xml = good;
        xml.replace(xml.find(what), what.size(), by);
        return parse_domain_xml(xml);
    };
    EXPECT_FALSE(replaced(kWebUuid, "not-a-uuid"));
    EXPECT_FALSE(replaced(kWebUuid, "00000000-0000-0000-0000-000000000000"));
    EXPECT_FALSE(replaced("web-1", " "));
    EXPECT_FALSE(replaced("1048577", "-1"));
    EXPECT_FALSE(replaced("1048577", "99999999999999999999"));
    EXPECT_FALSE(replaced("1048577", "18446744073709551615")) << "no overflow into something small";
    EXPECT_FALSE(replaced("'KiB'", "'parsec'"));
    EXPECT_FALSE(replaced(">2<", ">0<"));
    EXPECT_FALSE(replaced(">2<", ">70000<"));
    EXPECT_TRUE(replaced("'KiB'", "'MiB'"));
}

TEST(DomainXml, EveryTruncationIsAnErrorOrWhole) {
    const std::string good = domain(disk("<source file='/vms/a.raw'/>"));
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(parse_domain_xml(good.substr(0, size))) << size;
    }
}

TEST(Protection, NamesTheDatastoresOrTheReason) {
    const Protection shared =
        judge(domain(disk("<source file='/vms/a.raw'/>") +
                     "<disk type='block'><source dev='/dev/mapper/vm-b'/></disk>"));
    EXPECT_TRUE(shared.protectable);
    EXPECT_EQ(shared.datastores, 3U);
    const Protection local = judge(domain(disk("<source file='/tmp/x'/>")));
    EXPECT_FALSE(local.protectable);
    EXPECT_EQ(local.reason, "disk vda /tmp/x is local to this host (in no [[vm_datastore]])");
    EXPECT_FALSE(judge(domain("<hostdev mode='subsystem' type='pci'/>")).protectable);
    EXPECT_FALSE(judge(domain("<disk type='network'><source protocol='rbd' name='p/i'/></disk>"))
                     .protectable);
    EXPECT_FALSE(judge(domain("", "<os firmware='efi'/>")).protectable)
        << "libvirt puts its NVRAM on this host";
    const std::string off = std::string("<metadata><policy xmlns='") + kPolicyNamespace +
                            "' priority='disabled'/></metadata>";
    EXPECT_EQ(judge(domain("", off)).reason, "its policy says disabled");
    EXPECT_TRUE(judge(domain("")).protectable) << "nothing keeps a diskless VM here";
}

TEST(Protection, PathsAreComparedByTheirParts) {
    EXPECT_TRUE(lies_on("/vms/a/b.raw", "/vms"));
    EXPECT_TRUE(lies_on("/vms/a.raw", "/vms/"));
    EXPECT_TRUE(lies_on("//vms//a.raw", "/vms"));
    EXPECT_FALSE(lies_on("/vms2/a.raw", "/vms"));
    EXPECT_FALSE(lies_on("/vms/../etc/shadow", "/vms"));
    EXPECT_TRUE(lies_on("/dev/mapper/vm-a", "/dev/mapper/vm-"));
    EXPECT_FALSE(lies_on("/dev/mapper/other", "/dev/mapper/vm-"));
}

TEST(XmlBlob, ComesBackAndEveryBitFlipIsRefused) {
    const std::string xml = domain(disk("<source file='/vms/a.raw'/>"));
    auto blob = pack_xml(xml);
    ASSERT_TRUE(blob);
    EXPECT_EQ(*unpack_xml(blob->ref, blob->compressed), xml);
    for (std::size_t bit = 0; bit < blob->compressed.size() * 8; ++bit) {
        const auto mask = static_cast<std::uint8_t>(1U << (bit % 8));
        blob->compressed[bit / 8] ^= mask;
        EXPECT_FALSE(unpack_xml(blob->ref, blob->compressed)) << bit;
        blob->compressed[bit / 8] ^= mask;
    }
    XmlRef other = blob->ref;
    other.raw_bytes += 1;
    EXPECT_FALSE(unpack_xml(other, blob->compressed));
    other.raw_bytes = 0xffff'ffff;
    EXPECT_FALSE(unpack_xml(other, blob->compressed)) << "nobody makes us allocate 4 GiB";
}

}  // namespace holdfast
