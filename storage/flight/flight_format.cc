#include "storage/flight/flight_format.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "storage/crc32c.h"
#include "storage/flight/event_codec.h"
#include "storage/flight/field_codec.h"
#include "storage/flight/step_digest.h"
#include "storage/record_frame.h"

namespace holdfast::flight {

namespace {

constexpr std::array<char, 8> kMagic{'H', 'F', 'F', 'L', 'I', 'G', 'H', 'T'};
constexpr std::size_t kStartBytesMax = 256U * 1024U;  // a record of 1,024 members with their places

struct HeaderOnDisk {
    std::array<char, 8> magic;
    std::uint16_t version;
    std::uint16_t reserved;
    std::uint32_t start_bytes;
    std::uint64_t event_layout;
    std::uint64_t action_layout;
    std::array<char, kSoftwareTextBytes> software;
    std::uint32_t start_crc32c;
    std::uint32_t crc32c;  // of all bytes before
};

static_assert(sizeof(HeaderOnDisk) == 64);
static_assert(offsetof(HeaderOnDisk, event_layout) == 16);
static_assert(offsetof(HeaderOnDisk, software) == 32);
static_assert(offsetof(HeaderOnDisk, crc32c) == 60);
static_assert(std::has_unique_object_representations_v<HeaderOnDisk>);

struct NoContext {
    template <typename T>
    void put_pointee(ByteWriter& /*out*/, const T* /*pointer*/) {}

    template <typename T>
    void get_pointee(ByteReader& in, const T*& /*pointer*/) {
        in.fail();
    }
};

Result<FlightHeader> refused(const std::string& text) {
    return Unexpected{Error{0, text}};
}

std::string text_of(const std::array<char, kSoftwareTextBytes>& text) {
    return {text.data(), strnlen(text.data(), text.size())};
}

}  // namespace

std::uint64_t flight_id(const EngineConfig& config, Instant started_at) {
    std::uint64_t id = 0xcbf29ce484222325U;
    for (const std::uint64_t part :
         {std::uint64_t{config.self.value()},
          config.seed,
          config.incarnation.value(),
          static_cast<std::uint64_t>(started_at.time_since_epoch().count())}) {
        id = (id ^ part) * 0x9e3779b97f4a7c15U;
        id ^= id >> 32U;
    }
    for (const std::uint8_t byte : config.boot_id.bytes) id = (id ^ byte) * 0x100000001b3U;
    return id;
}

std::vector<std::byte> encode_flight_header(const FlightStart& start, const std::string& software) {
    std::vector<std::byte> bytes(sizeof(HeaderOnDisk) + kStartBytesMax);
    ByteWriter out{std::span<std::byte>(bytes).subspan(sizeof(HeaderOnDisk))};
    NoContext none;
    put(out, start, fresh<FlightStart>(), none);
    HF_CHECK(!out.overflowed());
    HeaderOnDisk disk{};
    disk.magic = kMagic;
    disk.version = kFlightVersion;
    disk.start_bytes = static_cast<std::uint32_t>(out.size());
    disk.event_layout = event_layout();
    disk.action_layout = action_layout();
    software.copy(disk.software.data(), disk.software.size());
    disk.start_crc32c = crc32c(out.written());
    disk.crc32c = crc32c(bytes_of(disk).first(offsetof(HeaderOnDisk, crc32c)));
    store(std::span<std::byte>(bytes), disk);
    bytes.resize(sizeof disk + out.size());
    return bytes;
}

Result<FlightHeader> decode_flight_header(std::span<const std::byte> file) {
    if (file.size() < kMagic.size() ||
        std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0) {
        return refused("is no flight log (it does not begin with HFFLIGHT).");
    }
    if (file.size() < sizeof(HeaderOnDisk)) {
        return refused("ends within its header: the agent was stopped as it began this file.");
    }
    const auto disk = load<HeaderOnDisk>(file);
    if (disk.version != kFlightVersion) {
        return refused("has flight log format " + std::to_string(disk.version) +
                       "; this holdfast reads format " + std::to_string(kFlightVersion) +
                       ". Use the holdfast that goes with it.");
    }
    if (disk.crc32c != crc32c(file.first(offsetof(HeaderOnDisk, crc32c)))) {
        return refused(
            "has a damaged header (its checksum is wrong): nothing in it can be trusted.");
    }
    FlightHeader header;
    header.event_layout = disk.event_layout;
    header.action_layout = disk.action_layout;
    header.software = text_of(disk.software);
    if (disk.event_layout != event_layout()) {
        return refused(
            "was recorded by holdfast " + header.software +
            ", whose events are laid out differently. Use the holdfast of that release.");
    }
    const std::span<const std::byte> rest = file.subspan(sizeof disk);
    if (disk.start_bytes > kStartBytesMax || disk.start_bytes > rest.size()) {
        return refused("ends within its header: the agent was stopped as it began this file.");
    }
    const std::span<const std::byte> content = rest.first(disk.start_bytes);
    ByteReader in(content);
    NoContext none;
    if (disk.start_crc32c != crc32c(content)) {
        return refused(
            "has a damaged header (its checksum is wrong): nothing in it can be trusted.");
    }
    get(in, header.start, none);
    const std::string reason =
        in.failed() ? "it cannot be decoded" : why_unusable(header.start.config);
    if (!reason.empty()) {
        return refused("has an engine configuration that cannot be used: " + reason + ".");
    }
    header.bytes = sizeof disk + disk.start_bytes;
    return header;
}

void seal_frame(std::span<std::byte> frame) {
    HF_CHECK(frame.size() > kFrameHeadBytes && frame.size() <= kFrameBytesMax);
    const auto payload = frame.subspan(kFrameHeadBytes);
    store(frame, static_cast<std::uint32_t>(payload.size()));
    store(frame.subspan(4), crc32c(payload));
}

FrameView read_frame(std::span<const std::byte> rest) {
    FrameView view;
    if (is_all_zero(rest)) return view;
    if (rest.size() < kFrameHeadBytes) return view;
    const auto length = load<std::uint32_t>(rest);
    if (length == 0 || length > kFrameBytesMax) {
        view.state = FrameState::Damaged;
        return view;
    }
    if (length > rest.size() - kFrameHeadBytes) return view;
    view.payload = rest.subspan(kFrameHeadBytes, length);
    view.bytes = kFrameHeadBytes + length;
    if (load<std::uint32_t>(rest.subspan(4)) == crc32c(view.payload)) {
        view.state = FrameState::Whole;
    } else if (view.bytes < rest.size() && !is_all_zero(rest.subspan(view.bytes))) {
        view.state = FrameState::Damaged;
    }
    return view;
}

std::string why_unusable(const EngineConfig& config) {
    if (!is_safe(config.timing)) return "its timing is not safe";
    if (config.voters_count != 1 && config.voters_count != 3 && config.voters_count != 5) {
        return std::to_string(config.voters_count) + " voting datastores";
    }
    if (config.datastores_count < config.voters_count || config.datastores_count > kDatastoresMax) {
        return std::to_string(config.datastores_count) + " datastores";
    }
    HostId before;
    bool self_found = false;
    for (const HostId member : config.members) {
        if (member <= before || member.value() > kHostsMax) return "members out of order";
        before = member;
        self_found = self_found || member == config.self;
    }
    if (!self_found) return "host " + std::to_string(config.self.value()) + " is no member";
    return {};
}

}  // namespace holdfast::flight
