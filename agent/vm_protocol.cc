#include "agent/vm_protocol.h"

#include <isa-l/crc.h>
#include <type_traits>
#include <utility>

#include "agent/vm_protocol_fields.h"
#include "engine/base/check.h"

namespace holdfast::vm_protocol {
namespace {

constexpr std::uint32_t kMagic = 0x4d56'4648;  // "HFVM"
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kLengthOffset = 8;
constexpr std::size_t kChecksumOffset = 12;

// CRC32C of the packet with its checksum field left out.
std::uint32_t packet_checksum(std::span<const std::uint8_t> packet) {
    const auto add = [](std::span<const std::uint8_t> part, std::uint32_t crc) {
        // ISA-L takes a pointer to non-const and only reads.
        return crc32_iscsi(
            const_cast<std::uint8_t*>(part.data()), static_cast<int>(part.size()), crc);
    };
    return ~add(packet.subspan(kHeaderBytes), add(packet.first(kChecksumOffset), ~0U));
}

void put(Writer& out, const VmSpec& spec) {
    out.uuid(spec.vm);
    out.text(spec.name.view());
    out.number(spec.memory_mib);
    out.number(spec.cpus);
    out.number(static_cast<std::uint8_t>(spec.priority));
    out.number(spec.datastores);
    out.number(spec.xml.length_bytes);
    out.number(spec.xml.raw_bytes);
    out.number(spec.xml.crc32c);
    out.number(static_cast<std::uint8_t>(spec.isolation));
    out.number(spec.relations.name);
    out.number(spec.relations.apart);
    out.number(spec.relations.together);
    for (const std::uint32_t after : spec.relations.after) out.number(after);
    out.number(spec.relations.after_delay_seconds);
    out.number(spec.relations.after_agent);
    out.number(static_cast<std::uint8_t>(spec.agent));
    for (const std::uint32_t network : spec.networks) out.number(network);
}

VmSpec get_spec(Reader& in) {
    VmSpec spec;
    spec.vm = in.uuid();
    spec.name = VmName{in.text(kVmNameMax)};
    spec.memory_mib = in.number<std::uint32_t>();
    spec.cpus = in.number<std::uint16_t>();
    spec.priority = in.choice(Priority::Disabled, Priority::Highest);
    spec.datastores = in.number<std::uint32_t>();
    spec.xml.length_bytes = in.number<std::uint32_t>();
    spec.xml.raw_bytes = in.number<std::uint32_t>();
    spec.xml.crc32c = in.number<std::uint32_t>();
    spec.isolation = in.choice(IsolationResponse::Cluster, IsolationResponse::PowerOff);
    spec.relations.name = in.number<std::uint32_t>();
    spec.relations.apart = in.number<std::uint32_t>();
    spec.relations.together = in.number<std::uint32_t>();
    for (std::uint32_t& after : spec.relations.after) after = in.number<std::uint32_t>();
    spec.relations.after_delay_seconds = in.number<std::uint16_t>();
    spec.relations.after_agent = in.number<std::uint8_t>();
    spec.agent = in.choice(GuestAgent::None, GuestAgent::Up);
    for (std::uint32_t& network : spec.networks) network = in.number<std::uint32_t>();
    if (spec.vm.is_none() || spec.xml.raw_bytes > kXmlRawBytesMax) in.refuse();
    return spec;
}

// The XML that belongs to `spec`.
std::vector<std::uint8_t> get_xml(Reader& in, const VmSpec& spec) {
    std::vector<std::uint8_t> xml = in.blob(kXmlCompressedBytesMax);
    if (xml.size() != spec.xml.length_bytes) in.refuse();
    return xml;
}

void put(Writer& out, const Hello& m) {
    out.number(m.pid);
    out.text(m.software);
}

void get(Reader& in, Hello& m) {
    m.pid = in.number<std::uint32_t>();
    m.software = in.text();
}

void put(Writer& out, const DomainSeen& m) {
    HF_CHECK(m.xml.size() <= kXmlCompressedBytesMax);
    put(out, m.spec);
    out.number(static_cast<std::uint8_t>(m.state));
    out.number(static_cast<std::uint8_t>(m.protectable ? 1 : 0));
    out.text(m.reason);
    out.blob(m.xml);
}

void get(Reader& in, DomainSeen& m) {
    m.spec = get_spec(in);
    m.state = in.choice(VmRunState::Off, VmRunState::PostCopy);
    m.protectable = in.flag();
    m.reason = in.text();
    m.xml = get_xml(in, m.spec);
}

void put(Writer& out, const DomainUndefined& m) {
    out.uuid(m.vm);
}

void get(Reader& in, DomainUndefined& m) {
    m.vm = in.uuid();
}

void put(Writer& /*out*/, const ListComplete& /*m*/) {}

void get(Reader& /*in*/, ListComplete& /*m*/) {}

void put(Writer& out, const Stopped& m) {
    out.uuid(m.vm);
    out.number(static_cast<std::uint8_t>(m.cause));
    out.text(m.text);
}

void get(Reader& in, Stopped& m) {
    m.vm = in.uuid();
    m.cause = in.choice(StopCause::Crashed, StopCause::Migrated);
    m.text = in.text();
}

// Started and Resumed have the same fields.
template <typename Answer>
void put_answer(Writer& out, const Answer& m) {
    out.uuid(m.vm);
    out.number(m.claim.value());
    out.number(static_cast<std::uint8_t>(m.failure));
    out.text(m.text);
}

template <typename Answer>
void get_answer(Reader& in, Answer& m) {
    m.vm = in.uuid();
    m.claim = ClaimNumber{in.number<std::uint64_t>()};
    m.failure = in.choice(StartFailure::None, StartFailure::Lease);
    m.text = in.text();
}

void put(Writer& out, const Started& m) {
    put_answer(out, m);
}

void get(Reader& in, Started& m) {
    get_answer(in, m);
}

void put(Writer& out, const Resumed& m) {
    put_answer(out, m);
}

void get(Reader& in, Resumed& m) {
    get_answer(in, m);
}

void put(Writer& out, const Gone& m) {
    out.uuid(m.vm);
}

void get(Reader& in, Gone& m) {
    m.vm = in.uuid();
}

void put(Writer& out, const CapacitySeen& m) {
    out.number(m.capacity.memory_mib);
    out.number(m.capacity.cpus);
    out.number(m.capacity.datastores);
    const HostNetworks& networks = m.capacity.networks;
    out.number(static_cast<std::uint8_t>(networks.known ? 1 : 0));
    out.number(static_cast<std::uint8_t>(networks.hashes.size()));
    for (const std::uint32_t network : networks.hashes) out.number(network);
}

void get(Reader& in, CapacitySeen& m) {
    m.capacity.memory_mib = in.number<std::uint32_t>();
    m.capacity.cpus = in.number<std::uint16_t>();
    m.capacity.datastores = in.number<std::uint32_t>();
    m.capacity.networks.known = in.flag();
    for (auto count = in.number<std::uint8_t>(); count > 0; --count) {
        if (!m.capacity.networks.hashes.try_push(in.number<std::uint32_t>())) in.refuse();
    }
}

void put(Writer& out, const LibvirtState& m) {
    out.number(static_cast<std::uint8_t>(m.connected ? 1 : 0));
    out.text(m.text);
}

void get(Reader& in, LibvirtState& m) {
    m.connected = in.flag();
    m.text = in.text();
}

void put(Writer& out, const Start& m) {
    HF_CHECK(m.xml.size() <= kXmlCompressedBytesMax);
    put(out, m.spec);
    out.number(m.claim.value());
    out.instant(m.valid_until);
    out.blob(m.xml);
}

void get(Reader& in, Start& m) {
    m.spec = get_spec(in);
    m.claim = ClaimNumber{in.number<std::uint64_t>()};
    m.valid_until = in.instant();
    m.xml = get_xml(in, m.spec);
}

void put(Writer& out, const Resume& m) {
    out.uuid(m.vm);
    out.number(m.claim.value());
    out.instant(m.valid_until);
}

void get(Reader& in, Resume& m) {
    m.vm = in.uuid();
    m.claim = ClaimNumber{in.number<std::uint64_t>()};
    m.valid_until = in.instant();
}

void put(Writer& out, const Destroy& m) {
    out.uuid(m.vm);
}

void get(Reader& in, Destroy& m) {
    m.vm = in.uuid();
}

void put(Writer& out, const Shutdown& m) {
    out.uuid(m.vm);
    out.instant(m.until);
}

void get(Reader& in, Shutdown& m) {
    m.vm = in.uuid();
    m.until = in.instant();
}

void put(Writer& /*out*/, const Rescan& /*m*/) {}

void get(Reader& /*in*/, Rescan& /*m*/) {}

void put(Writer& out, const Fence& m) {
    out.number(m.host.value());
    out.number(static_cast<std::uint8_t>(m.task));
    out.number(m.request.value());
    out.instant(m.valid_until);
}

void get(Reader& in, Fence& m) {
    m.host = HostId{in.number<std::uint16_t>()};
    m.task = in.choice<FenceTask>(FenceTask::Prepare, FenceTask::Off);
    m.request = RequestId{in.number<std::uint64_t>()};
    m.valid_until = in.instant();
}

void put(Writer& out, const Fenced& m) {
    out.number(m.host.value());
    out.number(m.request.value());
    out.number(static_cast<std::uint8_t>(m.off));
    out.number(static_cast<std::uint8_t>(m.power));
    out.text(m.text);
}

void get(Reader& in, Fenced& m) {
    m.host = HostId{in.number<std::uint16_t>()};
    m.request = RequestId{in.number<std::uint64_t>()};
    m.off = in.choice<FenceReply>(FenceReply::Ok, FenceReply::NotRun);
    m.power = in.choice<PowerState>(PowerState::Unknown, PowerState::Off);
    m.text = in.text();
}

// Makes the alternative whose position is `index` and fills it from the fields.
template <std::size_t I = 0>
Result<Message, DecodeError> get_message(std::size_t index, Reader& in) {
    if constexpr (I < std::variant_size_v<Message>) {
        if (index != I) return get_message<I + 1>(index, in);
        std::variant_alternative_t<I, Message> content;
        get(in, content);
        if (!in.complete()) return Unexpected{DecodeError::BadField};
        return Message{std::move(content)};
    } else {
        return Unexpected{DecodeError::UnknownType};
    }
}

}  // namespace

std::string_view describe(DecodeError error) {
    switch (error) {
        case DecodeError::TooShort: return "shorter than a header";
        case DecodeError::Foreign: return "not a message of this protocol";
        case DecodeError::OtherVersion:
            return "of another version: restart both programs from one release";
        case DecodeError::WrongLength: return "length field and packet differ";
        case DecodeError::Damaged: return "checksum does not match";
        case DecodeError::UnknownType: return "of an unknown type";
        case DecodeError::BadField: return "a field is out of range";
    }
    return "unknown error";
}

std::vector<std::uint8_t> encode(const Message& message) {
    Writer out;
    out.number(kMagic);
    out.number(kVersion);
    out.number(static_cast<std::uint16_t>(message.index() + 1));
    out.number(std::uint32_t{0});  // length
    out.number(std::uint32_t{0});  // checksum
    std::visit([&out](const auto& content) { put(out, content); }, message);
    out.overwrite(kLengthOffset, static_cast<std::uint32_t>(out.bytes().size()));
    out.overwrite(kChecksumOffset, packet_checksum(out.bytes()));
    return std::move(out.bytes());
}

Result<Message, DecodeError> decode(std::span<const std::uint8_t> packet) {
    if (packet.size() < kHeaderBytes) return Unexpected{DecodeError::TooShort};
    Reader header(packet.first(kHeaderBytes));
    const auto magic = header.number<std::uint32_t>();
    const auto version = header.number<std::uint16_t>();
    const auto type = header.number<std::uint16_t>();
    const auto length = header.number<std::uint32_t>();
    const auto checksum = header.number<std::uint32_t>();
    if (magic != kMagic) return Unexpected{DecodeError::Foreign};
    if (length != packet.size() || packet.size() > kMessageBytesMax) {
        return Unexpected{DecodeError::WrongLength};
    }
    if (checksum != packet_checksum(packet)) return Unexpected{DecodeError::Damaged};
    if (version != kVersion) return Unexpected{DecodeError::OtherVersion};
    if (type == 0) return Unexpected{DecodeError::UnknownType};
    Reader fields(packet.subspan(kHeaderBytes));
    return get_message(type - 1U, fields);
}

}  // namespace holdfast::vm_protocol
