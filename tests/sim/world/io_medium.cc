// The part of IoPaths that touches the media, and what faults and deaths do to what is in flight.
#include <algorithm>

#include "tests/sim/world/io_paths.h"

namespace holdfast::sim {

namespace {

// What writes the region that a read looks at.
IoKind writer_of(IoKind read) {
    if (read == IoKind::ReadConfig) return IoKind::WriteConfig;
    return read == IoKind::ReadRoster ? IoKind::WriteRoster : IoKind::WriteOrders;
}

}  // namespace

RegionKind IoPaths::region_kind(IoKind kind) {
    if (kind == IoKind::WriteConfig || kind == IoKind::ReadConfig) return RegionKind::Config;
    return kind == IoKind::WriteRoster || kind == IoKind::ReadRoster ? RegionKind::Roster
                                                                     : RegionKind::Orders;
}

std::uint32_t IoPaths::hold(const IoOp& op, std::uint32_t block) {
    if (op.kind == IoKind::WriteSlot || op.kind == IoKind::ScanSlots) return kNoBlock;
    switch (region_kind(op.kind)) {
        case RegionKind::Roster: return rosters_.hold(block);
        case RegionKind::Orders: return orders_.hold(block);
        case RegionKind::Config: break;
    }
    return configs_.hold(block);
}

void IoPaths::let_go(const IoOp& op) {
    if (op.kind == IoKind::WriteSlot || op.kind == IoKind::ScanSlots) return;
    switch (region_kind(op.kind)) {
        case RegionKind::Roster: rosters_.let_go(op.block); return;
        case RegionKind::Orders: orders_.let_go(op.block); return;
        case RegionKind::Config: configs_.let_go(op.block); return;
    }
}

void IoPaths::carry_out(IoOp& op) {
    op.on_medium = true;
    Medium& medium = media_[op.datastore];
    const HostId host = op.issuer.host;
    if (op.kind == IoKind::WriteSlot) {
        medium.write_slot(op.slot, op.copy);
    } else {
        medium.write_region(region_kind(op.kind), host, op.version, op.copy, hold(op, op.block));
    }
}

void IoPaths::tear(IoOp& op) {
    op.on_medium = true;
    tally_.add(Count::WritesTorn);
    Medium& medium = media_[op.datastore];
    if (op.kind == IoKind::WriteSlot) {
        medium.tear_slot(op.issuer.host, op.copy);
    } else {
        medium.tear_region(region_kind(op.kind), op.issuer.host, op.copy);
    }
}

// Whether the region that `read` looks at is being written just now.
bool IoPaths::half_written(const IoOp& read) const {
    const IoKind wanted = writer_of(read.kind);
    for (const std::uint32_t index : path_of(read.datastore, read.region).in_flight) {
        if (ops_[index].kind == wanted && !ops_[index].on_medium) return true;
    }
    return false;
}

void IoPaths::sample(IoOp& op) {
    op.sampled = true;
    const Medium& medium = media_[op.datastore];
    if (op.kind == IoKind::ScanSlots) {
        const auto views = medium.views().subspan(op.region.value() - 1U,
                                                  op.last.value() - op.region.value() + 1U);
        op.views.assign(views.begin(), views.end());
        return;
    }
    int torn_copy = -1;
    if (config_.torn_reads && half_written(op) && chance_.permille(500)) {
        const IoKind wanted = writer_of(op.kind);
        for (const std::uint32_t index : path_of(op.datastore, op.region).in_flight) {
            if (ops_[index].kind == wanted && !ops_[index].on_medium)
                torn_copy = static_cast<int>(ops_[index].copy);
        }
        tally_.add(Count::ReadsTorn);
    }
    const Medium::RegionView view = medium.view(region_kind(op.kind), op.region, torn_copy);
    op.reading = view.reading;
    op.block = hold(op, view.block);
}

void IoPaths::land(std::uint32_t index) {
    IoOp& op = ops_[index];
    if (op.tears) {
        tear(op);
    } else {
        carry_out(op);
    }
    tally_.add(Count::WritesLandedLate);
    free_op(index);
}

// ---- faults

void IoPaths::set_fault(WorldTime now, DatastoreIndex datastore, HostId host, PathFault fault) {
    if (host.is_none()) {
        whole_faults_[datastore] = fault;
    } else {
        path_of(datastore, host).fault = fault;
    }
    for (std::uint16_t h = 1; h <= config_.hosts.size(); ++h) {
        if (!host.is_none() && host.value() != h) continue;
        refresh_health(now, datastore, HostId{h});
        Path& affected = path_of(datastore, HostId{h});
        if (path(datastore, HostId{h}).mode == PathMode::Hang || affected.hung.empty()) continue;
        std::vector<std::uint32_t> released;
        released.swap(affected.hung);
        for (const std::uint32_t index : released) {
            IoOp& op = ops_[index];
            const bool may_lose = config_.lost_answers && config_.voters_count > 1 &&
                                  datastore == config_.voters_count - 1U;
            if (!op.abandoned && (op.lost || (may_lose && chance_.permille(100)))) {
                op.lost = true;
                affected.lost_one = true;
                affected.healthy_since = kWorldNever;
                affected.hung.push_back(index);
                tally_.add(Count::AnswersLost);
            } else if (op.abandoned) {
                // A dead host's write that the path had kept all the time.
                agenda_.put(now + chance_.between(Duration::zero(), Duration{seconds{1}}),
                            Wake::WriteLands,
                            h,
                            index);
            } else {
                fly(now, index);
            }
        }
    }
}

void IoPaths::refresh_health(WorldTime now, DatastoreIndex datastore, HostId host) {
    Path& affected = path_of(datastore, host);
    const PathFault fault = path(datastore, host);
    if (!fault.healthy() || affected.lost_one) {
        affected.healthy_since = kWorldNever;
        affected.last_delay = std::max(affected.last_delay, fault.delay);
    } else if (affected.healthy_since == kWorldNever) {
        // What was submitted to a slow path is still under way.
        affected.drained_at = std::max(affected.drained_at, now + affected.last_delay);
        affected.healthy_since = std::max(now, affected.drained_at);
        affected.last_delay = Duration::zero();
    }
}

WorldTime IoPaths::majority_since(HostId host) const {
    std::array<WorldTime, kVotersMax> since{};
    for (DatastoreIndex d = 0; d < config_.voters_count; ++d)
        since[d] = path_of(d, host).healthy_since;
    const auto middle = since.begin() + static_cast<std::ptrdiff_t>(config_.majority()) - 1;
    std::nth_element(since.begin(), middle, since.begin() + config_.voters_count);
    return *middle;
}

WorldTime IoPaths::all_since(HostId host) const {
    WorldTime since{};
    for (DatastoreIndex d = 0; d < config_.datastores_count; ++d)
        since = std::max(since, path_of(d, host).healthy_since);
    return since;
}

// ---- death of a host

void IoPaths::host_died(WorldTime now, HostId host) {
    for (DatastoreIndex d = 0; d < config_.datastores_count; ++d) {
        Path& path = path_of(d, host);
        for (const std::uint32_t index : path.held) free_op(index);
        path.held.clear();
        const std::vector<std::uint32_t> hung = path.hung;
        std::vector<std::uint32_t> kept;
        for (const std::uint32_t index : path.in_flight) {
            const bool was_hung = std::find(hung.begin(), hung.end(), index) != hung.end();
            lay_to_rest(now, path, index, was_hung);
        }
        path.in_flight.clear();
        path.lost_one = false;
        if (this->path(d, host).healthy() && path.healthy_since == kWorldNever) {
            path.healthy_since = now;
        }
        for (const std::uint32_t index : path.hung) {
            if (ops_[index].abandoned) kept.push_back(index);
        }
        path.hung = kept;
    }
}

// One operation that was in flight.  In the agenda: it stays there, abandoned, and is freed when it comes up.
void IoPaths::lay_to_rest(WorldTime now, Path& path, std::uint32_t index, bool was_hung) {
    IoOp& op = ops_[index];
    const bool pending_write = is_write(op.kind) && !op.on_medium;
    // Of a minority of the voters: one.
    const bool may_be_late = config_.late_writes && config_.voters_count > 1 &&
                             op.datastore == config_.voters_count - 1U;
    if (was_hung && pending_write && may_be_late && op.kind != IoKind::WriteOrders &&
        op.kind != IoKind::WriteConfig && chance_.permille(config_.late_permille)) {
        op.abandoned = true;  // stays in path.hung
        return;
    }
    if (pending_write) {
        const std::uint64_t fate = chance_.below(10);
        const Duration landing = config_.timing.landing * 95 / 100;
        if (fate < 4) {
            const std::uint32_t copy = ops_.take();
            ops_[copy] = op;
            hold(op, op.block);
            ops_[copy].tears = config_.torn_writes && chance_.permille(300);
            ops_[copy].abandoned = true;
            agenda_.put(now + chance_.between(Duration::zero(), landing),
                        Wake::WriteLands,
                        op.issuer.host.value(),
                        copy);
        } else {
            tally_.add(Count::WritesLost);
        }
    }
    if (was_hung) {
        std::erase(path.hung, index);
        free_op(index);
    } else {
        op.abandoned = true;
    }
}

}  // namespace holdfast::sim
