// Who is dead, and by what proof (design sections 5 and 8).  Only the leader judges, and nothing but a proof in this file opens
// the way to a restart.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

// How long `peer` must have been silent, from what it published.
Duration needed_silence(const Timing& timing, const Peer& peer) {
    const Duration lease = peer.lease();
    const Duration watchdog = peer.watchdog();
    if (planted(Mutant::DeadByOwnValues)) return timing.dead;
    if (planted(Mutant::DeadWithoutDrift))
        return lease + 2 * watchdog + timing.granularity + timing.landing;
    if (planted(Mutant::DeadWithoutLanding))
        return with_drift(lease + 2 * watchdog + timing.granularity);
    if (planted(Mutant::DeadAfterOneWatchdog)) return timing.dead - watchdog;
    return dead_after(timing, lease, watchdog);
}

}  // namespace

// Something new was heard of `host`.
void EngineState::look_again(HostId host) {
    rosters.look_at(host);
    restless.insert(host);
}

void EngineState::watch_deaths() {
    const bool watched = watching;
    const bool in_office =
        leads_in_force() || (leadership.leading(core.now) && planted(Mutant::JudgesBeforeRecord));
    watching = in_office && phase == HostPhase::Member;
    if (!watching) return;
    if (beat_due || !watched) {
        restless.clear();
        for (Peer& peer : peers.all()) watch_death(peer);
    } else {
        restless.for_each([this](HostId host) { watch_death(*peers.find(host)); });
    }
}

void EngineState::watch_death(Peer& peer) {
    if (peer.known() && !peer.incarnation.is_none()) {
        watch_reboot(peer);
        if (!peer.is_dead(peer.incarnation)) watch_silence(peer);
        if (!peer.is_dead(peer.incarnation)) watch_from_outside(peer);
    }
    if (rests_until_next_beat(peer)) {
        restless.erase(peer.id);
    } else {
        restless.insert(peer.id);
    }
}

// Whether neither the clock nor another host's word can matter for `peer` before everybody is looked at again, one beat from now:
// nothing is being waited for, and it is dead, or has shown life so lately that not even its lease can be over.
bool EngineState::rests_until_next_beat(const Peer& peer) const {
    if (!peer.known() || peer.incarnation.is_none()) return true;
    if (has_rebooted(peer)) return false;
    if (peer.is_dead(peer.incarnation)) return true;
    const Fence& fence = fence_of(peer);
    const Duration margin = 4 * core.config.timing.interval;
    return fence.request.is_none() && fence.proved_at == kNotYet &&
           core.now + margin < peer.evidence_at + peer.lease();
}

// From when on the silence of a host counts.  The last leader may have answered it until its own lease ended; it cannot have
// answered itself.
Instant EngineState::silence_began(const Peer& peer) const {
    const HostKey key{peer.id, peer.incarnation};
    // Before the last change of the list of datastores, it may have written where nobody looks any more.
    const Instant began = std::max(peer.evidence_at, voters_changed_at);
    if (planted(Mutant::ThirdHostIsEvidence)) {
        for (const Peer& other : peers.all())
            if (other.slot.heard.contains(peer.id)) return core.now;
    }
    return key == leadership.previous_winner() || planted(Mutant::PreviousOfficeNotCounted)
               ? began
               : std::max(began, leadership.answers_ended_at());
}

// Whether reads from a majority that were issued at `due` or later show nothing newer; if not, sees to it that they will.
bool EngineState::silent_since(const Peer& peer, Instant due, std::uint8_t& readings) {
    readings = 0;
    if (core.now < due) {
        if (due - core.now < 2 * core.config.timing.interval) core.wake_at(due);
        return false;
    }
    const Instant read_after = planted(Mutant::VerdictReadTooEarly) ? silence_began(peer) : due;
    for (std::size_t d = 0; d < core.config.datastores_count; ++d) {
        if (core.quorum.votes(d) && peer.read_issued[d] != kNotYet &&
            peer.read_issued[d] >= read_after)
            ++readings;
    }
    const Instant read_at = planted(Mutant::VerdictFromMinority)
                                ? peer.read_by(core.quorum.of_one())
                                : peer.read_by(core.quorum);
    if (read_at >= read_after) return true;
    slots.want_scan_issued_since(core, due);
    return false;
}

