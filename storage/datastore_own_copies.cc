// What a datastore knows of this host's own copies: which are good, and whether a predecessor's write
// may still land on them.
#include <algorithm>
#include <cerrno>
#include <iterator>

#include "storage/blocking_read.h"
#include "storage/clock.h"
#include "storage/datastore_core.h"
#include "storage/datastore_decoded.h"

namespace holdfast {

namespace {

using Kind = DatastoreRequestKind;

constexpr Duration kVerificationInterval = std::chrono::milliseconds{500};

constexpr IntentKind kEveryIntent[] = {
    IntentKind::Slot, IntentKind::Roster, IntentKind::Orders, IntentKind::Config};

// The read that shows both own copies of what an intent concerns.
Kind read_kind_of(IntentKind kind) {
    switch (kind) {
        case IntentKind::Slot: return Kind::ScanSlots;
        case IntentKind::Roster: return Kind::ReadRoster;
        case IntentKind::Orders: return Kind::ReadOrders;
        case IntentKind::Config: return Kind::ReadConfig;
    }
    return Kind::ScanSlots;
}

}  // namespace

// Best effort: what cannot be read now is looked at again while the loop runs.
std::optional<Error> Datastore::Core::look_at_own_copies(Duration timeout) {
    for (const auto kind : {DatastoreRequestKind::ScanSlots,
                            DatastoreRequestKind::ReadRoster,
                            DatastoreRequestKind::ReadOrders,
                            DatastoreRequestKind::ReadConfig}) {
        DatastoreRequest request;
        request.kind = kind;
        request.first = options_.host;
        request.last = options_.host;
        const std::span<std::byte> buffer = memory_.region_bytes(0);
        const auto plan =
            plan_request(request, superblock_.geometry, options_.host, Copy::A, buffer.size());
        if (!plan) continue;
        const std::span<std::byte> copies = buffer.first(plan->length_bytes);
        const auto error = blocking_read(*backend_, copies, plan->offset_bytes, timeout);
        if (!error) look_at_copies(kind, copies, memory_.decoded().regions[0], true);
        if (error && error->system_errno == ETIMEDOUT) return error;
    }
    return std::nullopt;
}

// A predecessor's write may still land there, or we do not know which copy is good.
bool Datastore::Core::to_be_looked_at(IntentKind kind) const {
    return intents_.inherited(kind).open || !choices_[static_cast<std::size_t>(kind)].next();
}

bool Datastore::Core::write_under_way(IntentKind kind) const {
    return std::any_of(pending_.begin(), pending_.end(), [kind](const Pending& pending) {
        return pending.used && intent_of(pending.request.kind) == kind;
    });
}

void Datastore::Core::mark_reads_disturbed(IntentKind kind) {
    for (Pending& pending : pending_) {
        if (pending.used && shown_by(pending.request.kind) == kind) pending.quiet = false;
    }
}

// A write may have been held for its companion while its choice of copy was forgotten.
void Datastore::Core::refuse_writes_without_a_copy() {
    for (std::size_t i = batch_.size(); i-- > 0;) {
        Pending& pending = pending_[static_cast<std::size_t>(batch_[i].token)];
        const auto written = intent_of(pending.request.kind);
        if (!written || choice_of(*written).next()) continue;
        write_in_flight_[static_cast<std::size_t>(pending.request.kind)] = false;
        fail(pending.request, EAGAIN);
        pending = Pending{};
        batch_.remove_at(i);
    }
}

// While there is something to be looked at: one read of our own copies now and then, of one kind
// after the other.
void Datastore::Core::start_verification() {
    const bool wanted = std::any_of(std::begin(kEveryIntent),
                                    std::end(kEveryIntent),
                                    [this](IntentKind kind) { return to_be_looked_at(kind); });
    if (!wanted || !waiting_.empty()) return;
    const Instant now = boottime_now();
    const std::uint8_t result = free_result(Kind::ReadRoster);
    if (now < next_verification_at_ || result == kNoResult) return;
    next_verification_at_ = now + kVerificationInterval;
    for (std::size_t i = 0; i < kIntentKinds; ++i) {
        const auto intent = static_cast<IntentKind>((next_verification_kind_ + i) % kIntentKinds);
        if (!to_be_looked_at(intent)) continue;
        next_verification_kind_ = (static_cast<std::size_t>(intent) + 1) % kIntentKinds;
        DatastoreRequest request;
        request.kind = read_kind_of(intent);
        request.first = options_.host;
        request.last = options_.host;
        start(request, result, true);
        return;
    }
}

void Datastore::Core::finish_verification(const Pending& pending, bool succeeded) {
    result_taken_[pending.result] = false;
    if (!succeeded) return;
    look_at_copies(pending.request.kind,
                   buffer_of(pending).first(pending.plan.length_bytes),
                   memory_.decoded().regions[pending.result - std::size_t{kFirstRegionResult}],
                   pending.quiet);
}

// `copies` are this host's own; rejects are not counted, because nobody asked for this read.
void Datastore::Core::look_at_copies(Kind kind,
                                     std::span<const std::byte> copies,
                                     DecodedRegion& scratch,
                                     bool quiet) {
    const BlockContext context = context_of(options_.host);
    if (kind == Kind::ScanSlots) {
        note_own_copies(IntentKind::Slot, look_at_own_slot(copies, context, intents_), quiet);
        return;
    }
    RejectCounters not_counted;
    const RegionOutcome outcome = decode_region(
        kind, copies, context, scratch, memory_.decoded().other_copy, not_counted, &intents_);
    if (const auto own = shown_by(kind)) note_own_copies(*own, outcome.copies, quiet);
}

// A late write that has landed may have replaced what we took for the newest.  What a read shows
// while we write ourselves may be gone again when it arrives.
void Datastore::Core::note_own_copies(IntentKind kind, const ShownCopies& shown, bool quiet) {
    CopyChoice& choice = choice_of(kind);
    if (shown.late_write_landed) choice.forget();
    if (quiet && !choice.next()) choice.learn(shown.newest);
}

}  // namespace holdfast
