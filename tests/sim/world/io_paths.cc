#include "tests/sim/world/io_paths.h"

#include <algorithm>

#include "engine/base/mutant.h"

namespace holdfast::sim {

namespace {

// Copies what is in use, not the capacity: a roster is 100 KiB, of which a few entries are taken.
void copy_roster(Roster& target, const Roster& source) {
    target.host = source.host;
    target.incarnation = source.incarnation;
    target.boot_id = source.boot_id;
    target.version = source.version;
    target.capacity = source.capacity;
    target.claims.clear();
    for (const Claim& claim : source.claims) target.claims.push(claim);
}

void copy_orders(Orders& target, const Orders& source) {
    target.leader = source.leader;
    target.incarnation = source.incarnation;
    target.epoch = source.epoch;
    target.version = source.version;
    target.certificates.clear();
    for (const Certificate& certificate : source.certificates)
        target.certificates.push(certificate);
    target.orders.clear();
    for (const Order& order : source.orders) target.orders.push(order);
}

void drop(std::vector<std::uint32_t>& list, std::uint32_t index) {
    const auto it = std::find(list.begin(), list.end(), index);
    if (it == list.end()) return;
    *it = list.back();
    list.pop_back();
}

}  // namespace

IoPaths::IoPaths(const ClusterConfig& config, Agenda& agenda, Chance& chance, Tally& tally)
    : config_(config),
      agenda_(agenda),
      chance_(chance),
      tally_(tally),
      whole_faults_(config.datastores_count),
      paths_(config.datastores_count * config.hosts.size()) {
    media_.reserve(config.datastores_count);
    for (std::size_t i = 0; i < config.datastores_count; ++i)
        media_.emplace_back(config, rosters_, orders_, configs_);
}

bool IoPaths::is_write(IoKind kind) {
    return kind == IoKind::WriteSlot || kind == IoKind::WriteRoster ||
           kind == IoKind::WriteOrders || kind == IoKind::WriteConfig;
}

IoPaths::Path& IoPaths::path_of(DatastoreIndex datastore, HostId host) {
    HF_CHECK(datastore < config_.datastores_count && host.value() >= 1 &&
             host.value() <= config_.hosts.size());
    return paths_[datastore * config_.hosts.size() + host.value() - 1U];
}

const IoPaths::Path& IoPaths::path_of(DatastoreIndex datastore, HostId host) const {
    return const_cast<IoPaths*>(this)->path_of(datastore, host);
}

PathFault IoPaths::path(DatastoreIndex datastore, HostId host) const {
    const PathFault& whole = whole_faults_[datastore];
    const PathFault& own = path_of(datastore, host).fault;
    if (whole.healthy()) return own;
    if (own.healthy()) return whole;
    PathFault both;
    both.mode = whole.mode == PathMode::Hang || own.mode == PathMode::Hang
                    ? PathMode::Hang
                    : std::max(whole.mode, own.mode);
    both.delay = std::max(whole.delay, own.delay);
    both.write_only = whole.write_only && own.write_only;
    both.read_only = whole.read_only && own.read_only;
    both.answers_late = whole.answers_late && own.answers_late;
    return both;
}

// ---- submission

IoOp& IoPaths::prepare(
    std::uint32_t index, IoKind kind, Issuer issuer, DatastoreIndex datastore, RequestId request) {
    IoOp& op = ops_[index];
    op.kind = kind;
    op.issuer = issuer;
    op.datastore = datastore;
    op.request = request;
    op.status = IoStatus::Done;
    op.reading = RegionReading::Unusable;
    op.on_medium = false;
    op.sampled = false;
    op.abandoned = false;
    op.tears = false;
    op.lost = false;
    op.version = 0;
    op.block = kNoBlock;
    op.region = issuer.host;
    op.last = issuer.host;
    op.views.clear();
    return op;
}

void IoPaths::write_slot(WorldTime now,
                         Issuer issuer,
                         const WriteSlot& action,
                         const SlotRecord& record) {
    const std::uint32_t index = ops_.take();
    prepare(index, IoKind::WriteSlot, issuer, action.datastore, action.request).slot = record;
    tally_.add(Count::SlotWrites);
    submit(now, index);
}

void IoPaths::scan(WorldTime now, Issuer issuer, const ScanSlots& action) {
    const std::uint32_t index = ops_.take();
    IoOp& op = prepare(index, IoKind::ScanSlots, issuer, action.datastore, action.request);
    op.region = action.first;
    op.last = HostId{static_cast<std::uint16_t>(
        std::min<std::size_t>(action.last.value(), config_.hosts.size()))};
    HF_CHECK(op.region.value() >= 1 && op.region <= op.last);
    tally_.add(Count::Scans);
    submit(now, index);
}

void IoPaths::write_roster(WorldTime now,
                           Issuer issuer,
                           const WriteRoster& action,
                           const Roster& roster) {
    const std::uint32_t index = ops_.take();
    IoOp& op = prepare(index, IoKind::WriteRoster, issuer, action.datastore, action.request);
    LastBlock& last = last_roster_;
    if (last.block == kNoBlock || last.issuer.host != issuer.host ||
        last.issuer.life != issuer.life || last.version != roster.version.value() ||
        !(rosters_[last.block] == roster)) {
        rosters_.let_go(last.block);
        last = {issuer, roster.version.value(), rosters_.take()};
        copy_roster(rosters_[last.block], roster);
    }
    op.version = last.version;
    op.block = rosters_.hold(last.block);
    tally_.add(Count::RosterWrites);
    submit(now, index);
}

void IoPaths::write_orders(WorldTime now,
                           Issuer issuer,
                           const WriteOrders& action,
                           const Orders& orders) {
    const std::uint32_t index = ops_.take();
    IoOp& op = prepare(index, IoKind::WriteOrders, issuer, action.datastore, action.request);
    LastBlock& last = last_orders_;
    if (last.block == kNoBlock || last.issuer.host != issuer.host ||
        last.issuer.life != issuer.life || last.version != orders.version.value() ||
        !(orders_[last.block] == orders)) {
        orders_.let_go(last.block);
        last = {issuer, orders.version.value(), orders_.take()};
        copy_orders(orders_[last.block], orders);
    }
    op.version = last.version;
    op.block = orders_.hold(last.block);
    tally_.add(Count::OrdersWrites);
    submit(now, index);
}

void IoPaths::write_config(WorldTime now,
                           Issuer issuer,
                           const WriteConfig& action,
                           const ConfigCopy& config) {
    const std::uint32_t index = ops_.take();
    IoOp& op = prepare(index, IoKind::WriteConfig, issuer, action.datastore, action.request);
    LastBlock& last = last_config_;
    if (last.block == kNoBlock || last.issuer.host != issuer.host ||
        last.issuer.life != issuer.life || last.version != config.version.value() ||
        !(configs_[last.block] == config)) {
        configs_.let_go(last.block);
        last = {issuer, config.version.value(), configs_.take()};
        configs_[last.block] = config;
    }
    op.version = last.version;
    op.block = configs_.hold(last.block);
    tally_.add(Count::ConfigWrites);
    submit(now, index);
}

void IoPaths::read_config(WorldTime now, Issuer issuer, const ReadConfig& action) {
    const std::uint32_t index = ops_.take();
    prepare(index, IoKind::ReadConfig, issuer, action.datastore, action.request).region =
        action.host;
    tally_.add(Count::RegionReads);
    submit(now, index);
}

void IoPaths::read_roster(WorldTime now, Issuer issuer, const ReadRoster& action) {
    const std::uint32_t index = ops_.take();
    prepare(index, IoKind::ReadRoster, issuer, action.datastore, action.request).region =
        action.host;
    tally_.add(Count::RegionReads);
    submit(now, index);
}

void IoPaths::read_orders(WorldTime now, Issuer issuer, const ReadOrders& action) {
    const std::uint32_t index = ops_.take();
    prepare(index, IoKind::ReadOrders, issuer, action.datastore, action.request).region =
        action.host;
    tally_.add(Count::RegionReads);
    submit(now, index);
}

bool IoPaths::blocked_by_predecessor(const IoOp& op) const {
    if (planted(Mutant::TaintedDatastoreVotes)) return false;
    for (const std::uint32_t other : path_of(op.datastore, op.issuer.host).in_flight) {
        const IoOp& earlier = ops_[other];
        if (is_write(earlier.kind) && earlier.issuer.life != op.issuer.life && !earlier.abandoned)
            return true;
    }
    return false;
}

void IoPaths::submit(WorldTime now, std::uint32_t index) {
    IoOp& op = ops_[index];
    Path& path = path_of(op.datastore, op.issuer.host);
    if (blocked_by_predecessor(op)) {
        path.held.push_back(index);
        return;
    }
    path.in_flight.push_back(index);
    const Medium& medium = media_[op.datastore];
    if (op.kind == IoKind::WriteSlot) {
        op.copy = medium.slot_copy(op.slot);
    } else if (is_write(op.kind)) {
        op.copy = medium.region_copy(region_kind(op.kind), op.issuer.host, op.version);
    }
    fly(now, index);
}

void IoPaths::fly(WorldTime now, std::uint32_t index) {
    IoOp& op = ops_[index];
    const PathFault fault = path(op.datastore, op.issuer.host);
    const bool touched = fault.touches(is_write(op.kind));
    if (touched && fault.mode == PathMode::Hang) {
        // The array may have carried it out although its answer never leaves the fabric.
        if (is_write(op.kind) && !op.on_medium && chance_.permille(200)) carry_out(op);
        path_of(op.datastore, op.issuer.host).hung.push_back(index);
        tally_.add(Count::IoHung);
        return;
    }
    if (!touched || fault.mode == PathMode::Ok) {
        const bool at_once = touched && fault.answers_late;
        if (at_once) tally_.add(Count::AnswersLate);
        if (is_write(op.kind)) {
            if (!op.on_medium && (at_once || chance_.permille(250))) carry_out(op);
        } else if (!op.sampled && (at_once || (config_.early_reads && chance_.permille(250)))) {
            sample(op);
        }
    }
    const bool spike =
        config_.io_spike_permille != 0 && chance_.permille(config_.io_spike_permille);
    const Span& span = spike ? config_.io_spike : config_.io_latency;
    Duration latency = chance_.between(span.low, span.high);
    if (touched && fault.delay > Duration::zero())
        latency += chance_.between(fault.delay / 2, fault.delay);
    agenda_.put(now + latency, Wake::IoDone, op.issuer.host.value(), index);
}

// ---- completion

bool IoPaths::finish(WorldTime now, std::uint32_t index) {
    IoOp& op = ops_[index];
    if (op.abandoned) {
        free_op(index);
        return false;
    }
    const PathFault fault = path(op.datastore, op.issuer.host);
    const bool touched = fault.touches(is_write(op.kind));
    if (touched && fault.mode == PathMode::Hang) {
        path_of(op.datastore, op.issuer.host).hung.push_back(index);
        tally_.add(Count::IoHung);
        return false;
    }
    if (touched && fault.mode == PathMode::Fail) {
        fail(op);
    } else if (is_write(op.kind)) {
        if (!op.on_medium) carry_out(op);
    } else if (!op.sampled && op.kind != IoKind::ScanSlots) {
        sample(op);  // a scan shows the medium itself while it is delivered
    }
    retire(now, index);
    return true;
}

void IoPaths::fail(IoOp& op) {
    op.status = IoStatus::Failed;
    tally_.add(Count::IoFailed);
    if (!is_write(op.kind)) {
        op.reading = RegionReading::Unusable;
        return;
    }
    if (op.on_medium) return;
    const std::uint64_t fate = chance_.below(10);
    if (fate < 3) {
        carry_out(op);
    } else if (fate < 5 && config_.torn_writes && config_.voters_count > 1) {
        // A minority of the voters may tear; a single one may not (fault model).
        tear(op);
    }
}

// Takes it out of what is in flight, and lets the successor's requests go once a predecessor's writes have ended.
void IoPaths::retire(WorldTime now, std::uint32_t index) {
    const IoOp& op = ops_[index];
    Path& path = path_of(op.datastore, op.issuer.host);
    drop(path.in_flight, index);
    if (path.held.empty() || !is_write(op.kind)) return;
    std::vector<std::uint32_t> waiting;
    waiting.swap(path.held);
    for (const std::uint32_t held : waiting) submit(now, held);
}

void IoPaths::free_op(std::uint32_t index) {
    IoOp& op = ops_[index];
    let_go(op);
    op.block = kNoBlock;
    ops_.give_back(index);
}

void IoPaths::give_back(std::uint32_t index) {
    free_op(index);
}

std::span<const SlotView> IoPaths::views_of(const IoOp& op) const {
    if (op.status != IoStatus::Done) return {};
    const std::size_t first = op.region.value() - 1U;
    const std::size_t count = op.last.value() - first;
    if (!op.views.empty()) return {op.views.data(), count};
    return media_[op.datastore].views().subspan(first, count);
}

}  // namespace holdfast::sim
