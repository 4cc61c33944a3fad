// Proofs from outside: power verified off, and a person's word (design section 8).  Only the leader acts on them.
#include "engine/machine/fencing.h"

#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"
#include "engine/machine/trace_about.h"

namespace holdfast {

Fence& EngineState::fence_of(const Peer& peer) {
    return fences[static_cast<std::size_t>(&peer - peers.all().data())];
}

const Fence& EngineState::fence_of(const Peer& peer) const {
    return fences[static_cast<std::size_t>(&peer - peers.all().data())];
}

// No harm for nothing: a host is powered off only when it claims a VM, or may claim one that cannot be read.  Before anything is
// started a slot without `no_vms` stands on a majority.
bool EngineState::is_at_stake(const Peer& peer) const {
    if (peer.slot_seen && peer.slot.flags.no_vms && peer.slot.incarnation == peer.incarnation)
        return false;
    const RosterTable::Known* known = rosters.find(peer.id);
    if (!known->valid || known->unreadable || !rosters.current(peer)) return true;
    bool claims = false;
    rosters.for_each_of_host(*known,
                             [&claims](const Claim& claim) { claims = claims || claim.holds(); });
    return claims;
}

void EngineState::watch_from_outside(Peer& peer) {
    Fence& fence = fence_of(peer);
    const bool off_asked = !fence.request.is_none() && fence.task == FenceTask::Off && !fence.stale;
    const bool other = peer.incarnation != fence.incarnation;
    const bool moved = off_asked || fence.proved_at != kNotYet
                           ? other || peer.beat_at != fence.beat_at
                           : fence.evidence_at != peer.evidence_at;
    if (moved && !planted(Mutant::ProofOutlivesBeat)) {
        if (fence.proved_at != kNotYet && peer.boot_id == fence.boot_id)
            core.trace(about(TraceCode::ProofContradicted, peer));
        // What is under way at the device stays under way, one at a time.
        const Fence before = fence;
        fence = Fence{};
        fence.evidence_at = peer.evidence_at;
        fence.request = before.request;
        fence.task = before.task;
        fence.asked_at = before.asked_at;
        fence.stale = true;
    }
    if (fence.proved_at != kNotYet) {
        const Instant due = fence.proved_at + core.config.timing.landing;
        if (core.now < due && !planted(Mutant::PowerOffWithoutLanding)) return core.wake_at(due);
        Certificate certificate;
        certificate.dead = {peer.id, peer.incarnation};
        certificate.proof = fence.proof;
        certificate.silence = core.now - peer.evidence_at;
        return certify(peer, certificate);
    }
    if (!core.config.fenceable.contains(peer.id) || peer.verdict != PeerVerdict::Silent) return;
    if (!is_at_stake(peer) && !planted(Mutant::FencedForNothing)) return;
    if (!fence.prepared && fence.request.is_none()) {
        fence.prepared = true;
        ask_fence(peer, fence, FenceTask::Prepare);
    }
    std::uint8_t readings = 0;
    const bool silent =
        silent_since(peer, silence_began(peer) + with_drift(peer.lease()), readings);
    if (silent || planted(Mutant::FencedWhileSlow)) this->fence(peer, fence, readings);
}

void EngineState::fence(Peer& peer, Fence& fence, std::uint8_t readings) {
    const bool under_way = !fence.request.is_none() && fence.task == FenceTask::Off;
    if (under_way && core.now < fence.asked_at + kFenceForgotten) return;
    if (fence.retry_at != kNotYet && core.now < fence.retry_at) return core.wake_at(fence.retry_at);
    if (fence.attempts_count < 0xff) ++fence.attempts_count;
    Trace line = about(TraceCode::FenceAsked, peer);
    line.a = fence.attempts_count;
    line.b = readings;
    line.span = core.now - peer.evidence_at;
    core.trace(line);
    ask_fence(peer, fence, FenceTask::Off);
}

void EngineState::ask_fence(const Peer& peer, Fence& fence, FenceTask task) {
    fence.request = core.new_request();
    fence.task = task;
    fence.stale = false;
    fence.asked_at = core.now;
    fence.incarnation = peer.incarnation;
    fence.boot_id = peer.boot_id;
    fence.beat_at = peer.beat_at;
    core.emit(FenceHost{peer.id, task, fence.request, leadership.leads_until()});
}

// Return code 0 of `off` proves nothing, and neither does a timeout: only `status` = off after it does.
void EngineState::on(const FenceAnswered& answered) {
    Peer* peer = peers.find(answered.host);
    if (peer == nullptr || answered.request.is_none()) return;
    Fence& fence = fence_of(*peer);
    if (fence.request != answered.request) return;
    fence.request = RequestId{};
    const bool void_now =
        fence.stale || fence.incarnation != peer->incarnation || fence.beat_at != peer->beat_at;
    if (void_now || !leadership.leading(core.now)) return;
    if (fence.task == FenceTask::Prepare) {
        if (answered.power == PowerState::Unknown)
            core.trace(about(TraceCode::FenceNotReady, *peer));
        return;
    }
    const Duration first = core.config.timing.lease;
    const Duration pace = first * (1LL << std::min<unsigned>(fence.attempts_count - 1U, 5U));
    fence.retry_at = core.now + std::min(pace, std::max(first, kFenceRetryMax));
    const bool off = answered.power == PowerState::Off ||
                     (planted(Mutant::ReturnCodeIsProof) && answered.off == FenceReply::Ok);
    if (off) return proved_outside(*peer, fence, Proof::PowerOff);
    Trace line = about(TraceCode::FenceFailed, *peer);
    line.a = static_cast<std::int64_t>(answered.off);
    line.b = static_cast<std::int64_t>(answered.power);
    line.span = fence.retry_at - core.now;
    core.trace(line);
}

// Writes of the dead host may still be on their way for `landing`.
void EngineState::proved_outside(const Peer& peer, Fence& fence, Proof proof) {
    fence.proved_at = core.now;
    fence.proof = proof;
    fence.incarnation = peer.incarnation;
    fence.boot_id = peer.boot_id;
    fence.beat_at = peer.beat_at;
    Trace line = about(TraceCode::ProvedOutside, peer);
    line.a = static_cast<std::int64_t>(proof);
    line.span = core.config.timing.landing;
    core.trace(line);
}

// Who shows life is not dead, whatever a person says; and the word is about the incarnation that the person saw.
void EngineState::on(const ConfirmDead& confirmed) {
    AnswerConfirm answer{confirmed.token, confirmed.host, {}, {}, {}, {}};
    const auto say = [this, &answer](ConfirmVerdict verdict) {
        answer.verdict = verdict;
        core.emit(answer);
    };
    if (!leadership.leading(core.now) || phase != HostPhase::Member) {
        answer.other = leadership.winner().host;
        return say(ConfirmVerdict::NotLeader);
    }
    Peer* peer = peers.find(confirmed.host);
    if (peer == nullptr || !peer->known()) return say(ConfirmVerdict::UnknownHost);
    answer.incarnation = peer->incarnation;
    if (peer->is_dead(peer->incarnation)) return say(ConfirmVerdict::AlreadyDead);
    if (peer->incarnation != confirmed.incarnation) return say(ConfirmVerdict::Changed);
    const Instant due = silence_began(*peer) + with_drift(peer->lease());
    std::uint8_t readings = 0;
    if (!silent_since(*peer, due, readings) && !planted(Mutant::PersonOverLife)) {
        answer.wait = std::max(due - core.now, core.config.timing.interval);
        return say(ConfirmVerdict::ShowsLife);
    }
    Fence& fence = fence_of(*peer);
    fence.evidence_at = peer->evidence_at;
    if (fence.proved_at == kNotYet) proved_outside(*peer, fence, Proof::Operator);
    say(ConfirmVerdict::Accepted);
}

}  // namespace holdfast
