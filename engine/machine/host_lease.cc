#include "engine/machine/host_lease.h"

#include "engine/base/mutant.h"

namespace holdfast {

Instant HostLease::issued_at(BeatNumber number) const {
    const Issued& issued = beats_[number.value() % kBeatsKept];
    return issued.number == number ? issued.at : kNotYet;
}

void HostLease::leader_answered(BeatNumber number) {
    answered_issued_ = std::max(answered_issued_, issued_at(number));
}

void HostLease::update(Core& core, const SlotIo& slots, const LeaseTerms& terms) {
    if (!terms.barred || planted(Mutant::BarredLeaseWithoutScan)) {
        stored_issued_ = std::max(stored_issued_, slots.written_issued_by_majority(core));
    } else if (terms.config_current) {
        stored_issued_ = std::max(stored_issued_, slots.validated_issued_by_majority(core));
    }
    Instant vouched = vouched_issued_;
    if (terms.vouching_limited && vouched > renewed_otherwise() &&
        !planted(Mutant::BlackoutWithoutLimit)) {
        const bool kept = terms.blackout_kept || planted(Mutant::LimitNotKept);
        const Instant limit = kept && renewed_otherwise() != kNotYet
                                  ? renewed_otherwise() + terms.blackout_limit
                                  : renewed_otherwise();
        vouched = std::min(vouched, limit);
    }
    // What counted once goes on counting: a lease is not shortened afterwards.
    vouched_counted_ = std::max(vouched_counted_, vouched);
    const Instant stored = stored_issued_;
    const Instant renewed = std::max({stored, answered_issued_, vouched_counted_});
    Instant ends = inherited_until_;
    LeaseSource source = inherited_until_ == kNotYet ? LeaseSource::None : LeaseSource::Inherited;
    // What would be over already is no lease, so none is lost by it.
    if (renewed != kNotYet && renewed + core.config.timing.lease > std::max(ends, core.now)) {
        ends = renewed + core.config.timing.lease;
        // Sources in step change places with every beat; who carries the lease is the first that keeps up.
        const Instant in_step = renewed - 2 * core.config.timing.interval;
        source = stored >= in_step             ? LeaseSource::Storage
                 : answered_issued_ >= in_step ? LeaseSource::Leader
                                               : LeaseSource::Vouching;
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
    stored_issued_ = kNotYet;
    answered_issued_ = kNotYet;
    vouched_issued_ = kNotYet;
    vouched_counted_ = kNotYet;
    ends_ = kNotYet;
    source_ = LeaseSource::None;
    beats_.fill({});
}

}  // namespace holdfast
