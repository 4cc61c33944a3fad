#include "storage/slot_format.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "storage/crc32c.h"
#include "storage/record_frame.h"
#include "storage/slot_copy.h"

namespace holdfast {

namespace {

constexpr std::uint32_t kSlotMagic = magic_of("HFSL");

enum SlotFlagBit : std::uint32_t {
    kArmed = 1U << 0U,
    kMaintenance = 1U << 1U,
    kNoVms = 1U << 2U,
    kIsolated = 1U << 3U,
    kCleanShutdown = 1U << 4U,
    kBarred = 1U << 5U,
    kPartitioned = 1U << 6U,
    kProvisional = 1U << 7U,
};

struct MarkOnDisk {
    std::uint64_t incarnation;
    std::uint16_t host;
    std::uint8_t kind;
    std::array<std::uint8_t, 5> reserved;
};

static_assert(sizeof(MarkOnDisk) == 16);
static_assert(std::has_unique_object_representations_v<MarkOnDisk>);

struct SlotOnDisk {
    FrameOnDisk frame;
    UuidOnDisk host_uuid;
    UuidOnDisk boot_id;
    std::uint64_t incarnation;
    std::uint64_t sequence;
    std::uint64_t lease_ns;
    std::uint64_t watchdog_ns;
    std::uint64_t interval_ns;
    std::uint64_t ballot_epoch;
    std::uint64_t ballot_mbal;
    std::uint64_t ballot_bal;
    std::uint64_t ballot_value_incarnation;
    std::uint64_t decided_epoch;
    std::uint64_t winner_incarnation;
    std::uint64_t resigned_epoch;
    std::uint64_t config_epoch;
    std::uint64_t config_step;
    std::uint64_t roster_version;
    std::uint64_t orders_version;
    std::uint32_t flags;
    std::uint32_t storage_lost_mask;
    std::uint16_t ballot_value_host;
    std::uint16_t winner_host;
    std::uint8_t watchdog_class;
    std::uint8_t marks_count;
    std::array<std::uint8_t, 2> reserved0;
    std::array<MarkOnDisk, kMarksMax> marks;
    std::array<std::uint8_t, 52> reserved1;
    std::uint32_t crc32c;
    // Second sector: shown to people only.
    std::uint64_t heard_sequence;
    std::array<std::uint64_t, HostSet::kWords> heard;
    std::uint32_t heard_crc32c;
    std::array<std::uint8_t, 4> reserved2;
};

static_assert(sizeof(SlotOnDisk) == 656, "zeros behind it, up to kSlotCopyBytes");
static_assert(offsetof(SlotOnDisk, host_uuid) == 24);
static_assert(offsetof(SlotOnDisk, boot_id) == 40);
static_assert(offsetof(SlotOnDisk, incarnation) == 56);
static_assert(offsetof(SlotOnDisk, sequence) == 64);
static_assert(offsetof(SlotOnDisk, ballot_epoch) == 96);
static_assert(offsetof(SlotOnDisk, decided_epoch) == 128);
static_assert(offsetof(SlotOnDisk, config_epoch) == 152);
static_assert(offsetof(SlotOnDisk, flags) == 184);
static_assert(offsetof(SlotOnDisk, watchdog_class) == 196);
static_assert(offsetof(SlotOnDisk, marks) == 200);
static_assert(offsetof(SlotOnDisk, crc32c) == kSectorCrcOffset);
static_assert(offsetof(SlotOnDisk, heard_sequence) == kSectorBytes);
static_assert(offsetof(SlotOnDisk, heard) == 520);
static_assert(offsetof(SlotOnDisk, heard_crc32c) == 648);
static_assert(std::has_unique_object_representations_v<SlotOnDisk>, "no hidden padding");
static_assert(kMarksMax == 16 && HostSet::kWords == 16,
              "changing these needs a new format version");

constexpr std::size_t kHeardBytes = offsetof(SlotOnDisk, heard_crc32c) - kSectorBytes;

static_assert(sizeof(SlotOnDisk) == kCopyUsedBytes);
static_assert(offsetof(SlotOnDisk, sequence) + sizeof(SlotOnDisk::sequence) == kCopyAgeEnd);

std::uint32_t pack(const SlotFlags& flags) {
    std::uint32_t bits = 0;
    if (flags.armed) bits |= kArmed;
    if (flags.maintenance) bits |= kMaintenance;
    if (flags.no_vms) bits |= kNoVms;
    if (flags.isolated) bits |= kIsolated;
    if (flags.clean_shutdown) bits |= kCleanShutdown;
    if (flags.barred) bits |= kBarred;
    if (flags.partitioned) bits |= kPartitioned;
    if (flags.provisional) bits |= kProvisional;
    return bits;
}

SlotFlags unpack(std::uint32_t bits) {
    SlotFlags flags;
    flags.armed = (bits & kArmed) != 0;
    flags.maintenance = (bits & kMaintenance) != 0;
    flags.no_vms = (bits & kNoVms) != 0;
    flags.isolated = (bits & kIsolated) != 0;
    flags.clean_shutdown = (bits & kCleanShutdown) != 0;
    flags.barred = (bits & kBarred) != 0;
    flags.partitioned = (bits & kPartitioned) != 0;
    flags.provisional = (bits & kProvisional) != 0;
    return flags;
}

void fill_promises(const SlotRecord& record, SlotOnDisk& disk) {
    disk.host_uuid = record.host_uuid.bytes;
    disk.boot_id = record.boot_id.bytes;
    disk.incarnation = record.incarnation.value();
    disk.sequence = record.sequence.value();
    disk.lease_ns = duration_to_disk(record.lease);
    disk.watchdog_ns = duration_to_disk(record.watchdog);
    disk.interval_ns = duration_to_disk(record.interval);
    disk.watchdog_class = static_cast<std::uint8_t>(record.watchdog_class);
    disk.flags = pack(record.flags);
    disk.storage_lost_mask = record.storage_lost_mask;
    disk.config_epoch = record.config.epoch.value();
    disk.config_step = record.config.step;
    disk.roster_version = record.roster_version.value();
    disk.orders_version = record.orders_version.value();
}

void fill_leadership(const SlotRecord& record, SlotOnDisk& disk) {
    disk.ballot_epoch = record.ballot.epoch.value();
    disk.ballot_mbal = record.ballot.mbal.value();
    disk.ballot_bal = record.ballot.bal.value();
    disk.ballot_value_incarnation = record.ballot.value.incarnation.value();
    disk.ballot_value_host = record.ballot.value.host.value();
    disk.decided_epoch = record.decided_epoch.value();
    disk.winner_incarnation = record.winner.incarnation.value();
    disk.winner_host = record.winner.host.value();
    disk.resigned_epoch = record.resigned_epoch.value();
    disk.marks_count = static_cast<std::uint8_t>(record.marks.size());
    for (std::size_t i = 0; i < record.marks.size(); ++i) {
        const Mark& mark = record.marks[i];
        disk.marks[i].incarnation = mark.who.incarnation.value();
        disk.marks[i].host = mark.who.host.value();
        disk.marks[i].kind = static_cast<std::uint8_t>(mark.kind);
    }
}

std::optional<Reject> check_ranges(const SlotOnDisk& disk) {
    RangeCheck check;
    check.between(offsetof(SlotOnDisk, incarnation), disk.incarnation, 1, UINT64_MAX);
    check.between(offsetof(SlotOnDisk, sequence), disk.sequence, 1, UINT64_MAX);
    check.duration(offsetof(SlotOnDisk, lease_ns), disk.lease_ns);
    check.duration(offsetof(SlotOnDisk, watchdog_ns), disk.watchdog_ns);
    check.duration(offsetof(SlotOnDisk, interval_ns), disk.interval_ns);
    check.host(offsetof(SlotOnDisk, ballot_value_host), disk.ballot_value_host);
    check.host(offsetof(SlotOnDisk, winner_host), disk.winner_host);
    check.between(offsetof(SlotOnDisk, watchdog_class), disk.watchdog_class, 1, 3);
    check.at_most(offsetof(SlotOnDisk, marks_count), disk.marks_count, kMarksMax);
    if (check.reject()) return check.reject();
    for (std::size_t i = 0; i < disk.marks_count; ++i) {
        const std::size_t offset = offsetof(SlotOnDisk, marks) + i * sizeof(MarkOnDisk);
        check.between(offset + offsetof(MarkOnDisk, host), disk.marks[i].host, 1, kHostsMax);
        check.between(offset + offsetof(MarkOnDisk, kind), disk.marks[i].kind, 1, 2);
    }
    return check.reject();
}

void read_promises(const SlotOnDisk& disk, SlotRecord& record) {
    record.host = HostId{disk.frame.host};
    record.host_uuid.bytes = disk.host_uuid;
    record.boot_id.bytes = disk.boot_id;
    record.incarnation = Incarnation::from_value(disk.incarnation);
    record.sequence = Sequence{disk.sequence};
    record.lease = duration_from_disk(disk.lease_ns);
    record.watchdog = duration_from_disk(disk.watchdog_ns);
    record.interval = duration_from_disk(disk.interval_ns);
    record.watchdog_class = static_cast<WatchdogClass>(disk.watchdog_class);
    record.flags = unpack(disk.flags);
    record.storage_lost_mask = disk.storage_lost_mask;
    record.config = ConfigNumber{Epoch{disk.config_epoch}, disk.config_step};
    record.roster_version = Version{disk.roster_version};
    record.orders_version = Version{disk.orders_version};
}

void read_leadership(const SlotOnDisk& disk, SlotRecord& record) {
    record.ballot.epoch = Epoch{disk.ballot_epoch};
    record.ballot.mbal = BallotNumber{disk.ballot_mbal};
    record.ballot.bal = BallotNumber{disk.ballot_bal};
    record.ballot.value = HostKey{HostId{disk.ballot_value_host},
                                  Incarnation::from_value(disk.ballot_value_incarnation)};
    record.decided_epoch = Epoch{disk.decided_epoch};
    record.winner =
        HostKey{HostId{disk.winner_host}, Incarnation::from_value(disk.winner_incarnation)};
    record.resigned_epoch = Epoch{disk.resigned_epoch};
    record.marks.clear();
    for (std::size_t i = 0; i < disk.marks_count; ++i) {
        record.marks.push(Mark{
            HostKey{HostId{disk.marks[i].host}, Incarnation::from_value(disk.marks[i].incarnation)},
            static_cast<MarkKind>(disk.marks[i].kind)});
    }
}

}  // namespace

bool is_newer(const SlotRecord& left, const SlotRecord& right) {
    if (left.incarnation != right.incarnation) return left.incarnation > right.incarnation;
    return left.sequence > right.sequence;
}

void encode_slot(const SlotRecord& record, const ClusterUuid& cluster, std::span<std::byte> block) {
    HF_CHECK(block.size() == kSlotCopyBytes);
    std::fill(block.begin() + sizeof(SlotOnDisk), block.end(), std::byte{0});
    SlotOnDisk disk{};
    disk.frame = make_frame(kSlotMagic, record.host, cluster);
    fill_promises(record, disk);
    fill_leadership(record, disk);
    disk.heard_sequence = record.sequence.value();
    disk.heard = record.heard.words();
    store(block, disk);
    seal_sector(block);
    store(block.subspan(offsetof(SlotOnDisk, heard_crc32c)), crc32c(heard_part(block)));
}

std::optional<Reject> decode_copy(std::span<const std::byte> block,
                                  const CopySums& sums,
                                  const BlockContext& context,
                                  SlotRecord& record) {
    if (auto reject = check_frame(block, kSlotCopyBytes, kSlotMagic, context, sums.sector))
        return reject;
    // Only what is used is copied: marks are rare.
    SlotOnDisk disk;
    std::memcpy(&disk, block.data(), offsetof(SlotOnDisk, marks));
    const std::size_t marks = std::min<std::size_t>(disk.marks_count, kMarksMax);
    if (marks > 0) {
        const auto bytes = block.subspan(offsetof(SlotOnDisk, marks), marks * sizeof(MarkOnDisk));
        std::memcpy(disk.marks.data(), bytes.data(), bytes.size());
    }
    if (auto reject = check_ranges(disk)) return reject;
    read_promises(disk, record);
    read_leadership(disk, record);
    const bool heard_valid =
        load<std::uint64_t>(block.subspan(offsetof(SlotOnDisk, heard_sequence))) == disk.sequence &&
        load<std::uint32_t>(block.subspan(offsetof(SlotOnDisk, heard_crc32c))) == sums.heard;
    if (heard_valid) {
        std::memcpy(record.heard.words().data(),
                    block.data() + offsetof(SlotOnDisk, heard),
                    sizeof(SlotOnDisk::heard));
    } else {
        record.heard.clear();
    }
    return std::nullopt;
}

std::pair<std::uint64_t, std::uint64_t> claimed_age(std::span<const std::byte> block) {
    return {load<std::uint64_t>(block.subspan(offsetof(SlotOnDisk, incarnation))),
            load<std::uint64_t>(block.subspan(offsetof(SlotOnDisk, sequence)))};
}

std::span<const std::byte> heard_part(std::span<const std::byte> block) {
    return block.subspan(kSectorBytes, kHeardBytes);
}

CopySums sums_of(std::span<const std::byte> block) {
    return {crc32c(sealed_part(block)), crc32c(heard_part(block))};
}

Result<SlotRecord, Reject> decode_slot(std::span<const std::byte> block,
                                       const BlockContext& context) {
    if (block.size() < kSlotCopyBytes)
        return Unexpected{Reject{RejectCode::Truncated, 0, block.size(), kSlotCopyBytes}};
    SlotRecord record;
    if (auto reject = decode_copy(block, sums_of(block), context, record))
        return Unexpected{*reject};
    return record;
}

}  // namespace holdfast
