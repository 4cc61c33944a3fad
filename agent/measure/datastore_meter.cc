#include "agent/measure/datastore_meter.h"

#include <algorithm>

#include "storage/clock.h"
#include "storage/slot_format.h"

namespace holdfast::measure {

namespace {

// What is out when the time is over gets this much more; longer is said to hang.
constexpr Duration kGrace = std::chrono::seconds{2};
constexpr Duration kLookAtStop = std::chrono::milliseconds{100};

}  // namespace

DatastoreMeter::DatastoreMeter(const DatastoreJob& job,
                               DatastoreMemory& memory,
                               Datastore& store,
                               TargetResult& result)
    : job_(job), memory_(memory), store_(store), result_(result) {
    // A later incarnation than any before, so that what lies there from an earlier measurement is older.
    sequence_ = static_cast<std::uint64_t>(boottime_now().time_since_epoch().count());
}

void DatastoreMeter::run() {
    begun_ = boottime_now();
    next_tick_ = begun_;
    result_.lease.begin(begun_);
    result_.begun_at.store(begun_.time_since_epoch().count());
    result_.state.store(TargetState::Measuring);
    const Instant end = begun_ + job_.duration;
    Instant now = begun_;
    while (!result_.stop.load() && now < end) {
        if (now >= next_tick_) tick(now);
        now = boottime_now();
        store_.wait(std::min({next_tick_ - now, kLookAtStop, end - now}));
        collect();
        now = boottime_now();
    }
    result_.ended_at.store(now.time_since_epoch().count());
    result_.open_gap = result_.lease.open_gap(now);
    const Instant patience = now + kGrace;
    while (write_out_ || scans_out_ > 0) {
        now = boottime_now();
        if (now >= patience) break;
        store_.wait(std::min(patience - now, kLookAtStop));
        collect();
    }
}

void DatastoreMeter::tick(Instant now) {
    result_.at(Operation::Wakeup).record(since_begin(now), now - next_tick_);
    next_tick_ += job_.interval;
    // Whole ticks that this process slept through are gone, as they are for the agent.
    while (next_tick_ <= now) next_tick_ += job_.interval;
    result_.beats.fetch_add(1);
    const auto free =
        std::find_if(cycles_.begin(), cycles_.end(), [](const Cycle& c) { return c.number == 0; });
    if (write_out_) ++result_.beats_missed;
    const bool scan = scans_out_ < kScansMax;
    if (free == cycles_.end() || (write_out_ && !scan)) return;
    Cycle& cycle = *free;
    cycle = {};
    cycle.number = ++round_;
    cycle.issued = now;
    const bool write = !write_out_;
    if (write) put_write(cycle);
    if (scan) put_scan(cycle);
    publish_outstanding();
    store_.submit();
    collect();
}

void DatastoreMeter::put_write(Cycle& cycle) {
    SlotRecord record;
    record.host = job_.host;
    record.host_uuid = kMeasuringCluster;
    record.boot_id = kMeasuringCluster;
    record.incarnation = Incarnation{1, 1};
    record.sequence = Sequence{++sequence_};
    record.lease = std::chrono::seconds{4};
    record.watchdog = std::chrono::seconds{3};
    record.interval = job_.interval;
    record.watchdog_class = WatchdogClass::None;
    encode_slot(record, kMeasuringCluster, memory_.payload(DatastoreRequestKind::WriteSlot));
    DatastoreRequest request;
    request.kind = DatastoreRequestKind::WriteSlot;
    request.with_next = scans_out_ < kScansMax;
    request.request = RequestId{cycle.number};
    request.first = job_.host;
    request.number = sequence_;
    request.incarnation = record.incarnation;
    cycle.write_out = true;
    write_out_ = true;
    store_.push(request);
}

void DatastoreMeter::put_scan(Cycle& cycle) {
    DatastoreRequest request;
    request.kind = DatastoreRequestKind::ScanSlots;
    request.request = RequestId{cycle.number};
    request.first = HostId{1};
    request.last = HostId{static_cast<std::uint16_t>(job_.hosts)};
    cycle.scan_out = true;
    cycle.validates = written_issued_;
    ++scans_out_;
    store_.push(request);
}

void DatastoreMeter::collect() {
    std::array<DatastoreCompletion, 8> completions;
    for (std::size_t count = store_.reap(completions); count > 0;
         count = store_.reap(completions)) {
        const Instant now = boottime_now();
        for (std::size_t i = 0; i < count; ++i) finish(completions[i], now);
    }
    publish_outstanding();
}

DatastoreMeter::Cycle* DatastoreMeter::cycle_of(std::uint64_t number) {
    const auto it = std::find_if(cycles_.begin(), cycles_.end(), [number](const Cycle& cycle) {
        return cycle.number == number;
    });
    return it == cycles_.end() ? nullptr : &*it;
}

void DatastoreMeter::finish(const DatastoreCompletion& completion, Instant now) {
    const bool write = completion.kind == DatastoreRequestKind::WriteSlot;
    if (completion.result != kNoResult) {
        store_.push(release_of(completion));
        store_.submit();
    }
    Cycle* cycle = cycle_of(completion.request.value());
    if (cycle == nullptr) return;
    OperationSeen& seen = result_.at(write ? Operation::Write : Operation::Scan);
    const bool done = completion.status == IoStatus::Done;
    if (done) {
        seen.record(since_begin(cycle->issued), completion.latency);
    } else {
        ++seen.errors;
        seen.last_errno = completion.system_errno;
    }
    if (write) {
        write_out_ = false;
        cycle->write_out = false;
        if (done) {
            written_issued_ = cycle->issued;
            result_.lease.renewed(cycle->issued, now);
            result_.worst_ns.store(result_.at(Operation::Write).worst.count());
        }
    } else {
        --scans_out_;
        cycle->scan_out = false;
        if (done && cycle->validates != kNotYet) result_.office.renewed(cycle->validates, now);
    }
    if (!cycle->write_out && !cycle->scan_out) finish_cycle(*cycle, now);
}

void DatastoreMeter::finish_cycle(Cycle& cycle, Instant now) {
    result_.at(Operation::Cycle).record(since_begin(cycle.issued), now - cycle.issued);
    cycle = {};
}

void DatastoreMeter::publish_outstanding() {
    Instant write = kNever;
    Instant scan = kNever;
    for (const Cycle& cycle : cycles_) {
        if (cycle.number == 0) continue;
        if (cycle.write_out) write = std::min(write, cycle.issued);
        if (cycle.scan_out) scan = std::min(scan, cycle.issued);
    }
    const auto put = [this](Operation operation, Instant since) {
        result_.at(operation).out_since.store(since == kNever ? 0
                                                              : since.time_since_epoch().count());
    };
    put(Operation::Write, write);
    put(Operation::Scan, scan);
}

}  // namespace holdfast::measure
