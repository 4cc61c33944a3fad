#include "engine/machine/host_lease.h"

namespace holdfast {

void HostLease::leader_answered(BeatNumber number) {
    const Issued& issued = beats_[number.value() % kBeatsKept];
    if (issued.number == number && issued.at > answered_issued_) answered_issued_ = issued.at;
}

void HostLease::update(Core& core, const SlotIo& slots) {
    const Duration lease = core.config.timing.lease;
    const Instant stored = slots.written_issued_by_majority(core);
    Instant ends = inherited_until_;
    LeaseSource source = inherited_until_ == kNotYet ? LeaseSource::None : LeaseSource::Inherited;
    if (stored != kNotYet && stored + lease > ends) {
        ends = stored + lease;
        source = LeaseSource::Storage;
    }
    if (answered_issued_ != kNotYet && answered_issued_ + lease > ends) {
        // Two sources in step change places with every beat; only a lead of an interval is worth a line.
        const bool storage_follows =
            stored != kNotYet && answered_issued_ - stored < 2 * core.config.timing.interval;
        ends = answered_issued_ + lease;
        source = storage_follows ? LeaseSource::Storage : LeaseSource::Leader;
    }
    ends_ = ends;
    if (source == source_) return;
    source_ = source;
    Trace line;
    line.code = TraceCode::LeaseRenewedBy;
    line.a = static_cast<std::int64_t>(source);
    core.trace(line);
}

void HostLease::drop() {
    inherited_until_ = kNotYet;
    answered_issued_ = kNotYet;
    ends_ = kNotYet;
    source_ = LeaseSource::None;
    beats_.fill({});
}

}  // namespace holdfast
