#include "storage/config_format.h"

#include "storage/crc32c.h"
#include "storage/record_frame.h"

namespace holdfast {

namespace {

constexpr std::uint32_t kConfigMagic = magic_of("HFCF");
constexpr std::size_t kDatastoresOffset = 4096;
constexpr std::uint32_t kAcceptsWithoutHardware = 1U << 0U;
constexpr std::uint8_t kMemberOut = 1U << 0U;
constexpr std::uint8_t kMemberCertifiedDead = 1U << 1U;
constexpr std::uint8_t kMemberMaintenance = 1U << 2U;
constexpr std::uint8_t kMemberJoining = 1U << 3U;
constexpr std::uint8_t kMemberRemoved = 1U << 4U;
constexpr std::size_t kTimingParts = 9;               // of Timing, in its order
constexpr std::size_t kDurations = kTimingParts + 1;  // these, then blackout_limit

struct ConfigHeaderOnDisk {
    FrameOnDisk frame;
    std::uint64_t incarnation;
    std::uint64_t version;
    std::uint64_t number_epoch;
    std::uint64_t number_step;
    std::array<std::uint64_t, kDurations> durations_ns;
    std::uint32_t policies;
    std::uint32_t datastores_count;
    std::uint32_t datastores_crc32c;
    std::uint32_t members_count;
    std::uint32_t members_crc32c;
    std::array<std::uint8_t, 4> reserved0;
    std::array<std::uint64_t, kTimingParts> next_ns;  // all zero: no change of timing is under way
    std::uint64_t list_lost_epoch;
    std::uint64_t list_lost_step;
    std::array<std::uint8_t, 260> reserved1;
    std::uint32_t crc32c;
};

static_assert(sizeof(ConfigHeaderOnDisk) == kSectorBytes);
static_assert(offsetof(ConfigHeaderOnDisk, incarnation) == 24);
static_assert(offsetof(ConfigHeaderOnDisk, number_epoch) == 40);
static_assert(offsetof(ConfigHeaderOnDisk, durations_ns) == 56);
static_assert(offsetof(ConfigHeaderOnDisk, policies) == 136);
static_assert(offsetof(ConfigHeaderOnDisk, members_count) == 148);
static_assert(offsetof(ConfigHeaderOnDisk, next_ns) == 160);
static_assert(offsetof(ConfigHeaderOnDisk, list_lost_epoch) == 232);
static_assert(offsetof(ConfigHeaderOnDisk, crc32c) == kSectorCrcOffset);
static_assert(std::has_unique_object_representations_v<ConfigHeaderOnDisk>);

struct DatastoreOnDisk {
    UuidOnDisk uuid;
    std::uint8_t votes;
    std::uint8_t name_bytes;
    std::array<std::uint8_t, 6> reserved0;
    std::array<char, 48> name;
    std::array<std::uint8_t, 56> reserved1;
};

static_assert(sizeof(DatastoreOnDisk) == 128);
static_assert(std::has_unique_object_representations_v<DatastoreOnDisk>);
static_assert(kDatastoresOffset + kDatastoresMax * sizeof(DatastoreOnDisk) <= kConfigHeaderBytes);

struct AddressOnDisk {
    std::uint8_t family;
    std::array<std::uint8_t, 7> reserved;
    std::array<std::uint8_t, 16> bytes;
};

struct MemberOnDisk {
    UuidOnDisk uuid;
    std::uint64_t counted_incarnation;
    std::uint16_t host;
    std::uint8_t flags;
    std::uint8_t name_bytes;
    std::array<std::uint8_t, 4> reserved0;
    std::array<char, 64> name;
    std::array<AddressOnDisk, kLinksMax> addresses;
    std::array<std::uint8_t, 320> reserved1;
};

static_assert(sizeof(AddressOnDisk) == 24);
static_assert(sizeof(MemberOnDisk) == kConfigMemberBytes);
static_assert(offsetof(MemberOnDisk, host) == 24);
static_assert(offsetof(MemberOnDisk, name) == 32);
static_assert(offsetof(MemberOnDisk, addresses) == 96);
static_assert(std::has_unique_object_representations_v<MemberOnDisk>);

std::array<std::uint64_t, kTimingParts> parts_of(const Timing& t) {
    return {duration_to_disk(t.interval),
            duration_to_disk(t.fresh),
            duration_to_disk(t.silent),
            duration_to_disk(t.isolation_after),
            duration_to_disk(t.lease),
            duration_to_disk(t.watchdog),
            duration_to_disk(t.granularity),
            duration_to_disk(t.landing),
            duration_to_disk(t.dead)};
}

std::array<std::uint64_t, kDurations> durations_of(const ConfigRecord& record) {
    std::array<std::uint64_t, kDurations> all{};
    const auto parts = parts_of(record.timing);
    std::copy(parts.begin(), parts.end(), all.begin());
    all.back() = duration_to_disk(record.blackout_limit);
    return all;
}

template <std::size_t N>
Timing read_timing(const std::array<std::uint64_t, N>& ns) {
    return Timing{duration_from_disk(ns[0]),
                  duration_from_disk(ns[1]),
                  duration_from_disk(ns[2]),
                  duration_from_disk(ns[3]),
                  duration_from_disk(ns[4]),
                  duration_from_disk(ns[5]),
                  duration_from_disk(ns[6]),
                  duration_from_disk(ns[7]),
                  duration_from_disk(ns[8])};
}

void read_durations(const ConfigHeaderOnDisk& disk, ConfigRecord& record) {
    record.timing = read_timing(disk.durations_ns);
    record.timing_next =
        disk.next_ns == decltype(disk.next_ns){} ? record.timing : read_timing(disk.next_ns);
    record.blackout_limit = duration_from_disk(disk.durations_ns.back());
}

DatastoreOnDisk to_disk(const ConfigDatastore& datastore) {
    DatastoreOnDisk disk{};
    disk.uuid = datastore.datastore_uuid.bytes;
    disk.votes = datastore.votes ? 1 : 0;
    const std::string_view name = datastore.name.view();
    disk.name_bytes = static_cast<std::uint8_t>(name.size());
    name.copy(disk.name.data(), disk.name.size());
    return disk;
}

MemberOnDisk to_disk(const ConfigMember& member) {
    MemberOnDisk disk{};
    disk.uuid = member.host_uuid.bytes;
    disk.counted_incarnation = member.counted.value();
    disk.host = member.host.value();
    if (member.out) disk.flags |= kMemberOut;
    if (member.certified_dead) disk.flags |= kMemberCertifiedDead;
    if (member.maintenance) disk.flags |= kMemberMaintenance;
    if (member.joining) disk.flags |= kMemberJoining;
    if (member.removed) disk.flags |= kMemberRemoved;
    const std::string_view name = member.name.view();
    disk.name_bytes = static_cast<std::uint8_t>(name.size());
    name.copy(disk.name.data(), disk.name.size());
    for (std::size_t i = 0; i < kLinksMax; ++i) {
        disk.addresses[i].family = member.addresses[i].family;
        disk.addresses[i].bytes = member.addresses[i].bytes;
    }
    return disk;
}

std::span<const std::byte> datastore_bytes(std::span<const std::byte> block, std::size_t count) {
    return block.subspan(kDatastoresOffset, count * sizeof(DatastoreOnDisk));
}

std::span<const std::byte> member_bytes(std::span<const std::byte> block, std::size_t count) {
    return block.subspan(kConfigHeaderBytes, count * sizeof(MemberOnDisk));
}

std::optional<Reject> check_body(std::size_t offset, std::uint32_t actual, std::uint32_t named) {
    if (actual == named) return std::nullopt;
    return Reject{RejectCode::BadBodyChecksum, static_cast<std::uint16_t>(offset), actual, named};
}

std::optional<Reject> check_header(std::span<const std::byte> block,
                                   const ConfigHeaderOnDisk& disk) {
    using Header = ConfigHeaderOnDisk;
    RangeCheck check;
    check.between(offsetof(Header, incarnation), disk.incarnation, 1, UINT64_MAX);
    check.between(offsetof(Header, version), disk.version, 1, UINT64_MAX);
    for (std::size_t i = 0; i < kDurations; ++i) {
        check.duration(offsetof(Header, durations_ns) + i * 8, disk.durations_ns[i]);
    }
    for (std::size_t i = 0; i < kTimingParts; ++i) {
        check.duration(offsetof(Header, next_ns) + i * 8, disk.next_ns[i]);
    }
    check.at_most(offsetof(Header, datastores_count), disk.datastores_count, kDatastoresMax);
    check.at_most(offsetof(Header, members_count), disk.members_count, kHostsMax);
    if (check.reject()) return check.reject();
    const std::size_t needed = kConfigHeaderBytes + disk.members_count * sizeof(MemberOnDisk);
    if (block.size() < needed) return Reject{RejectCode::Truncated, 0, block.size(), needed};
    if (auto reject = check_body(offsetof(Header, datastores_crc32c),
                                 crc32c(datastore_bytes(block, disk.datastores_count)),
                                 disk.datastores_crc32c)) {
        return reject;
    }
    return check_body(offsetof(Header, members_crc32c),
                      crc32c(member_bytes(block, disk.members_count)),
                      disk.members_crc32c);
}

std::optional<Reject> read_datastores(std::span<const std::byte> block,
                                      std::size_t count,
                                      ConfigRecord& record) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t offset = kDatastoresOffset + i * sizeof(DatastoreOnDisk);
        const auto disk = load<DatastoreOnDisk>(block.subspan(offset));
        RangeCheck check;
        check.at_most(offset + offsetof(DatastoreOnDisk, votes), disk.votes, 1);
        check.at_most(offset + offsetof(DatastoreOnDisk, name_bytes), disk.name_bytes, 48);
        if (check.reject()) return check.reject();
        ConfigDatastore datastore;
        datastore.datastore_uuid.bytes = disk.uuid;
        datastore.votes = disk.votes != 0;
        datastore.name = FixedText<48>{std::string_view{disk.name.data(), disk.name_bytes}};
        record.datastores.push(datastore);
    }
    return std::nullopt;
}

