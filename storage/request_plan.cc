#include "storage/request_plan.h"

#include "storage/record_frame.h"
#include "storage/xml_heap.h"

namespace holdfast {

namespace {

using Kind = DatastoreRequestKind;

bool is_aligned(const DatastoreRequest& request) {
    return request.offset_bytes % kBlockBytes == 0 && request.length_bytes % kBlockBytes == 0;
}

RequestPlan write_at(std::uint64_t offset, std::uint64_t length) {
    return RequestPlan{IoKind::Write, offset, static_cast<std::uint32_t>(length), 0, 0};
}

RequestPlan read_at(std::uint64_t offset, std::uint64_t length) {
    const auto bytes = static_cast<std::uint32_t>(length);
    return RequestPlan{IoKind::Read, offset, bytes, 0, bytes};
}

std::optional<RequestPlan> plan_write(const DatastoreRequest& request,
                                      const Geometry& geometry,
                                      HostId self,
                                      Copy copy) {
    const std::uint64_t end = std::uint64_t{request.offset_bytes} + request.length_bytes;
    if (request.kind == Kind::WriteSlot) return write_at(geometry.slot(self, copy), kSlotCopyBytes);
    if (request.length_bytes == 0 || !is_aligned(request)) return std::nullopt;
    if (request.kind == Kind::WriteRoster && request.length_bytes <= kRosterCopyBytes) {
        return write_at(geometry.roster(self, copy), request.length_bytes);
    }
    if (request.kind == Kind::WriteOrders && request.length_bytes <= kOrdersCopyBytes) {
        return write_at(geometry.orders(self, copy), request.length_bytes);
    }
    if (request.kind == Kind::WriteConfig && request.length_bytes <= geometry.config_copy_bytes()) {
        return write_at(geometry.config(self, copy), request.length_bytes);
    }
    if (request.kind == Kind::WriteHeap && end <= geometry.heap_bytes()) {
        return write_at(geometry.heap(self) + request.offset_bytes, request.length_bytes);
    }
    if (request.kind == Kind::WriteRecorder && end <= kRecorderBytes) {
        return write_at(geometry.recorder(self) + request.offset_bytes, request.length_bytes);
    }
    return std::nullopt;
}

std::optional<RequestPlan> plan_heap_read(const DatastoreRequest& request,
                                          const Geometry& geometry) {
    const std::uint64_t end = std::uint64_t{request.offset_bytes} + request.length_bytes;
    if (request.length_bytes == 0 || end > geometry.heap_bytes()) return std::nullopt;
    const std::uint64_t begin = request.offset_bytes / kBlockBytes * kBlockBytes;
    RequestPlan plan =
        read_at(geometry.heap(request.first) + begin, round_up_to_block(end) - begin);
    plan.skip_bytes = static_cast<std::uint32_t>(request.offset_bytes - begin);
    plan.wanted_bytes = request.length_bytes;
    return plan;
}

std::optional<RequestPlan> plan_read(const DatastoreRequest& request, const Geometry& geometry) {
    const HostId host = request.first;
    if (request.kind == Kind::ScanSlots) {
        if (!geometry.contains(request.last) || request.last < host) return std::nullopt;
        const std::uint64_t hosts = request.last.value() - host.value() + 1U;
        return read_at(geometry.slot(host), hosts * kSlotBytes);
    }
    if (request.kind == Kind::ReadRoster)
        return read_at(geometry.roster(host, Copy::A), 2 * kRosterCopyBytes);
    if (request.kind == Kind::ReadOrders)
        return read_at(geometry.orders(host, Copy::A), 2 * kOrdersCopyBytes);
    if (request.kind == Kind::ReadConfig) {
        return read_at(geometry.config(host, Copy::A), 2 * geometry.config_copy_bytes());
    }
    if (request.kind == Kind::ReadHeap) return plan_heap_read(request, geometry);
    if (request.kind == Kind::ReadRecorder) return read_at(geometry.recorder(host), kRecorderBytes);
    return std::nullopt;
}

}  // namespace

bool is_write(DatastoreRequestKind kind) {
    return kind == Kind::WriteSlot || kind == Kind::WriteRoster || kind == Kind::WriteOrders ||
           kind == Kind::WriteConfig || kind == Kind::WriteHeap || kind == Kind::WriteRecorder;
}

std::optional<IntentKind> intent_of(DatastoreRequestKind kind) {
    if (kind == Kind::WriteSlot) return IntentKind::Slot;
    if (kind == Kind::WriteRoster) return IntentKind::Roster;
    if (kind == Kind::WriteOrders) return IntentKind::Orders;
    if (kind == Kind::WriteConfig) return IntentKind::Config;
    return std::nullopt;
}

std::optional<IntentKind> shown_by(DatastoreRequestKind kind) {
    if (kind == Kind::ScanSlots) return IntentKind::Slot;
    if (kind == Kind::ReadRoster) return IntentKind::Roster;
    if (kind == Kind::ReadOrders) return IntentKind::Orders;
    if (kind == Kind::ReadConfig) return IntentKind::Config;
    return std::nullopt;
}

std::optional<RequestPlan> plan_request(const DatastoreRequest& request,
                                        const Geometry& geometry,
                                        HostId self,
                                        Copy copy,
                                        std::size_t buffer_bytes) {
    const HostId host = is_write(request.kind) ? self : request.first;
    if (!geometry.contains(host)) return std::nullopt;
    const auto plan = is_write(request.kind) ? plan_write(request, geometry, self, copy)
                                             : plan_read(request, geometry);
    if (plan && plan->length_bytes > buffer_bytes) return std::nullopt;
    return plan;
}

}  // namespace holdfast
