// What a starting or returning agent learns from the datastores before it writes anything: its own slot and its own roster, from
// a majority.  Incarnations that are durable before they are used rest on this (design section 3).
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

constexpr std::uint32_t kBootsPassedOver = 1000;  // that may lie on a lost list

}  // namespace

void EngineState::begin_reading() {
    // With nothing under way, the list of today is all that counts.
    core.quorum = Quorum{core.quorum.voters()};
    past.since = core.last_request;
    past.slot_mask = 0;
    past.roster_mask = 0;
    past.asked_at = kNotYet;
    slots.want_scan_now(core);
}

void EngineState::read_past() {
    if (past.asked_at != kNotYet && core.now < past.asked_at + core.config.timing.interval) return;
    past.asked_at = core.now;
    for (std::uint8_t d = 0; d < core.config.datastores_count; ++d) {
        if (!core.quorum.votes(d)) continue;
        if (((past.roster_mask | past.roster_asked) & 1U << d) != 0) continue;
        past.roster_asked = static_cast<std::uint8_t>(past.roster_asked | 1U << d);
        core.emit(ReadRoster{d, core.new_request(), core.config.self});
    }
}

// Only a majority of the voters is read before an incarnation is chosen.  A boot that ended while its number was on fewer of
// them may have left a greater one on the rest, or the same.
void EngineState::note_hidden(SlotIo::Disk& disk, const SlotView& view) const {
    const SlotRecord& record = view.record;
    const bool hidden = view.reading == SlotReading::Valid && core.incarnation.boot() != 0 &&
                        record.boot_id != core.config.boot_id &&
                        record.incarnation >= core.incarnation;
    disk.shows_own = !hidden;
    if (!hidden || planted(Mutant::HiddenWriteStillCounts)) return;
    disk.written = Sequence{};
    disk.written_issued = kNotYet;
    disk.validated = Sequence{};
    disk.validated_issued = kNotYet;
}

void EngineState::learn_own_slot(DatastoreIndex datastore, const SlotView& view) {
    if (view.reading == SlotReading::Valid && view.record.host_uuid != core.config.host_uuid) {
        if (phase == HostPhase::Refused) return;
        Trace line;
        line.code = TraceCode::DuplicateHost;
        line.who = {view.record.host, view.record.incarnation};
        line.a = datastore;
        core.trace(line);
        if (phase == HostPhase::Member) {
            lapse();
        } else {
            change_phase(PhaseInput::DuplicateSeen);
        }
        return;
    }
    if (view.reading == SlotReading::Unusable) return;
    note_hidden(slots.disk(datastore), view);
    if (!core.quorum.votes(datastore)) return;
    past.slot_mask = static_cast<std::uint8_t>(past.slot_mask | 1U << datastore);
    if (view.reading != SlotReading::Valid) return;
    const SlotRecord& record = view.record;
    const bool newer =
        !past.slot_found || record.incarnation > past.slot.incarnation ||
        (record.incarnation == past.slot.incarnation && record.sequence > past.slot.sequence);
    if (!newer) return;
    past.slot = record;
    past.slot_found = true;
    membership.note(record.config, record.host);
}

void EngineState::learn_own_roster(const RosterRead& read) {
    if (read.datastore >= core.config.datastores_count) return;
    past.roster_asked = static_cast<std::uint8_t>(past.roster_asked & ~(1U << read.datastore));
    if (read.request <= past.since) return;
    if (read.reading == RegionReading::Unusable) return;
    past.roster_mask = static_cast<std::uint8_t>(past.roster_mask | 1U << read.datastore);
    if (past.known || read.reading != RegionReading::Valid)
        return;  // in a later reading, memory knows better
    if (past.roster_found && read.roster->version <= own_roster.version) return;
    own_roster = *read.roster;
    past.roster_found = true;
}

bool EngineState::learn_past() {
    read_past();
    core.wake_at(past.asked_at + core.config.timing.interval);
    const Quorum quorum = planted(Mutant::PastFromMinority) ? core.quorum.of_one() : core.quorum;
    if (!quorum.holds(past.slot_mask) || !quorum.holds(past.roster_mask)) return false;
    if (!membership.current()) return false;  // the list of datastores may be another by now
    if (past.known) return true;
    past.known = true;
    if (past.slot_found) {
        leadership.recall(
            past.slot.ballot, past.slot.decided_epoch, past.slot.winner, past.slot.resigned_epoch);
        roster_writer.recall(past.slot.roster_version);
        orders_writer.recall(past.slot.orders_version);
        own_slot.roster_version = past.slot.roster_version;
        own_slot.orders_version = past.slot.orders_version;
        own_slot.config = std::max(own_slot.config, past.slot.config);
    }
    load_own_roster();
    reconcile_claims();
    return true;
}

