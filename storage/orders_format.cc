#include "storage/orders_format.h"

#include "storage/crc32c.h"
#include "storage/record_frame.h"
#include "storage/vm_spec_format.h"

namespace holdfast {

namespace {

constexpr std::uint32_t kOrdersMagic = magic_of("HFOR");
constexpr std::size_t kCertificatesOffset = kSectorBytes;
constexpr std::size_t kOrdersOffset = 8192;
constexpr std::uint8_t kProofMax = 6;

struct OrdersHeaderOnDisk {
    FrameOnDisk frame;
    std::uint64_t incarnation;
    std::uint64_t epoch;
    std::uint64_t version;
    std::uint32_t certificates_count;
    std::uint32_t certificates_crc32c;
    std::uint32_t orders_count;
    std::uint32_t orders_crc32c;
    std::array<std::uint8_t, 444> reserved;
    std::uint32_t crc32c;
};

static_assert(sizeof(OrdersHeaderOnDisk) == kSectorBytes);
static_assert(offsetof(OrdersHeaderOnDisk, incarnation) == 24);
static_assert(offsetof(OrdersHeaderOnDisk, epoch) == 32);
static_assert(offsetof(OrdersHeaderOnDisk, version) == 40);
static_assert(offsetof(OrdersHeaderOnDisk, certificates_count) == 48);
static_assert(offsetof(OrdersHeaderOnDisk, orders_count) == 56);
static_assert(offsetof(OrdersHeaderOnDisk, crc32c) == kSectorCrcOffset);
static_assert(std::has_unique_object_representations_v<OrdersHeaderOnDisk>);

struct CertificateOnDisk {
    std::uint64_t dead_incarnation;
    std::uint64_t epoch;
    std::uint64_t silence_ns;
    std::uint64_t dead_after_ns;
    std::uint64_t last_sequence;
    std::uint64_t last_beat;
    std::uint16_t dead_host;
    std::uint16_t judge;
    std::uint8_t proof;
    std::uint8_t readings;
    std::uint8_t majority;
    std::uint8_t watchdog_class;
    std::array<std::uint8_t, 72> reserved;
};

static_assert(sizeof(CertificateOnDisk) == 128);
static_assert(offsetof(CertificateOnDisk, dead_host) == 48);
static_assert(offsetof(CertificateOnDisk, proof) == 52);
static_assert(std::has_unique_object_representations_v<CertificateOnDisk>);
static_assert(kCertificatesOffset + kCertificatesMax * sizeof(CertificateOnDisk) == kOrdersOffset);

struct OrderOnDisk {
    VmSpecOnDisk spec;
    std::uint64_t number;
    std::uint64_t above;
    std::uint64_t previous_incarnation;
    std::uint16_t target;
    std::uint16_t previous_host;
    std::uint8_t attempt;
    std::array<std::uint8_t, 3> reserved;
};

static_assert(sizeof(OrderOnDisk) == 176);
static_assert(offsetof(OrderOnDisk, number) == 144);
static_assert(offsetof(OrderOnDisk, target) == 168);
static_assert(offsetof(OrderOnDisk, attempt) == 172);
static_assert(std::has_unique_object_representations_v<OrderOnDisk>);
static_assert(kOrdersMax == (kOrdersCopyBytes - kOrdersOffset) / sizeof(OrderOnDisk));

CertificateOnDisk to_disk(const Certificate& certificate) {
    CertificateOnDisk disk{};
    disk.dead_incarnation = certificate.dead.incarnation.value();
    disk.dead_host = certificate.dead.host.value();
    disk.proof = static_cast<std::uint8_t>(certificate.proof);
    disk.epoch = certificate.epoch.value();
    disk.judge = certificate.judge.value();
    disk.silence_ns = duration_to_disk(certificate.silence);
    disk.dead_after_ns = duration_to_disk(certificate.dead_after);
    disk.last_sequence = certificate.last_sequence.value();
    disk.last_beat = certificate.last_beat.value();
    disk.readings = certificate.readings;
    disk.majority = certificate.majority;
    disk.watchdog_class = static_cast<std::uint8_t>(certificate.watchdog_class);
    return disk;
}

Certificate from_disk(const CertificateOnDisk& disk) {
    Certificate certificate;
    certificate.dead =
        HostKey{HostId{disk.dead_host}, Incarnation::from_value(disk.dead_incarnation)};
    certificate.proof = static_cast<Proof>(disk.proof);
    certificate.epoch = Epoch{disk.epoch};
    certificate.judge = HostId{disk.judge};
    certificate.silence = duration_from_disk(disk.silence_ns);
    certificate.dead_after = duration_from_disk(disk.dead_after_ns);
    certificate.last_sequence = Sequence{disk.last_sequence};
    certificate.last_beat = BeatNumber{disk.last_beat};
    certificate.readings = disk.readings;
    certificate.majority = disk.majority;
    certificate.watchdog_class = static_cast<WatchdogClass>(disk.watchdog_class);
    return certificate;
}

OrderOnDisk to_disk(const Order& order) {
    OrderOnDisk disk{};
    disk.spec = to_disk(order.spec);
    disk.number = order.number.value();
    disk.above = order.above.value();
    disk.previous_incarnation = order.previous.incarnation.value();
    disk.previous_host = order.previous.host.value();
    disk.target = order.target.value();
    disk.attempt = order.attempt;
    return disk;
}

Order from_disk(const OrderOnDisk& disk) {
    Order order;
    order.number = OrderNumber{disk.number};
    order.target = HostId{disk.target};
    order.spec = from_disk(disk.spec);
    order.above = ClaimNumber{disk.above};
    order.attempt = disk.attempt;
    order.previous =
        HostKey{HostId{disk.previous_host}, Incarnation::from_value(disk.previous_incarnation)};
    return order;
}

std::size_t used_bytes(std::size_t orders_count) {
    return kOrdersOffset + orders_count * sizeof(OrderOnDisk);
}

std::span<const std::byte> certificate_bytes(std::span<const std::byte> block, std::size_t count) {
    return block.subspan(kCertificatesOffset, count * sizeof(CertificateOnDisk));
}

std::span<const std::byte> order_bytes(std::span<const std::byte> block, std::size_t count) {
    return block.subspan(kOrdersOffset, count * sizeof(OrderOnDisk));
}

std::optional<Reject> check_body(std::size_t offset, std::uint32_t actual, std::uint32_t named) {
    if (actual == named) return std::nullopt;
    return Reject{RejectCode::BadBodyChecksum, static_cast<std::uint16_t>(offset), actual, named};
}

std::optional<Reject> check_header(std::span<const std::byte> block,
                                   const OrdersHeaderOnDisk& disk) {
    using Header = OrdersHeaderOnDisk;
    RangeCheck check;
    check.between(offsetof(Header, incarnation), disk.incarnation, 1, UINT64_MAX);
    check.between(offsetof(Header, epoch), disk.epoch, 1, UINT64_MAX);
    check.between(offsetof(Header, version), disk.version, 1, UINT64_MAX);
    check.at_most(offsetof(Header, certificates_count), disk.certificates_count, kCertificatesMax);
    check.at_most(offsetof(Header, orders_count), disk.orders_count, kOrdersMax);
    if (check.reject()) return check.reject();
    const std::size_t needed = used_bytes(disk.orders_count);
    if (block.size() < needed) return Reject{RejectCode::Truncated, 0, block.size(), needed};
    if (auto reject = check_body(offsetof(Header, certificates_crc32c),
                                 crc32c(certificate_bytes(block, disk.certificates_count)),
                                 disk.certificates_crc32c)) {
        return reject;
    }
    return check_body(offsetof(Header, orders_crc32c),
                      crc32c(order_bytes(block, disk.orders_count)),
                      disk.orders_crc32c);
}

std::optional<Reject> read_certificates(std::span<const std::byte> block,
                                        std::size_t count,
                                        Orders& orders) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t offset = kCertificatesOffset + i * sizeof(CertificateOnDisk);
        const auto disk = load<CertificateOnDisk>(block.subspan(offset));
        RangeCheck check;
        check.between(
            offset + offsetof(CertificateOnDisk, dead_host), disk.dead_host, 1, kHostsMax);
        check.between(offset + offsetof(CertificateOnDisk, judge), disk.judge, 1, kHostsMax);
        check.between(offset + offsetof(CertificateOnDisk, proof), disk.proof, 1, kProofMax);
        check.between(
            offset + offsetof(CertificateOnDisk, watchdog_class), disk.watchdog_class, 1, 3);
        check.duration(offset + offsetof(CertificateOnDisk, silence_ns), disk.silence_ns);
        check.duration(offset + offsetof(CertificateOnDisk, dead_after_ns), disk.dead_after_ns);
        if (check.reject()) return check.reject();
        orders.certificates.push(from_disk(disk));
    }
    return std::nullopt;
}

