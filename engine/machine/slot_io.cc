#include "engine/machine/slot_io.h"

#include "engine/base/mutant.h"

namespace holdfast {

Sequence SlotIo::written_by_majority(const Core& core) const {
    const Quorum quorum = planted(Mutant::ClaimOnMinority) ? core.quorum.of_one() : core.quorum;
    return quorum.reached<Sequence>([this](std::size_t i) { return disks_[i].written; });
}

Instant SlotIo::written_issued_by_majority(const Core& core) const {
    const Quorum quorum = planted(Mutant::LeaseFromMinority) ? core.quorum.of_one() : core.quorum;
    return quorum.reached<Instant>([this](std::size_t i) { return disks_[i].written_issued; });
}

Sequence SlotIo::validated_by_majority(const Core& core) const {
    const Quorum quorum = planted(Mutant::PhaseOnMinority) ? core.quorum.of_one() : core.quorum;
    return quorum.reached<Sequence>([this](std::size_t i) { return disks_[i].validated; });
}

Instant SlotIo::validated_issued_by_majority(const Core& core) const {
    return core.quorum.reached<Instant>(
        [this](std::size_t i) { return disks_[i].validated_issued; });
}

Sequence SlotIo::completed_by_majority(const Core& core) const {
    return core.quorum.reached<Sequence>(
        [this](std::size_t i) { return std::min(disks_[i].written, disks_[i].round_scanned); });
}

bool SlotIo::scanned_clean_since(const Core& core, RequestId request) const {
    const bool all = planted(Mutant::ScanWithoutNewMember);
    return core.quorum.reached<RequestId>([this](std::size_t i) {
        return disks_[i].scanned_clean;
    }) > std::max(request, all ? request : core.listed_since);
}

void SlotIo::want_scan_now(const Core& core) {
    for (std::size_t i = 0; i < disks_count_; ++i) disks_[i].scan_wanted_after = core.last_request;
}

void SlotIo::want_scan_issued_since(const Core& core, Instant instant) {
    for (std::size_t i = 0; i < disks_count_; ++i) {
        if (disks_[i].scan_issued_last_at < instant)
            disks_[i].scan_wanted_after = core.last_request;
    }
}

std::uint32_t SlotIo::lost_mask() const {
    std::uint32_t mask = 0;
    for (std::size_t i = 0; i < disks_count_; ++i) mask |= disks_[i].usable ? 0U : 1U << i;
    return mask;
}

bool SlotIo::sees_majority(const Core& core) const {
    std::uint8_t seeing = 0;
    for (std::size_t i = 0; i < disks_count_; ++i) {
        const Disk& disk = disks_[i];
        if (disk.scan_done_at != kNotYet &&
            core.now - disk.scan_done_at <= core.config.timing.silent)
            seeing = static_cast<std::uint8_t>(seeing | 1U << i);
    }
    return core.quorum.holds(seeing);
}

void SlotIo::forget_writes() {
    for (Disk& disk : disks_) {
        disk.write_counts = planted(
            Mutant::WritesOfThePastCount);  // its answer frees the datastore, and that is all
        disk.written = Sequence{};
        disk.written_issued = kNotYet;
        disk.validated = Sequence{};
        disk.validated_issued = kNotYet;
        disk.round_scanned = Sequence{};
        for (Scan& scan : disk.scans) {
            scan.round = Sequence{};
            scan.validates = Sequence{};
            scan.validates_issued = kNotYet;
        }
    }
}

}  // namespace holdfast
