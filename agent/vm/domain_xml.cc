#include "agent/vm/domain_xml.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <limits>
#include <optional>
#include <pugixml.hpp>
#include <string_view>
#include <utility>

#include "agent/text.h"

namespace holdfast {
namespace {

constexpr std::uint64_t kMemoryMibMax = std::uint64_t{64} * 1024 * 1024;  // 64 TiB
constexpr std::uint64_t kMib = std::uint64_t{1024} * 1024;

Unexpected<Error> bad(const std::string& what) {
    return Unexpected{Error{0, "domain XML: " + what + " [HF-6001]"}};
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    text = trimmed(text);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) {
        return std::nullopt;
    }
    return value;
}

// The units of libvirt's scaled integers, in bytes; 0 for an unknown one.
std::uint64_t unit_bytes(std::string_view unit) {
    struct Unit {
        std::string_view name;
        std::uint64_t bytes;
    };

    static constexpr Unit kUnits[] = {
        {"b", 1},
        {"bytes", 1},
        {"KB", 1000},
        {"k", 1024},
        {"KiB", 1024},
        {"MB", 1'000'000},
        {"M", kMib},
        {"MiB", kMib},
        {"GB", 1'000'000'000},
        {"G", 1024 * kMib},
        {"GiB", 1024 * kMib},
        {"TB", 1'000'000'000'000},
        {"T", kMib * kMib},
        {"TiB", kMib * kMib},
    };
    for (const Unit& known : kUnits) {
        if (known.name == unit) return known.bytes;
    }
    return 0;
}

Result<std::uint32_t> parse_memory(const pugi::xml_node& node) {
    const std::optional<std::uint64_t> amount = parse_number(node.child_value());
    const std::uint64_t unit = unit_bytes(node.attribute("unit").as_string("KiB"));
    if (!amount || unit == 0 || *amount == 0) {
        return bad("<memory> is missing or no amount of memory");
    }
    if (*amount > kMemoryMibMax * kMib / unit) return bad("<memory> is more than 64 TiB");
    return static_cast<std::uint32_t>((*amount * unit + kMib - 1) / kMib);
}

// The path of a <source>, or the reason in `what` why it has none.
DomainNeed need_of_source(std::string what, std::string_view type, const pugi::xml_node& source) {
    for (const char* attribute : {"file", "dev", "dir"}) {
        const pugi::xml_attribute path = source.attribute(attribute);
        if (path && *path.value() != '\0') return {std::move(what), path.value()};
    }
    if (type == "network") {
        what += fmt::format(
            " ({} {})", source.attribute("protocol").value(), source.attribute("name").value());
    } else if (type == "volume") {
        what += fmt::format(" (volume {} of pool {})",
                            source.attribute("volume").value(),
                            source.attribute("pool").value());
    } else {
        what += fmt::format(" ({})", type);
    }
    return {printable(what), ""};
}

void add_disks(const pugi::xml_node& devices, std::vector<DomainNeed>& needs) {
    for (const pugi::xml_node& disk : devices.children("disk")) {
        const pugi::xml_node source = disk.child("source");
        const bool empty_drive = !source;  // a drive without a medium
        if (empty_drive) continue;
        const std::string what =
            printable(fmt::format("disk {}", disk.child("target").attribute("dev").as_string("?")));
        needs.push_back(need_of_source(what, disk.attribute("type").value(), source));
        for (pugi::xml_node backing = disk.child("backingStore"); backing;
             backing = backing.child("backingStore")) {
            if (!backing.child("source")) continue;
            needs.push_back(need_of_source(what + "'s backing image",
                                           backing.attribute("type").value(),
                                           backing.child("source")));
        }
    }
}

void add_firmware(const pugi::xml_node& os, std::vector<DomainNeed>& needs) {
    for (const char* element : {"kernel", "initrd", "dtb"}) {
        const std::string_view path = trimmed(os.child(element).child_value());
        if (!path.empty()) needs.push_back({element, std::string(path)});
    }
    const pugi::xml_node nvram = os.child("nvram");
    const std::string_view path = trimmed(nvram.child_value());
    if (!path.empty()) {
        needs.push_back({"NVRAM", std::string(path)});
    } else if (!nvram.child("source").empty()) {
        needs.push_back(
            need_of_source("NVRAM", nvram.attribute("type").value(), nvram.child("source")));
    } else if (std::string_view(os.attribute("firmware").value()) == "efi" ||
               std::string_view(os.child("loader").attribute("type").value()) == "pflash") {
        needs.push_back(
            {"NVRAM", "/var/lib/libvirt/qemu/nvram"});  // where libvirt puts what nobody placed
    }
}

void add_devices(const pugi::xml_node& devices, const VmId& vm, std::vector<DomainNeed>& needs) {
    add_disks(devices, needs);
    for (const pugi::xml_node& tpm : devices.children("tpm")) {
        const pugi::xml_node backend = tpm.child("backend");
        if (std::string_view(backend.attribute("type").value()) == "emulator") {
            needs.push_back({"TPM state", "/var/lib/libvirt/swtpm/" + uuid_text(vm)});
        } else {
            needs.push_back({"TPM of the host", ""});
        }
    }
    for (const pugi::xml_node& folder : devices.children("filesystem")) {
        needs.push_back(
            need_of_source("folder", folder.attribute("type").value(), folder.child("source")));
    }
    for (const pugi::xml_node& device : devices.children("hostdev")) {
        needs.push_back(
            {printable(fmt::format("host device ({})", device.attribute("type").value())), ""});
    }
}

std::string network_name(const char* kind, std::string_view name) {
    return name.empty() ? std::string() : fmt::format("{} {}", kind, name);
}

// What its interfaces need of the host, as host_networks.h names it.
void add_networks(const pugi::xml_node& devices, std::vector<std::string>& networks) {
    for (const pugi::xml_node& interface : devices.children("interface")) {
        const std::string_view type = interface.attribute("type").value();
        const pugi::xml_node source = interface.child("source");
        std::string network;
        if (type == "bridge") network = network_name("device", source.attribute("bridge").value());
        if (type == "network")
            network = network_name("network", source.attribute("network").value());
        if (type == "direct") network = network_name("device", source.attribute("dev").value());
        const bool is_new = std::find(networks.begin(), networks.end(), network) == networks.end();
        if (!network.empty() && is_new) networks.push_back(std::move(network));
    }
}

// The target of the guest agent's channel; none: it has no such channel.
pugi::xml_node agent_channel(const pugi::xml_node& devices) {
    for (const pugi::xml_node& channel : devices.children("channel")) {
        const pugi::xml_node target = channel.child("target");
        if (std::string_view(target.attribute("name").value()) == "org.qemu.guest_agent.0")
            return target;
    }
    return {};
}

}  // namespace

bool guest_agent_is_up(const std::string& live_xml) {
    pugi::xml_document document;
    if (!document.load_buffer(live_xml.data(), live_xml.size())) return false;
    const pugi::xml_node target = agent_channel(document.child("domain").child("devices"));
    return std::string_view(target.attribute("state").value()) == "connected";
}

Result<DomainDescription> parse_domain_xml(const std::string& xml) {
    pugi::xml_document document;
    const pugi::xml_parse_result parsed = document.load_buffer(xml.data(), xml.size());
    if (!parsed) return bad(fmt::format("{} at byte {}", parsed.description(), parsed.offset));
    const pugi::xml_node domain = document.child("domain");
    if (!domain) return bad("no <domain> at its root");

    DomainDescription description;
    const std::optional<Uuid> uuid = parse_uuid(trimmed(domain.child("uuid").child_value()));
    if (!uuid || uuid->is_none()) return bad("<uuid> is missing or malformed");
    description.vm = *uuid;
    description.name = std::string(trimmed(domain.child("name").child_value()));
    if (description.name.empty()) return bad("<name> is missing");

    const Result<std::uint32_t> memory = parse_memory(domain.child("memory"));
    if (!memory) return Unexpected{memory.error()};
    description.memory_mib = *memory;
    const std::optional<std::uint64_t> cpus = parse_number(domain.child("vcpu").child_value());
    if (!cpus || *cpus == 0 || *cpus > std::numeric_limits<std::uint16_t>::max()) {
        return bad("<vcpu> is missing or no number of CPUs");
    }
    description.cpus = static_cast<std::uint16_t>(*cpus);

    description.policy = parse_policy(domain, description.name);
    add_firmware(domain.child("os"), description.needs);
    add_devices(domain.child("devices"), description.vm, description.needs);
    add_networks(domain.child("devices"), description.networks);
    description.guest_agent = !agent_channel(domain.child("devices")).empty();
    return description;
}

}  // namespace holdfast