std::optional<Reject> read_members(std::span<const std::byte> block,
                                   std::size_t count,
                                   ConfigRecord& record) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t offset = kConfigHeaderBytes + i * sizeof(MemberOnDisk);
        const auto disk = load<MemberOnDisk>(block.subspan(offset));
        RangeCheck check;
        check.between(offset + offsetof(MemberOnDisk, host), disk.host, 1, kHostsMax);
        check.at_most(offset + offsetof(MemberOnDisk, name_bytes), disk.name_bytes, 64);
        ConfigMember member;
        member.host = HostId{disk.host};
        member.host_uuid.bytes = disk.uuid;
        member.out = (disk.flags & kMemberOut) != 0;
        member.certified_dead = (disk.flags & kMemberCertifiedDead) != 0;
        member.maintenance = (disk.flags & kMemberMaintenance) != 0;
        member.joining = (disk.flags & kMemberJoining) != 0;
        member.removed = (disk.flags & kMemberRemoved) != 0;
        member.counted = Incarnation::from_value(disk.counted_incarnation);
        for (std::size_t link = 0; link < kLinksMax; ++link) {
            const AddressOnDisk& address = disk.addresses[link];
            const std::size_t at = offsetof(MemberOnDisk, addresses) + link * sizeof(AddressOnDisk);
            const bool known = address.family == 0 || address.family == 4 || address.family == 6;
            if (!known) check.at_most(offset + at, address.family, 0);
            member.addresses[link] = LinkAddress{address.family, address.bytes};
        }
        if (check.reject()) return check.reject();
        member.name = FixedText<64>{std::string_view{disk.name.data(), disk.name_bytes}};
        record.members.push(member);
    }
    return std::nullopt;
}

}  // namespace

