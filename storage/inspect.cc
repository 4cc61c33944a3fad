#include "storage/inspect.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "storage/aligned_buffer.h"
#include "storage/block_target.h"
#include "storage/file_io.h"
#include "storage/orders_format.h"
#include "storage/record_frame.h"
#include "storage/roster_format.h"
#include "storage/slot_format.h"
#include "storage/xml_heap.h"

namespace holdfast {

namespace {

struct Source {
    const BlockTarget& target;
    const InspectOptions& options;
    Superblock superblock;
    Inspection& inspection;

    [[nodiscard]] const Geometry& geometry() const { return superblock.geometry; }

    [[nodiscard]] BlockContext context(HostId host) const { return {superblock.cluster, host}; }
};

constexpr const char* kCopyNames[] = {"A", "B"};

// Decodes one copy with `decode`, which fills a record and returns a reject or nothing.
template <typename Record, typename Decode>
InspectedCopy<Record> inspect_copy(Source& source,
                                   const char* region,
                                   HostId host,
                                   int copy,
                                   std::uint64_t offset,
                                   std::uint64_t bytes,
                                   const Decode& decode) {
    InspectedCopy<Record> inspected;
    inspected.offset_bytes = offset;
    AlignedBuffer buffer{bytes};
    const auto got = read_fully(source.target.fd.get(), buffer.span(), offset);
    auto record = std::make_shared<Record>();
    if (!got) {
        inspected.reject = Reject{
            RejectCode::ReadFailed, 0, static_cast<std::uint64_t>(got.error().system_errno), 0};
    } else {
        const Result<Nothing, Reject> decoded =
            decode(std::span<const std::byte>{buffer.span()}, *record);
        if (decoded) {
            inspected.record = std::move(record);
            return inspected;
        }
        inspected.reject = decoded.error();
    }
    if (inspected.is_unwritten()) return inspected;
    ++source.inspection.damaged_copies;
    inspected.problem =
        explain(inspected.reject, RejectPlace{source.options.path, region, host, kCopyNames[copy]});
    return inspected;
}

// Which of two copies counts, by a number that grows; -1: none.
template <typename Record, typename Number>
int newer(const InspectedCopy<Record> (&copies)[2], const Number& number) {
    if (!copies[0].is_valid()) return copies[1].is_valid() ? 1 : -1;
    if (!copies[1].is_valid()) return 0;
    return number(*copies[1].record) > number(*copies[0].record) ? 1 : 0;
}

void inspect_slots(Source& source, InspectedHost& host) {
    const BlockContext context = source.context(host.host);
    for (int i = 0; i < 2; ++i) {
        const auto decode = [&](std::span<const std::byte> block,
                                SlotRecord& record) -> Result<Nothing, Reject> {
            auto decoded = decode_slot(block, context);
            if (!decoded) return Unexpected{decoded.error()};
            record = *decoded;
            return Nothing{};
        };
        host.slots[i] =
            inspect_copy<SlotRecord>(source,
                                     "slot",
                                     host.host,
                                     i,
                                     source.geometry().slot(host.host, static_cast<Copy>(i)),
                                     kSlotCopyBytes,
                                     decode);
    }
    host.slot_current = newer(host.slots, [](const SlotRecord& record) {
        return std::pair{record.incarnation.value(), record.sequence.value()};
    });
}

void inspect_regions(Source& source, InspectedHost& host) {
    const BlockContext context = source.context(host.host);
    const Geometry& geometry = source.geometry();
    const auto config = [&](std::span<const std::byte> block, ConfigRecord& record) {
        return decode_config(block, context, record);
    };
    const auto roster = [&](std::span<const std::byte> block, Roster& record) {
        return decode_roster(block, context, record);
    };
    const auto orders = [&](std::span<const std::byte> block, Orders& record) {
        return decode_orders(block, context, record);
    };
    for (int i = 0; i < 2; ++i) {
        const auto copy = static_cast<Copy>(i);
        host.configs[i] = inspect_copy<ConfigRecord>(source,
                                                     "configuration",
                                                     host.host,
                                                     i,
                                                     geometry.config(host.host, copy),
                                                     geometry.config_copy_bytes(),
                                                     config);
        host.rosters[i] = inspect_copy<Roster>(source,
                                               "roster",
                                               host.host,
                                               i,
                                               geometry.roster(host.host, copy),
                                               kRosterCopyBytes,
                                               roster);
        host.orders[i] = inspect_copy<Orders>(source,
                                              "orders",
                                              host.host,
                                              i,
                                              geometry.orders(host.host, copy),
                                              kOrdersCopyBytes,
                                              orders);
    }
    const auto version = [](const auto& record) { return record.version.value(); };
    host.config_current = newer(host.configs, version);
    host.roster_current = newer(host.rosters, version);
    host.orders_current = newer(host.orders, version);
}

void inspect_recorder(Source& source, InspectedHost& host) {
    AlignedBuffer region{kRecorderBytes};
    if (!read_fully(source.target.fd.get(), region.span(), source.geometry().recorder(host.host))) {
        host.recorder_damaged = kRecorderEntries;
        return;
    }
    for (std::size_t i = 0; i < kRecorderEntries; ++i) {
        const auto bytes = region.span().subspan(i * kRecorderEntryBytes, kRecorderEntryBytes);
        auto entry = decode_recorder_entry(bytes, source.context(host.host));
        if (entry) {
            host.recorder.push_back(*entry);
        } else if (entry.error().code != RejectCode::Unwritten) {
            ++host.recorder_damaged;
        }
    }
    std::sort(host.recorder.begin(),
              host.recorder.end(),
              [](const RecorderEntry& left, const RecorderEntry& right) {
                  return left.sequence < right.sequence;
              });
}

InspectedXml inspect_xml(Source& source, const Claim& claim) {
    InspectedXml inspected{claim.spec.xml, std::string(claim.spec.name.view()), {}, {}};
    const XmlRef& ref = claim.spec.xml;
    const std::uint64_t end = std::uint64_t{ref.offset_bytes} + ref.length_bytes;
    if (!source.geometry().contains(ref.host) || ref.length_bytes == 0 ||
        end > source.geometry().heap_bytes()) {
        inspected.problem = "the roster names bytes outside the heap";
        return inspected;
    }
    const std::uint64_t begin = ref.offset_bytes / kBlockBytes * kBlockBytes;
    AlignedBuffer pages{round_up_to_block(end) - begin};
    const auto got =
        read_fully(source.target.fd.get(), pages.span(), source.geometry().heap(ref.host) + begin);
    if (!got) {
        inspected.problem = got.error().text;
        return inspected;
    }
    auto xml =
        decompress_xml(pages.span().subspan(ref.offset_bytes - begin, ref.length_bytes), ref);
    if (xml) {
        inspected.xml = std::move(*xml);
    } else {
        inspected.problem = xml.error().text;
    }
    return inspected;
}

// One block of every copy, to leave out hosts that never wrote.
bool is_untouched(Source& source, HostId host) {
    const Geometry& geometry = source.geometry();
    const std::uint64_t offsets[] = {geometry.slot(host, Copy::A),
                                     geometry.slot(host, Copy::B),
                                     geometry.config(host, Copy::A),
                                     geometry.config(host, Copy::B),
                                     geometry.roster(host, Copy::A),
                                     geometry.roster(host, Copy::B),
                                     geometry.orders(host, Copy::A),
                                     geometry.orders(host, Copy::B),
                                     geometry.recorder(host)};
    AlignedBuffer block{kBlockBytes};
    for (const std::uint64_t offset : offsets) {
        if (!read_fully(source.target.fd.get(), block.span(), offset)) return false;
        if (!is_all_zero(block.span())) return false;
    }
    return true;
}

void inspect_hosts(Source& source) {
    for (std::uint32_t id = 1; id <= source.geometry().hosts_max(); ++id) {
        const HostId host{static_cast<std::uint16_t>(id)};
        if (!source.options.only.is_none() && host != source.options.only) continue;
        const bool untouched = is_untouched(source, host);
        if (untouched && source.options.skip_unwritten) continue;
        InspectedHost inspected;
        inspected.host = host;
        inspect_slots(source, inspected);
        inspect_regions(source, inspected);
        inspect_recorder(source, inspected);
        if (source.options.with_xml && inspected.roster_current >= 0) {
            for (const Claim& claim : inspected.rosters[inspected.roster_current].record->claims) {
                if (claim.spec.xml.host == host)
                    inspected.xmls.push_back(inspect_xml(source, claim));
            }
        }
        source.inspection.hosts.push_back(std::move(inspected));
    }
}

void inspect_superblocks(Source& source) {
    for (int i = 0; i < 2; ++i) {
        const auto decode = [](std::span<const std::byte> block,
                               Superblock& record) -> Result<Nothing, Reject> {
            auto decoded = decode_superblock(block);
            if (!decoded) return Unexpected{decoded.error()};
            record = *decoded;
            return Nothing{};
        };
        auto& copy = source.inspection.superblocks[i];
        copy = inspect_copy<Superblock>(source,
                                        "superblock",
                                        {},
                                        i,
                                        Geometry::superblock(static_cast<Copy>(i)),
                                        kBlockBytes,
                                        decode);
        if (copy.is_valid() && !source.inspection.superblock)
            source.inspection.superblock = *copy.record;
    }
}

}  // namespace

bool InspectedHost::is_unwritten() const {
    for (int i = 0; i < 2; ++i) {
        const bool zero = slots[i].is_unwritten() && configs[i].is_unwritten() &&
                          rosters[i].is_unwritten() && orders[i].is_unwritten();
        if (!zero) return false;
    }
    return recorder.empty() && recorder_damaged == 0;
}

Result<Inspection> inspect_datastore(const InspectOptions& options) {
    auto target = probe_target(options.path, TargetAccess::ReadOnly, options.open_timeout);
    if (!target) return Unexpected{target.error()};
    if (target->facts.system_errno != 0) {
        const int error = target->facts.system_errno;
        return Unexpected{Error{error,
                                options.path + ": cannot be inspected: " +
                                    target->facts.failed_call + ": " + std::strerror(error)}};
    }
    Inspection inspection;
    inspection.path = options.path;
    inspection.size_bytes = target->facts.size_bytes;
    inspection.signature = target->facts.signature;
    Source source{*target, options, {}, inspection};
    inspect_superblocks(source);
    if (!inspection.superblock) inspection.superblock = options.assume;
    if (!inspection.superblock) return inspection;
    source.superblock = *inspection.superblock;
    inspect_hosts(source);
    return inspection;
}

}  // namespace holdfast
