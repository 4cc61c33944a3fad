#include "storage/datastore.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/base/mutant.h"
#include "storage/clock.h"
#include "storage/datastore_core.h"
#include "storage/datastore_decoded.h"
#include "storage/region_decode.h"
#include "storage/slot_format.h"

namespace holdfast {

namespace {

using Kind = DatastoreRequestKind;

std::size_t index_of(Kind kind) {
    return static_cast<std::size_t>(kind);
}

}  // namespace

Datastore::Core::Core(const DatastoreOptions& options,
                      DatastoreMemory& memory,
                      std::unique_ptr<IoBackend> backend,
                      const Superblock& superblock,
                      IntentFile intents,
                      std::optional<Copy> first_copy)
    : options_(options),
      memory_(memory),
      superblock_(superblock),
      backend_(std::move(backend)),
      intents_(std::move(intents)) {
    choices_.fill(CopyChoice{first_copy});
}

Datastore::Core::~Core() {
    // What hangs goes on in the kernel and may still write to its buffer.
    if (backend_->in_flight() > 0) memory_.abandon();
}

void Datastore::Core::adopt(BlockTarget target, std::string backend_reason) {
    target_ = std::move(target);
    backend_reason_ = std::move(backend_reason);
}

std::uint8_t Datastore::Core::free_result(Kind kind) const {
    const std::size_t begin = kind == Kind::ScanSlots ? 0 : kFirstRegionResult;
    const std::size_t end = kind == Kind::ScanSlots ? memory_.scans_count() : result_taken_.size();
    for (std::size_t i = begin; i < end; ++i) {
        if (!result_taken_[i]) return static_cast<std::uint8_t>(i);
    }
    return kNoResult;
}

std::span<std::byte> Datastore::Core::buffer_of(const Pending& pending) const {
    if (is_write(pending.request.kind)) return memory_.payload(pending.request.kind);
    if (pending.result < kFirstRegionResult) return memory_.scan_bytes(pending.result);
    return memory_.region_bytes(pending.result - std::size_t{kFirstRegionResult});
}

void Datastore::Core::push(const DatastoreRequest& request) {
    if (request.kind == Kind::Release) {
        HF_CHECK(request.result < result_taken_.size() && result_taken_[request.result]);
        result_taken_[request.result] = false;
        return;
    }
    ++unanswered_;
    held_ = request.with_next;
    if (is_write(request.kind)) {
        HF_CHECK(!write_in_flight_[index_of(request.kind)]);
        start(request, kNoResult, false);
        return;
    }
    const std::uint8_t result = free_result(request.kind);
    if (result != kNoResult) {
        start(request, result, false);
    } else if (!waiting_.try_push(request)) {
        fail(request, EBUSY);
    }
}

void Datastore::Core::start(const DatastoreRequest& request,
                            std::uint8_t result,
                            bool verification) {
    const auto free =
        std::find_if(pending_.begin(), pending_.end(), [](const Pending& p) { return !p.used; });
    if (free == pending_.end() || batch_.full()) {
        if (!verification) fail(request, EBUSY);
        return;
    }
    const auto written = intent_of(request.kind);
    const auto copy = written ? choice_of(*written).next() : Copy::A;
    if (!copy) {
        fail(request, EAGAIN);
        return;
    }
    Pending pending{true, verification, true, result, request, {}, kNotYet};
    if (const auto shown = shown_by(request.kind)) pending.quiet = !write_under_way(*shown);
    const std::span<std::byte> buffer = buffer_of(pending);
    const auto plan =
        plan_request(request, superblock_.geometry, options_.host, *copy, buffer.size());
    if (!plan) {
        if (!verification) fail(request, EINVAL);
        return;
    }
    pending.plan = *plan;
    if (result != kNoResult) result_taken_[result] = true;
    if (is_write(request.kind)) write_in_flight_[index_of(request.kind)] = true;
    if (written) mark_reads_disturbed(*written);
    *free = pending;
    const auto token = static_cast<std::uint64_t>(free - pending_.begin());
    batch_.push(
        IoOperation{plan->io, token, buffer.data(), plan->length_bytes, plan->offset_bytes});
}

// Answers without I/O.
void Datastore::Core::fail(const DatastoreRequest& request, int system_errno) {
    DatastoreCompletion completion;
    completion.kind = request.kind;
    completion.request = request.request;
    completion.first = request.first;
    completion.system_errno = system_errno;
    completion.reject =
        Reject{RejectCode::ReadFailed, 0, static_cast<std::uint64_t>(system_errno), 0};
    ready_.push(completion);
}

void Datastore::Core::start_waiting() {
    FixedList<DatastoreRequest, kWaitingMax> still_waiting;
    for (const DatastoreRequest& request : waiting_) {
        const std::uint8_t result = free_result(request.kind);
        if (result == kNoResult) {
            still_waiting.push(request);
        } else {
            start(request, result, false);
        }
    }
    waiting_ = still_waiting;
}

void Datastore::Core::submit() {
    if (held_) return;
    start_waiting();
    start_verification();
    refuse_writes_without_a_copy();
    const Instant now = boottime_now();
    for (const IoOperation& operation : batch_) {
        Pending& pending = pending_[static_cast<std::size_t>(operation.token)];
        pending.submitted_at = now;
        if (const auto intent = intent_of(pending.request.kind)) {
            intents_.begin(*intent, pending.request.incarnation, pending.request.number);
        }
    }
    backend_->submit(batch_.span());
    batch_.clear();
}

std::size_t Datastore::Core::reap(std::span<DatastoreCompletion> completions) {
    std::size_t count = 0;
    while (count < completions.size() && !ready_.empty()) {
        completions[count++] = ready_[0];
        ready_.remove_at(0);
    }
    Instant now = kNotYet;
    while (count < completions.size()) {
        IoCompletion io;
        if (backend_->reap({&io, 1}) == 0) break;
        if (now == kNotYet) now = boottime_now();
        if (finish(io, now, completions[count])) ++count;
    }
    unanswered_ -= count;
    return count;
}

bool Datastore::Core::finish(const IoCompletion& io, Instant now, DatastoreCompletion& completion) {
    HF_CHECK(io.token < pending_.size() && pending_[static_cast<std::size_t>(io.token)].used);
    Pending& slot = pending_[static_cast<std::size_t>(io.token)];
    const Pending pending = slot;
    slot = Pending{};
    const bool succeeded = io.result == static_cast<std::int32_t>(pending.plan.length_bytes);
    completion = DatastoreCompletion{};
    completion.kind = pending.request.kind;
    completion.request = pending.request.request;
    completion.first = pending.request.first;
    completion.latency = now - pending.submitted_at;
    if (succeeded) {
        completion.status = IoStatus::Done;
        if (!pending.verification)
            latencies_[index_of(pending.request.kind)].record(completion.latency);
    } else {
        ++errors_;
        completion.system_errno = io.result < 0 ? -io.result : 0;
        last_errno_ = completion.system_errno;
        completion.reject =
            Reject{RejectCode::ReadFailed, 0, static_cast<std::uint64_t>(last_errno_), 0};
    }
    if (is_write(pending.request.kind)) {
        finish_write(pending, completion);
    } else if (pending.verification) {
        finish_verification(pending, succeeded);
        return false;
    } else if (!succeeded) {
        result_taken_[pending.result] = false;
    } else if (pending.request.kind == Kind::ScanSlots) {
        finish_scan(pending, completion);
    } else {
        finish_region(pending, completion);
    }
    return true;
}

void Datastore::Core::finish_write(const Pending& pending, DatastoreCompletion& completion) {
    write_in_flight_[index_of(pending.request.kind)] = false;
    completion.reject = Reject{};
    const auto intent = intent_of(pending.request.kind);
    if (!intent) return;
    intents_.end(*intent);
    if (completion.status != IoStatus::Done) return;
    choice_of(*intent).written();
    // A late write of the same kind may land on the very copy just written.  The slot vouches for
    // everything else, so any late write counts against it.
    const bool tainted =
        *intent == IntentKind::Slot ? intents_.tainted() : intents_.tainted(*intent);
    if (tainted && !planted(Mutant::TaintedDatastoreVotes)) {
        completion.tainted = true;
        completion.status = IoStatus::Failed;
    }
}

void Datastore::Core::finish_scan(const Pending& pending, DatastoreCompletion& completion) {
    const std::size_t hosts = pending.plan.length_bytes / kSlotBytes;
    const std::span<const std::byte> bytes = buffer_of(pending).first(pending.plan.length_bytes);
    std::span<SlotView> views = memory_.decoded().scans[pending.result];
    const HostId first = pending.request.first;
    decode_scan(bytes, superblock_.cluster, first, views.first(hosts), rejects_);
    const auto own = static_cast<std::size_t>(options_.host.value() - first.value());
    if (own < hosts && to_be_looked_at(IntentKind::Slot)) {
        note_own_copies(
            IntentKind::Slot,
            look_at_own_slot(
                bytes.subspan(own * kSlotBytes, kSlotBytes), context_of(options_.host), intents_),
            pending.quiet);
    }
    completion.slots = views.first(hosts);
    completion.result = pending.result;
}

void Datastore::Core::finish_region(const Pending& pending, DatastoreCompletion& completion) {
    const Kind kind = pending.request.kind;
    const std::span<const std::byte> bytes = buffer_of(pending).first(pending.plan.length_bytes);
    completion.result = pending.result;
    if (kind == Kind::ReadHeap || kind == Kind::ReadRecorder) {
        completion.bytes = bytes.subspan(pending.plan.skip_bytes, pending.plan.wanted_bytes);
        return;
    }
    DecodedRegion& decoded =
        memory_.decoded().regions[pending.result - std::size_t{kFirstRegionResult}];
    const HostId host = pending.request.first;
    IntentFile* own_intents = host == options_.host ? &intents_ : nullptr;
    const RegionOutcome outcome = decode_region(kind,
                                                bytes,
                                                context_of(host),
                                                decoded,
                                                memory_.decoded().other_copy,
                                                rejects_,
                                                own_intents);
    if (const auto own = shown_by(kind); own && host == options_.host)
        note_own_copies(*own, outcome.copies, pending.quiet);
    completion.reading = outcome.reading;
    completion.reject = outcome.reject;
    if (outcome.reading != RegionReading::Valid) {
        result_taken_[pending.result] = false;
        completion.result = kNoResult;
        return;
    }
    if (kind == Kind::ReadRoster) completion.roster = &decoded.roster;
    if (kind == Kind::ReadOrders) completion.orders = &decoded.orders;
    if (kind == Kind::ReadConfig) completion.config = &decoded.config;
}

DatastoreHealth Datastore::Core::health() const {
    DatastoreHealth health;
    health.in_flight = backend_->in_flight();
    health.tainted = intents_.tainted();
    health.errors = errors_;
    health.last_errno = last_errno_;
    health.rejects = rejects_;
    const Instant now = boottime_now();
    for (const Pending& pending : pending_) {
        if (!pending.used || pending.submitted_at == kNotYet ||
            now - pending.submitted_at <= health.oldest_age)
            continue;
        health.oldest_age = now - pending.submitted_at;
        health.oldest_kind = pending.request.kind;
    }
    health.late = health.oldest_age >= options_.late_after;
    return health;
}

// ---- the public face

Datastore::Datastore(std::unique_ptr<Core> core) : core_(std::move(core)) {}

Datastore::~Datastore() = default;

void Datastore::push(const DatastoreRequest& request) {
    core_->push(request);
}

void Datastore::submit() {
    core_->submit();
}

void Datastore::wait(Duration timeout) {
    core_->wait(timeout);
}

std::size_t Datastore::reap(std::span<DatastoreCompletion> completions) {
    return core_->reap(completions);
}

const Superblock& Datastore::superblock() const {
    return core_->superblock();
}

const std::string& Datastore::backend_reason() const {
    return core_->backend_reason();
}

bool Datastore::tainted() const {
    return core_->tainted();
}

DatastoreHealth Datastore::health() const {
    return core_->health();
}

const LatencyHistogram& Datastore::latency(DatastoreRequestKind kind) const {
    return core_->latency(kind);
}

std::size_t Datastore::unanswered() const {
    return core_->unanswered();
}

}  // namespace holdfast