std::size_t encode_config(const ConfigRecord& record,
                          const ClusterUuid& cluster,
                          std::span<std::byte> block) {
    const std::size_t used = kConfigHeaderBytes + record.members.size() * sizeof(MemberOnDisk);
    const std::size_t write_bytes = round_up_to_block(used);
    HF_CHECK(write_bytes <= block.size());
    std::memset(block.data(), 0, write_bytes);
    for (std::size_t i = 0; i < record.datastores.size(); ++i) {
        store(block.subspan(kDatastoresOffset + i * sizeof(DatastoreOnDisk)),
              to_disk(record.datastores[i]));
    }
    for (std::size_t i = 0; i < record.members.size(); ++i) {
        store(block.subspan(kConfigHeaderBytes + i * sizeof(MemberOnDisk)),
              to_disk(record.members[i]));
    }
    ConfigHeaderOnDisk header{};
    header.frame = make_frame(kConfigMagic, record.writer, cluster);
    header.incarnation = record.incarnation.value();
    header.version = record.version.value();
    header.number_epoch = record.number.epoch.value();
    header.number_step = record.number.step;
    header.durations_ns = durations_of(record);
    if (record.timing_next != record.timing) header.next_ns = parts_of(record.timing_next);
    header.list_lost_epoch = record.list_lost.epoch.value();
    header.list_lost_step = record.list_lost.step;
    header.policies = record.accepts_without_hardware ? kAcceptsWithoutHardware : 0;
    header.datastores_count = static_cast<std::uint32_t>(record.datastores.size());
    header.datastores_crc32c = crc32c(datastore_bytes(block, record.datastores.size()));
    header.members_count = static_cast<std::uint32_t>(record.members.size());
    header.members_crc32c = crc32c(member_bytes(block, record.members.size()));
    store(block, header);
    seal_sector(block);
    return write_bytes;
}

Result<Nothing, Reject> decode_config(std::span<const std::byte> block,
                                      const BlockContext& context,
                                      ConfigRecord& record) {
    if (auto reject = check_frame(block, kConfigHeaderBytes, kConfigMagic, context)) {
        return Unexpected{*reject};
    }
    const auto header = load<ConfigHeaderOnDisk>(block);
    if (auto reject = check_header(block, header)) return Unexpected{*reject};
    record.writer = context.host;
    record.incarnation = Incarnation::from_value(header.incarnation);
    record.version = Version{header.version};
    record.number = ConfigNumber{Epoch{header.number_epoch}, header.number_step};
    record.list_lost = ConfigNumber{Epoch{header.list_lost_epoch}, header.list_lost_step};
    read_durations(header, record);
    record.accepts_without_hardware = (header.policies & kAcceptsWithoutHardware) != 0;
    record.datastores.clear();
    record.members.clear();
    if (auto reject = read_datastores(block, header.datastores_count, record)) {
        return Unexpected{*reject};
    }
    if (auto reject = read_members(block, header.members_count, record)) return Unexpected{*reject};
    return Nothing{};
}

}  // namespace holdfast