// Silence is a proof after start + dead, by reads from a majority that were issued after that and show nothing newer.  A newer
// sight moves `start`, so "show nothing newer" needs no bookkeeping of its own.
void EngineState::watch_silence(Peer& peer) {
    const SeenSlot& slot = peer.slot;
    const bool clean =
        peer.slot_seen && slot.flags.clean_shutdown && slot.incarnation == peer.incarnation;
    if (clean) {
        Certificate certificate;
        certificate.proof = Proof::CleanShutdown;
        certificate.dead = {peer.id, peer.incarnation};
        return certify(peer, certificate);
    }
    const HostKey key{peer.id, peer.incarnation};
    const Timing& timing = core.config.timing;
    const bool held_nothing = peer.slot_seen && slot.flags.no_vms;
    const Duration dead = held_nothing && planted(Mutant::NoVmsIsProof)
                              ? timing.silent
                              : needed_silence(timing, peer);
    std::uint8_t readings = 0;
    if (!silent_since(peer, silence_began(peer) + dead, readings)) return;
    const bool hardware = peer.watchdog_class() == WatchdogClass::Hardware && peer.slot_seen &&
                          (slot.flags.armed || planted(Mutant::DeadWithoutArming));
    if (!hardware && !held_nothing && !membership.held().accept_weak_watchdog &&
        !planted(Mutant::DeadWithoutWatchdog))
        return;  // silent for ever, until another proof comes
    Certificate certificate;
    certificate.dead = key;
    certificate.proof = hardware || held_nothing ? Proof::VerdictRead : Proof::AcceptedRisk;
    certificate.silence = core.now - peer.evidence_at;
    certificate.dead_after = dead;
    certificate.readings = readings;
    certify(peer, certificate);
}

// A newer boot of the same host ended everything that an older boot ran.  Writes of the old boot may still be on their way for
// `landing`.
bool EngineState::has_rebooted(const Peer& peer) const {
    const RosterTable::Known* known = rosters.find(peer.id);
    if (known == nullptr || !known->valid || known->incarnation.is_none()) return false;
    const bool other_boot =
        known->boot_id != peer.boot_id || planted(Mutant::NewerIncarnationIsReboot);
    return other_boot && known->incarnation < peer.incarnation && !peer.is_dead(known->incarnation);
}

void EngineState::watch_reboot(Peer& peer) {
    if (!has_rebooted(peer)) return;
    const Instant due = peer.booted_seen_at + core.config.timing.landing;
    if (core.now < due && !planted(Mutant::RebootWithoutLanding)) return core.wake_at(due);
    Certificate certificate;
    certificate.dead = {peer.id, rosters.find(peer.id)->incarnation};
    certificate.proof = Proof::NewerBoot;
    certify(peer, certificate);
}

void EngineState::certify(Peer& peer, const Certificate& proposed) {
    Certificate certificate = proposed;
    certificate.epoch = leadership.decided_epoch();
    certificate.judge = core.config.self;
    certificate.majority = static_cast<std::uint8_t>(core.quorum.majority());
    certificate.watchdog_class = peer.watchdog_class();
    certificate.last_sequence = peer.slot_seen ? peer.slot.sequence : Sequence{};
    certificate.last_beat = peer.beat_seen ? peer.beat.number : BeatNumber{};
    proofs[static_cast<std::size_t>(&peer - peers.all().data())] = certificate;
    look_for_unread_dead();
    keep_certificate(peer);
    remember_mark({certificate.dead, MarkKind::Certificate});
    touch_slot();

    peer.certified_dead = std::max(peer.certified_dead, certificate.dead.incarnation);
    peer.certified_after = core.last_request;
    rosters.want(core, peer.id);
    plan_due = true;
    Trace line;
    line.code = TraceCode::DeclaredDead;
    line.who = certificate.dead;
    line.epoch = certificate.epoch;
    line.a = static_cast<std::int64_t>(certificate.proof);
    line.b = certificate.readings;
    line.span = certificate.silence;
    core.trace(line);
}

}  // namespace holdfast
