#include "storage/roster_format.h"

#include <algorithm>

#include "storage/crc32c.h"
#include "storage/record_frame.h"
#include "storage/vm_spec_format.h"

namespace holdfast {

namespace {

constexpr std::uint32_t kRosterMagic = magic_of("HFRO");
constexpr std::size_t kHeaderBytes = 1024;
constexpr std::uint8_t kClaimStateMax = 7;
constexpr std::uint8_t kStartFailureMax = 7;

struct RosterHeaderOnDisk {
    FrameOnDisk frame;
    UuidOnDisk boot_id;
    std::uint64_t incarnation;
    std::uint64_t version;
    std::uint32_t memory_mib;
    std::uint32_t datastores;
    std::uint32_t entries_count;
    std::uint32_t entries_crc32c;
    std::uint16_t cpus;
    std::uint8_t networks_known;
    std::uint8_t networks_count;
    std::array<std::uint32_t, kHostNetworksMax> networks;
    std::array<std::uint8_t, 176> reserved;
    std::uint32_t crc32c;
};

static_assert(sizeof(RosterHeaderOnDisk) == kSectorBytes);
static_assert(offsetof(RosterHeaderOnDisk, boot_id) == 24);
static_assert(offsetof(RosterHeaderOnDisk, incarnation) == 40);
static_assert(offsetof(RosterHeaderOnDisk, version) == 48);
static_assert(offsetof(RosterHeaderOnDisk, memory_mib) == 56);
static_assert(offsetof(RosterHeaderOnDisk, entries_count) == 64);
static_assert(offsetof(RosterHeaderOnDisk, entries_crc32c) == 68);
static_assert(offsetof(RosterHeaderOnDisk, networks) == 76);
static_assert(offsetof(RosterHeaderOnDisk, crc32c) == kSectorCrcOffset);
static_assert(std::has_unique_object_representations_v<RosterHeaderOnDisk>);

struct ClaimOnDisk {
    VmSpecOnDisk spec;
    std::uint64_t number;
    std::uint64_t order_epoch;
    std::uint64_t order_number;
    std::uint8_t state;
    std::uint8_t failure;
    std::uint16_t target;
    std::uint32_t target_number;
};

static_assert(sizeof(ClaimOnDisk) == 176);
static_assert(offsetof(ClaimOnDisk, number) == 144);
static_assert(offsetof(ClaimOnDisk, state) == 168);
static_assert(offsetof(ClaimOnDisk, target) == 170);
static_assert(offsetof(ClaimOnDisk, target_number) == 172);
static_assert(std::has_unique_object_representations_v<ClaimOnDisk>);
static_assert(kRosterEntriesMax == (kRosterCopyBytes - kHeaderBytes) / sizeof(ClaimOnDisk));

ClaimOnDisk to_disk(const Claim& claim) {
    ClaimOnDisk disk{};
    disk.spec = to_disk(claim.spec);
    disk.number = claim.number.value();
    disk.order_epoch = claim.order_epoch.value();
    disk.order_number = claim.order_number.value();
    disk.state = static_cast<std::uint8_t>(claim.state);
    disk.failure = static_cast<std::uint8_t>(claim.failure);
    disk.target = claim.target.value();
    disk.target_number = claim.target_number;
    return disk;
}

Claim from_disk(const ClaimOnDisk& disk) {
    Claim claim;
    claim.spec = from_disk(disk.spec);
    claim.number = ClaimNumber{disk.number};
    claim.state = static_cast<ClaimState>(disk.state);
    claim.failure = static_cast<StartFailure>(disk.failure);
    claim.order_epoch = Epoch{disk.order_epoch};
    claim.order_number = OrderNumber{disk.order_number};
    claim.target = HostId{disk.target};
    claim.target_number = disk.target_number;
    return claim;
}

std::optional<Reject> check_header(std::span<const std::byte> block,
                                   const RosterHeaderOnDisk& disk) {
    RangeCheck check;
    check.between(offsetof(RosterHeaderOnDisk, incarnation), disk.incarnation, 1, UINT64_MAX);
    check.between(offsetof(RosterHeaderOnDisk, version), disk.version, 1, UINT64_MAX);
    check.at_most(
        offsetof(RosterHeaderOnDisk, entries_count), disk.entries_count, kRosterEntriesMax);
    check.at_most(offsetof(RosterHeaderOnDisk, networks_known), disk.networks_known, 1);
    check.at_most(
        offsetof(RosterHeaderOnDisk, networks_count), disk.networks_count, kHostNetworksMax);
    if (check.reject()) return check.reject();
    const std::size_t needed = kHeaderBytes + disk.entries_count * sizeof(ClaimOnDisk);
    if (block.size() < needed) return Reject{RejectCode::Truncated, 0, block.size(), needed};
    const std::uint32_t expected = crc32c(block.subspan(kHeaderBytes, needed - kHeaderBytes));
    if (disk.entries_crc32c == expected) return std::nullopt;
    return Reject{RejectCode::BadBodyChecksum,
                  offsetof(RosterHeaderOnDisk, entries_crc32c),
                  expected,
                  disk.entries_crc32c};
}

}  // namespace

std::size_t encode_roster(const Roster& roster,
                          const ClusterUuid& cluster,
                          std::span<std::byte> block) {
    HF_CHECK(block.size() == kRosterCopyBytes);
    const std::size_t used = kHeaderBytes + roster.claims.size() * sizeof(ClaimOnDisk);
    const std::size_t write_bytes = round_up_to_block(used);
    std::memset(block.data(), 0, write_bytes);
    for (std::size_t i = 0; i < roster.claims.size(); ++i) {
        store(block.subspan(kHeaderBytes + i * sizeof(ClaimOnDisk)), to_disk(roster.claims[i]));
    }
    RosterHeaderOnDisk header{};
    header.frame = make_frame(kRosterMagic, roster.host, cluster);
    header.boot_id = roster.boot_id.bytes;
    header.incarnation = roster.incarnation.value();
    header.version = roster.version.value();
    header.memory_mib = roster.capacity.memory_mib;
    header.datastores = roster.capacity.datastores;
    header.cpus = roster.capacity.cpus;
    header.networks_known = roster.capacity.networks.known ? 1 : 0;
    header.networks_count = static_cast<std::uint8_t>(roster.capacity.networks.hashes.size());
    std::copy(roster.capacity.networks.hashes.begin(),
              roster.capacity.networks.hashes.end(),
              header.networks.begin());
    header.entries_count = static_cast<std::uint32_t>(roster.claims.size());
    header.entries_crc32c = crc32c(block.subspan(kHeaderBytes, used - kHeaderBytes));
    store(block, header);
    seal_sector(block);
    return write_bytes;
}

Result<Nothing, Reject> decode_roster(std::span<const std::byte> block,
                                      const BlockContext& context,
                                      Roster& roster) {
    if (auto reject = check_frame(block, kBlockBytes, kRosterMagic, context)) {
        return Unexpected{*reject};
    }
    const auto header = load<RosterHeaderOnDisk>(block);
    if (auto reject = check_header(block, header)) return Unexpected{*reject};
    roster.host = context.host;
    roster.boot_id.bytes = header.boot_id;
    roster.incarnation = Incarnation::from_value(header.incarnation);
    roster.version = Version{header.version};
    roster.capacity = Capacity{header.memory_mib, header.cpus, header.datastores, {}};
    roster.capacity.networks.known = header.networks_known != 0;
    for (std::size_t i = 0; i < header.networks_count; ++i)
        roster.capacity.networks.hashes.push(header.networks[i]);
    roster.claims.clear();
    for (std::size_t i = 0; i < header.entries_count; ++i) {
        const std::size_t offset = kHeaderBytes + i * sizeof(ClaimOnDisk);
        const auto entry = load<ClaimOnDisk>(block.subspan(offset));
        RangeCheck check;
        check_vm_spec(entry.spec, offset, check);
        check.between(offset + offsetof(ClaimOnDisk, state), entry.state, 1, kClaimStateMax);
        check.at_most(offset + offsetof(ClaimOnDisk, failure), entry.failure, kStartFailureMax);
        check.at_most(offset + offsetof(ClaimOnDisk, target), entry.target, kHostsMax);
        if (check.reject()) return Unexpected{*check.reject()};
        roster.claims.push(from_disk(entry));
    }
    return Nothing{};
}

}  // namespace holdfast
