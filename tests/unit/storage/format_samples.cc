#include "tests/unit/storage/format_samples.h"

#include <algorithm>

#include "storage/xml_heap.h"

namespace holdfast::test {

namespace {

Incarnation incarnation(std::uint32_t boot, std::uint32_t restart) {
    return Incarnation{boot, restart};
}

VmSpec web_spec() {
    VmSpec spec;
    spec.vm = uuid_from(0x30);
    spec.name = VmName{"web-01"};
    spec.memory_mib = 2048;
    spec.cpus = 4;
    spec.priority = Priority::High;
    spec.datastores = 5;
    spec.xml = XmlRef{HostId{3}, 512, 1500, 6000, 0xdeadbeef};
    spec.isolation = IsolationResponse::Shutdown;
    spec.relations = {0x11223344, 0x22334455, 0x33445566, {0x44556677, 0x55667788}, 10, 2};
    spec.networks = {0x30313233, 0x40414243};
    spec.agent = GuestAgent::Up;
    return spec;
}

std::string random_text(Prng& prng, std::size_t bytes_max) {
    std::string text(prng.below(bytes_max + 1), 'x');
    for (char& c : text) c = static_cast<char>('a' + prng.below(26));
    return text;
}

Uuid random_uuid(Prng& prng) {
    Uuid uuid;
    for (auto& byte : uuid.bytes) byte = static_cast<std::uint8_t>(prng.below(256));
    uuid.bytes[0] |= 1U;
    return uuid;
}

HostId random_host(Prng& prng, std::uint64_t min) {
    return HostId{static_cast<std::uint16_t>(min + prng.below(kHostsMax + 1 - min))};
}

Duration random_duration(Prng& prng) {
    return Duration{static_cast<std::int64_t>(prng.below(60'000'000'000))};
}

Incarnation random_incarnation(Prng& prng) {
    return Incarnation::from_value(prng.next() | 1U);
}

VmSpec random_spec(Prng& prng) {
    VmSpec spec;
    spec.vm = random_uuid(prng);
    spec.name = VmName{random_text(prng, kVmNameMax)};
    spec.memory_mib = static_cast<std::uint32_t>(prng.next());
    spec.cpus = static_cast<std::uint16_t>(prng.next());
    spec.priority = static_cast<Priority>(1 + prng.below(6));
    spec.datastores = static_cast<std::uint32_t>(prng.next());
    spec.xml.host = random_host(prng, 0);
    spec.xml.offset_bytes = static_cast<std::uint32_t>(prng.below(kHeapBytesMax + 1));
    spec.xml.length_bytes = static_cast<std::uint32_t>(prng.below(kXmlCompressedBytesMax + 1));
    spec.xml.raw_bytes = static_cast<std::uint32_t>(prng.below(kXmlRawBytesMax + 1));
    spec.xml.crc32c = static_cast<std::uint32_t>(prng.next());
    spec.isolation = static_cast<IsolationResponse>(prng.below(4));
    spec.relations.name = static_cast<std::uint32_t>(prng.next());
    spec.relations.apart = static_cast<std::uint32_t>(prng.next());
    spec.relations.together = static_cast<std::uint32_t>(prng.next());
    for (std::uint32_t& after : spec.relations.after)
        after = static_cast<std::uint32_t>(prng.next());
    spec.relations.after_delay_seconds = static_cast<std::uint16_t>(prng.next());
    spec.relations.after_agent = static_cast<std::uint8_t>(prng.next());
    spec.agent = static_cast<GuestAgent>(prng.below(3));
    for (std::uint32_t& network : spec.networks) network = static_cast<std::uint32_t>(prng.next());
    return spec;
}

}  // namespace

Uuid uuid_from(std::uint8_t first) {
    Uuid uuid;
    for (auto& byte : uuid.bytes) byte = first++;
    return uuid;
}

ClusterUuid sample_cluster() {
    return uuid_from(0xa0);
}

BlockContext sample_context() {
    return {sample_cluster(), HostId{3}};
}

SlotRecord sample_slot() {
    SlotRecord record;
    record.host = HostId{3};
    record.host_uuid = uuid_from(0x10);
    record.boot_id = uuid_from(0x20);
    record.incarnation = incarnation(5, 2);
    record.sequence = Sequence{41};
    record.lease = std::chrono::seconds{2};
    record.watchdog = std::chrono::seconds{1};
    record.interval = std::chrono::milliseconds{250};
    record.watchdog_class = WatchdogClass::Hardware;
    record.flags.armed = true;
    record.flags.isolated = true;
    record.flags.barred = true;
    record.flags.partitioned = true;
    record.storage_lost_mask = 4;
    record.ballot = Ballot{
        Epoch{7}, BallotNumber{0x701}, BallotNumber{0x702}, HostKey{HostId{2}, incarnation(4, 1)}};
    record.decided_epoch = Epoch{6};
    record.winner = HostKey{HostId{1}, incarnation(3, 1)};
    record.resigned_epoch = Epoch{5};
    record.config = ConfigNumber{Epoch{6}, 9};
    record.roster_version = Version{77};
    record.orders_version = Version{12};
    record.marks.push(Mark{HostKey{HostId{4}, incarnation(2, 1)}, MarkKind::Certificate});
    record.marks.push(Mark{HostKey{HostId{5}, incarnation(1, 1)}, MarkKind::Pill});
    for (const unsigned host : {1U, 2U, 64U, 65U, 1024U}) {
        record.heard.insert(HostId{static_cast<std::uint16_t>(host)});
    }
    return record;
}

Roster sample_roster() {
    Roster roster;
    roster.host = HostId{3};
    roster.incarnation = incarnation(5, 2);
    roster.boot_id = uuid_from(0x20);
    roster.version = Version{77};
    roster.capacity = Capacity{65536, 32, 7, {true, {}}};
    roster.capacity.networks.hashes.push(0x10111213);
    roster.capacity.networks.hashes.push(0x20212223);
    Claim web;
    web.spec = web_spec();
    web.number = ClaimNumber{9};
    web.state = ClaimState::Running;
    web.order_epoch = Epoch{7};
    web.order_number = OrderNumber{3};
    roster.claims.push(web);
    Claim database;
    database.spec.vm = uuid_from(0x40);
    database.spec.name = VmName{"db"};
    database.spec.memory_mib = 1024;
    database.spec.cpus = 1;
    database.spec.datastores = 1;
    database.number = ClaimNumber{2};
    database.state = ClaimState::Failed;
    database.failure = StartFailure::Conflict;
    roster.claims.push(database);
    return roster;
}

Orders sample_orders() {
    Orders orders;
    orders.leader = HostId{3};
    orders.incarnation = incarnation(5, 2);
    orders.epoch = Epoch{7};
    orders.version = Version{12};
    Certificate certificate;
    certificate.dead = HostKey{HostId{4}, incarnation(2, 1)};
    certificate.proof = Proof::VerdictRead;
    certificate.epoch = Epoch{7};
    certificate.judge = HostId{3};
    certificate.silence = std::chrono::seconds{6};
    certificate.dead_after = std::chrono::milliseconds{5500};
    certificate.last_sequence = Sequence{40};
    certificate.last_beat = BeatNumber{99};
    certificate.readings = 2;
    certificate.majority = 2;
    certificate.watchdog_class = WatchdogClass::Hardware;
    orders.certificates.push(certificate);
    Order order;
    order.number = OrderNumber{3};
    order.target = HostId{2};
    order.spec = web_spec();
    order.above = ClaimNumber{8};
    order.attempt = 1;
    order.previous = HostKey{HostId{4}, incarnation(2, 1)};
    orders.orders.push(order);
    return orders;
}

std::unique_ptr<ConfigRecord> sample_config() {
    auto record = std::make_unique<ConfigRecord>();
    record->writer = HostId{3};
    record->incarnation = incarnation(5, 2);
    record->version = Version{14};
    record->number = ConfigNumber{Epoch{6}, 9};
    record->timing = record->timing_next = kTimingFast;
    record->blackout_limit = std::chrono::seconds{300};
    record->accepts_without_hardware = true;
    record->datastores.push(ConfigDatastore{uuid_from(0x50), FixedText<48>{"hb1"}, true});
    ConfigMember first;
    first.host = HostId{1};
    first.host_uuid = uuid_from(0x60);
    first.name = FixedText<64>{"h1"};
    first.addresses[0] = LinkAddress{4, {10, 213, 1, 1}};
    first.addresses[1] = LinkAddress{6, uuid_from(0x70).bytes};
    first.counted = incarnation(5, 2);
    record->members.push(first);
    ConfigMember second;
    second.host = HostId{2};
    second.host_uuid = uuid_from(0x61);
    second.name = FixedText<64>{"h2"};
    second.out = true;
    second.certified_dead = true;
    second.counted = incarnation(4, 1);
    record->members.push(second);
    return record;
}

Superblock sample_superblock() {
    return Superblock{sample_cluster(),
                      uuid_from(0x80),
                      Geometry{4, kHeapBytesMin},
                      1'700'000'000,
                      FixedText<48>{"hb1"}};
}

RecorderEntry sample_recorder_entry() {
    return RecorderEntry{HostId{3},
                         17,
                         1'700'000'000'000'000'000,
                         true,
                         FixedText<kRecorderTextMax>{"host 2 is dead: silent for 5.6 s"}};
}

SlotRecord random_slot(Prng& prng, HostId host) {
    SlotRecord record;
    record.host = host;
    record.host_uuid = random_uuid(prng);
    record.boot_id = random_uuid(prng);
    record.incarnation = random_incarnation(prng);
    record.sequence = Sequence{prng.next() | 1U};
    record.lease = random_duration(prng);
    record.watchdog = random_duration(prng);
    record.interval = random_duration(prng);
    record.watchdog_class = static_cast<WatchdogClass>(1 + prng.below(3));
    record.flags = SlotFlags{prng.below(2) == 1,
                             prng.below(2) == 1,
                             prng.below(2) == 1,
                             prng.below(2) == 1,
                             prng.below(2) == 1,
                             prng.below(2) == 1,
                             prng.below(2) == 1,
                             prng.below(2) == 1};
    record.storage_lost_mask = static_cast<std::uint32_t>(prng.next());
    record.ballot = Ballot{Epoch{prng.next()},
                           BallotNumber{prng.next()},
                           BallotNumber{prng.next()},
                           HostKey{random_host(prng, 0), random_incarnation(prng)}};
    record.decided_epoch = Epoch{prng.next()};
    record.winner = HostKey{random_host(prng, 0), random_incarnation(prng)};
    record.resigned_epoch = Epoch{prng.next()};
    record.config = ConfigNumber{Epoch{prng.next()}, prng.next()};
    record.roster_version = Version{prng.next()};
    record.orders_version = Version{prng.next()};
    for (std::uint64_t i = prng.below(kMarksMax + 1); i > 0; --i) {
        record.marks.push(Mark{HostKey{random_host(prng, 1), random_incarnation(prng)},
                               static_cast<MarkKind>(1 + prng.below(2))});
    }
    for (std::uint64_t i = prng.below(20); i > 0; --i) record.heard.insert(random_host(prng, 1));
    return record;
}

Roster random_roster(Prng& prng, HostId host) {
    Roster roster;
    roster.host = host;
    roster.incarnation = random_incarnation(prng);
    roster.boot_id = random_uuid(prng);
    roster.version = Version{prng.next() | 1U};
    roster.capacity = Capacity{static_cast<std::uint32_t>(prng.next()),
                               static_cast<std::uint16_t>(prng.next()),
                               static_cast<std::uint32_t>(prng.next()),
                               {}};
    roster.capacity.networks.known = prng.below(2) == 1;
    for (std::uint64_t i = prng.below(kHostNetworksMax + 1); i > 0; --i)
        roster.capacity.networks.hashes.push(static_cast<std::uint32_t>(prng.next()));
    for (std::uint64_t i = prng.below(kRosterEntriesMax + 1); i > 0; --i) {
        Claim claim;
        claim.spec = random_spec(prng);
        claim.number = ClaimNumber{prng.next()};
        claim.state = static_cast<ClaimState>(1 + prng.below(7));
        claim.failure = static_cast<StartFailure>(prng.below(8));
        claim.order_epoch = Epoch{prng.next()};
        claim.order_number = OrderNumber{prng.next()};
        claim.target = HostId{static_cast<std::uint16_t>(prng.below(kHostsMax + 1))};
        claim.target_number = static_cast<std::uint32_t>(prng.next());
        roster.claims.push(claim);
    }
    return roster;
}

Orders random_orders(Prng& prng, HostId host) {
    Orders orders;
    orders.leader = host;
    orders.incarnation = random_incarnation(prng);
    orders.epoch = Epoch{prng.next() | 1U};
    orders.version = Version{prng.next() | 1U};
    for (std::uint64_t i = prng.below(kCertificatesMax + 1); i > 0; --i) {
        Certificate certificate;
        certificate.dead = HostKey{random_host(prng, 1), random_incarnation(prng)};
        certificate.proof = static_cast<Proof>(1 + prng.below(6));
        certificate.epoch = Epoch{prng.next()};
        certificate.judge = random_host(prng, 1);
        certificate.silence = random_duration(prng);
        certificate.dead_after = random_duration(prng);
        certificate.last_sequence = Sequence{prng.next()};
        certificate.last_beat = BeatNumber{prng.next()};
        certificate.readings = static_cast<std::uint8_t>(prng.next());
        certificate.majority = static_cast<std::uint8_t>(prng.next());
        certificate.watchdog_class = static_cast<WatchdogClass>(1 + prng.below(3));
        orders.certificates.push(certificate);
    }
    for (std::uint64_t i = prng.below(kOrdersMax + 1); i > 0; --i) {
        Order order;
        order.number = OrderNumber{prng.next()};
        order.target = random_host(prng, 1);
        order.spec = random_spec(prng);
        order.above = ClaimNumber{prng.next()};
        order.attempt = static_cast<std::uint8_t>(prng.next());
        order.previous = HostKey{random_host(prng, 0), random_incarnation(prng)};
        orders.orders.push(order);
    }
    return orders;
}

std::unique_ptr<ConfigRecord> random_config(Prng& prng, HostId host) {
    auto record = std::make_unique<ConfigRecord>();
    record->writer = host;
    record->incarnation = random_incarnation(prng);
    record->version = Version{prng.next() | 1U};
    record->number = ConfigNumber{Epoch{prng.next()}, prng.next()};
    record->timing = Timing{random_duration(prng),
                            random_duration(prng),
                            random_duration(prng),
                            random_duration(prng),
                            random_duration(prng),
                            random_duration(prng),
                            random_duration(prng),
                            random_duration(prng),
                            random_duration(prng)};
    record->timing_next = record->timing;
    if (prng.below(2) == 1) record->timing_next.lease = random_duration(prng);
    record->blackout_limit = random_duration(prng);
    record->accepts_without_hardware = prng.below(2) == 1;
    if (prng.below(2) == 1) record->list_lost = ConfigNumber{Epoch{prng.next()}, prng.next()};
    for (std::uint64_t i = prng.below(kDatastoresMax + 1); i > 0; --i) {
        record->datastores.push(ConfigDatastore{
            random_uuid(prng), FixedText<48>{random_text(prng, 48)}, prng.below(2) == 1});
    }
    for (std::uint64_t i = prng.below(64); i > 0; --i) {
        ConfigMember member;
        member.host = random_host(prng, 1);
        member.host_uuid = random_uuid(prng);
        member.name = FixedText<64>{random_text(prng, 64)};
        for (auto& address : member.addresses) {
            address.family = static_cast<std::uint8_t>(prng.below(2) == 1 ? 4 : 6);
            address.bytes = random_uuid(prng).bytes;
        }
        member.out = prng.below(2) == 1;
        member.certified_dead = prng.below(2) == 1;
        member.maintenance = prng.below(2) == 1;
        member.joining = prng.below(2) == 1;
        member.removed = prng.below(2) == 1;
        member.counted = Incarnation::from_value(prng.next());
        record->members.push(member);
    }
    return record;
}

std::vector<std::byte> golden(std::span<const GoldenLine> lines, std::size_t bytes) {
    std::vector<std::byte> result(bytes);
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (const GoldenLine& line : lines) {
        for (std::size_t i = 0; i + 1 < line.hex.size(); i += 2) {
            const int value = digit(line.hex[i]) * 16 + digit(line.hex[i + 1]);
            result.at(line.offset_bytes + i / 2) = static_cast<std::byte>(value);
        }
    }
    return result;
}

std::string first_difference(std::span<const std::byte> left, std::span<const std::byte> right) {
    if (left.size() != right.size()) return "sizes differ";
    const auto [l, r] = std::mismatch(left.begin(), left.end(), right.begin());
    if (l == left.end()) return {};
    return "offset " + std::to_string(l - left.begin()) + ": " +
           std::to_string(std::to_integer<int>(*l)) + " instead of " +
           std::to_string(std::to_integer<int>(*r));
}

void flip_bit(std::span<std::byte> bytes, std::size_t bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
}

}  // namespace holdfast::test