void EngineState::settle_past() {
    if (!learn_past()) return;
    choose_incarnation();
    // A restart part is persisted before it is written, a boot part after it: then no agent of this boot uses one that a
    // majority does not hold.
    const bool boot_is_new = core.incarnation.boot() != persisted.boot();
    const bool ready = boot_is_new ? persisted.restart() >= core.incarnation.restart()
                                   : persisted == core.incarnation;
    if (!ready) return;
    change_phase(PhaseInput::PastKnown);
    if (phase != HostPhase::Writing) return;
    incarnation_sequence = next_sequence();
    // Versions carry the incarnation in front, so that they grow even where the newest one was on a minority only.
    const Version floor{(core.incarnation.boot() & std::uint64_t{0xffff}) << 48U |
                        (core.incarnation.restart() & std::uint64_t{0xffff}) << 32U};
    if (!planted(Mutant::VersionsBeginAgain)) {
        roster_writer.recall(floor);
        orders_writer.recall(floor);
        config_writer.recall(floor);
    }
    roster_writer.touch();
    if (!membership.number().epoch.is_none()) config_writer.touch();
    config_sequence = incarnation_sequence;
    slots.forget_writes();
    Trace line;
    line.code = TraceCode::IncarnationTaken;
    line.who = core.self_key();
    core.trace(line);
}

void EngineState::choose_incarnation() {
    Incarnation seen = past.slot_found ? past.slot.incarnation : Incarnation{};
    // Datastores that were replaced while this host was away have no slot of its; the record knows its last life.
    const ClusterMember* self = membership.held().find(core.config.self);
    if (!past.slot_found && self != nullptr) seen = self->counted;
    const ConfigNumber lost = membership.held().list_lost;
    const bool stale = !voters_left.empty() || (lost != ConfigNumber{} && past.slot.config < lost);
    // What is left of a list that was lost may not show this host's last life.
    if (stale && core.incarnation.boot() == 0) {
        if (self != nullptr) seen = std::max(seen, self->counted);
        seen = {seen.boot() + kBootsPassedOver, 0};
    }
    Incarnation chosen = core.incarnation;
    if (chosen.boot() == 0) {
        chosen = {seen.boot() + 1, std::max(1U, chosen.restart())};
    } else if (planted(Mutant::IncarnationReused) ? seen > chosen : seen >= chosen) {
        const bool same_boot =
            past.slot.boot_id == core.config.boot_id && seen.boot() == chosen.boot();
        chosen = same_boot ? Incarnation{seen.boot(), seen.restart() + 1}
                           : Incarnation{seen.boot() + 1, 1};
    }
    if (chosen == core.incarnation) return;
    core.incarnation = chosen;
    Membership::forget_greetings(peers);
    if (chosen.boot() == persisted.boot()) core.emit(PersistIncarnation{chosen});
}

void EngineState::load_own_roster() {
    if (!past.roster_found) return;
    roster_writer.recall(own_roster.version);
    const bool same_boot = own_roster.boot_id == core.config.boot_id;
    for (const Claim& claim : own_roster.claims) {
        OwnVm* own = vms.find_or_add(claim.spec);
        if (own == nullptr) continue;
        own->claim = claim;
        own->listed = true;
        // A migration that comes in is given back as if not asked; one of an earlier boot ended with that boot.
        own->before.spec = claim.spec;
        if (claim.state == ClaimState::Arriving) own->listed = same_boot;
        // The VMs of an earlier boot ended with it; they should run, here or elsewhere.
        if (!same_boot && claim.holds()) own->claim.state = ClaimState::WantsStart;
    }
}

void EngineState::settle_writing() {
    if (slots.written_by_majority(core) < incarnation_sequence) return;
    if (core.incarnation != persisted) {
        if (persist_asked != core.incarnation) core.emit(PersistIncarnation{core.incarnation});
        persist_asked = core.incarnation;
        return;
    }
    if (!lease.held(core.now)) return;  // the write took longer than the lease that it gave
    change_phase(PhaseInput::IncarnationHeld);
    doorbell = true;
}

}  // namespace holdfast