std::optional<Reject> read_orders(std::span<const std::byte> block,
                                  std::size_t count,
                                  Orders& orders) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t offset = kOrdersOffset + i * sizeof(OrderOnDisk);
        const auto disk = load<OrderOnDisk>(block.subspan(offset));
        RangeCheck check;
        check_vm_spec(disk.spec, offset, check);
        check.between(offset + offsetof(OrderOnDisk, target), disk.target, 1, kHostsMax);
        check.host(offset + offsetof(OrderOnDisk, previous_host), disk.previous_host);
        if (check.reject()) return check.reject();
        orders.orders.push(from_disk(disk));
    }
    return std::nullopt;
}

}  // namespace

std::size_t encode_orders(const Orders& orders,
                          const ClusterUuid& cluster,
                          std::span<std::byte> block) {
    HF_CHECK(block.size() == kOrdersCopyBytes);
    const std::size_t write_bytes = round_up_to_block(used_bytes(orders.orders.size()));
    std::memset(block.data(), 0, write_bytes);
    for (std::size_t i = 0; i < orders.certificates.size(); ++i) {
        store(block.subspan(kCertificatesOffset + i * sizeof(CertificateOnDisk)),
              to_disk(orders.certificates[i]));
    }
    for (std::size_t i = 0; i < orders.orders.size(); ++i) {
        store(block.subspan(used_bytes(i)), to_disk(orders.orders[i]));
    }
    OrdersHeaderOnDisk header{};
    header.frame = make_frame(kOrdersMagic, orders.leader, cluster);
    header.incarnation = orders.incarnation.value();
    header.epoch = orders.epoch.value();
    header.version = orders.version.value();
    header.certificates_count = static_cast<std::uint32_t>(orders.certificates.size());
    header.certificates_crc32c = crc32c(certificate_bytes(block, orders.certificates.size()));
    header.orders_count = static_cast<std::uint32_t>(orders.orders.size());
    header.orders_crc32c = crc32c(order_bytes(block, orders.orders.size()));
    store(block, header);
    seal_sector(block);
    return write_bytes;
}

Result<Nothing, Reject> decode_orders(std::span<const std::byte> block,
                                      const BlockContext& context,
                                      Orders& orders) {
    if (auto reject = check_frame(block, kOrdersOffset, kOrdersMagic, context)) {
        return Unexpected{*reject};
    }
    const auto header = load<OrdersHeaderOnDisk>(block);
    if (auto reject = check_header(block, header)) return Unexpected{*reject};
    orders.leader = context.host;
    orders.incarnation = Incarnation::from_value(header.incarnation);
    orders.epoch = Epoch{header.epoch};
    orders.version = Version{header.version};
    orders.certificates.clear();
    orders.orders.clear();
    if (auto reject = read_certificates(block, header.certificates_count, orders)) {
        return Unexpected{*reject};
    }
    if (auto reject = read_orders(block, header.orders_count, orders)) return Unexpected{*reject};
    return Nothing{};
}

}  // namespace holdfast
