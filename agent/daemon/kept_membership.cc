#include "agent/daemon/kept_membership.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "agent/files.h"
#include "net/address.h"
#include "storage/config_convert.h"
#include "storage/crc32c.h"
#include "storage/record_frame.h"

namespace holdfast {

namespace {

struct Trailer {
    std::array<std::uint8_t, 16> boot_id;
    std::int64_t renewed_at_ns;
    std::uint32_t flags;
    std::array<std::uint8_t, 8> lease_ns;  // a std::int64_t
    std::uint32_t crc32c;
};

static_assert(sizeof(Trailer) == 40);

constexpr std::uint32_t kInForce = 1U << 0U;
constexpr std::uint32_t kEntitled = 1U << 1U;

Unexpected<Error> failed(const std::string& path, int number) {
    return Unexpected{
        Error{number,
              path + ": cannot be written: " + std::strerror(number) +
                  ". An agent that restarts while no datastore answers cannot vouch. [HF-5002]"}};
}

std::size_t block_bytes(std::size_t members_count) {
    return kConfigHeaderBytes + round_up_to_block(members_count * kConfigMemberBytes);
}

}  // namespace

std::unique_ptr<ConfigRecord> make_directory(const Config& config) {
    auto directory = std::make_unique<ConfigRecord>();
    for (const MemberConfig& member : config.members) {
        ConfigMember entry;
        entry.host = member.id;
        entry.name = FixedText<64>{member.name};
        for (std::size_t link = 0; link < member.addresses.size() && link < kLinksMax; ++link) {
            const Result<Address> address = parse_address(member.addresses[link]);
            if (!address) continue;
            entry.addresses[link] = {static_cast<std::uint8_t>(address->family), address->bytes};
        }
        directory->members.push(entry);
    }
    return directory;
}

Result<Nothing> write_membership(const std::string& path,
                                 const Config& config,
                                 const BootId& boot_id,
                                 const KeptMembership& kept) {
    const auto copy = std::make_unique<ConfigCopy>();
    copy->writer = config.self;
    copy->incarnation = Incarnation{0, 1};
    copy->version = Version{1};
    copy->config = kept.config;
    const auto record = std::make_unique<ConfigRecord>();
    // Records are too large for the stack of a worker.
    const auto no_directory = std::make_unique<const ConfigRecord>();
    to_record(*copy, *no_directory, *record);
    std::vector<std::byte> bytes(block_bytes(record->members.size()));
    bytes.resize(encode_config(*record, config.cluster_uuid, bytes));
    Trailer trailer{};
    trailer.boot_id = boot_id.bytes;
    trailer.renewed_at_ns = kept.renewed_at.time_since_epoch().count();
    trailer.flags = (kept.in_force ? kInForce : 0) | (kept.entitled ? kEntitled : 0);
    const std::int64_t lease_ns = kept.lease.count();
    std::memcpy(trailer.lease_ns.data(), &lease_ns, sizeof lease_ns);
    const std::size_t record_bytes = bytes.size();
    bytes.resize(record_bytes + sizeof trailer);
    std::memcpy(bytes.data() + record_bytes, &trailer, sizeof trailer);
    trailer.crc32c = crc32c(std::span(bytes).first(bytes.size() - sizeof trailer.crc32c));
    std::memcpy(bytes.data() + record_bytes, &trailer, sizeof trailer);

    const std::string beside = path + ".new";
    const int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return failed(beside, errno);
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    const int number = written < 0 ? errno : ENOSPC;
    close(fd);
    if (written != static_cast<ssize_t>(bytes.size())) return failed(beside, number);
    if (std::rename(beside.c_str(), path.c_str()) != 0) return failed(path, errno);
    return Nothing{};
}

bool read_membership(const std::string& path,
                     const Config& config,
                     const BootId& boot_id,
                     KeptMembership& kept) {
    const std::string content = read_file(path).value_or("");
    if (content.size() < kConfigHeaderBytes + sizeof(Trailer)) return false;
    const auto bytes = std::as_bytes(std::span(content));
    Trailer trailer{};
    std::memcpy(&trailer, content.data() + content.size() - sizeof trailer, sizeof trailer);
    const bool whole = trailer.crc32c == crc32c(bytes.first(bytes.size() - sizeof trailer.crc32c));
    if (!whole || trailer.boot_id != boot_id.bytes) return false;
    const auto record = std::make_unique<ConfigRecord>();
    const auto decoded = decode_config(bytes.first(bytes.size() - sizeof trailer),
                                       BlockContext{config.cluster_uuid, config.self},
                                       *record);
    if (!decoded) return false;
    const auto copy = std::make_unique<ConfigCopy>();
    from_record(*record, *copy);
    kept.config = copy->config;
    kept.in_force = (trailer.flags & kInForce) != 0;
    kept.entitled = (trailer.flags & kEntitled) != 0;
    std::int64_t lease_ns = 0;
    std::memcpy(&lease_ns, trailer.lease_ns.data(), sizeof lease_ns);
    kept.lease = Duration{std::max<std::int64_t>(lease_ns, 0)};
    kept.renewed_at = Instant{Duration{trailer.renewed_at_ns}};
    return true;
}

}  // namespace holdfast
