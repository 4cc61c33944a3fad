// What the datastores answer.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

void EngineState::on(const Tick&) {}

void EngineState::on(const SlotWritten& written) {
    if (written.datastore >= core.config.datastores_count) return;
    SlotIo::Disk& disk = slots.disk(written.datastore);
    if (!disk.writing || disk.write_request != written.request) return;
    disk.writing = false;
    if (written.status != IoStatus::Done && !planted(Mutant::FailedWriteTakenForDone)) {
        ++disk.writes_failed;
        disk.content_issued = 0;
        return;
    }
    disk.write_done_at = core.now;
    if (!disk.write_counts || !(disk.shows_own || planted(Mutant::HiddenWriteCounts))) return;
    disk.written = disk.write_sequence;
    disk.written_issued = planted(Mutant::LeaseFromCompletion) ? core.now : disk.write_issued;
    // A ballot or an office waits for the scan that validates this write; an ordinary beat leaves that to the next one.
    const bool adopting = !membership.in_force() && own_slot.config == membership.number();
    const bool hurry = leadership.role() == Leadership::Role::Preparing ||
                       leadership.role() == Leadership::Role::Accepting ||
                       phase == HostPhase::Writing || adopting;
    if (hurry) disk.scan_wanted_after = core.last_request;
}

void EngineState::on(const SlotsRead& read) {
    if (read.datastore >= core.config.datastores_count) return;
    SlotIo::Disk& disk = slots.disk(read.datastore);
    std::size_t index = 0;
    while (index < disk.scans.size() && disk.scans[index].request != read.request) ++index;
    if (index == disk.scans.size()) return;
    const SlotIo::Scan scan = disk.scans[index];
    disk.scans.remove_at(index);
    if (read.status != IoStatus::Done) {
        ++disk.scans_failed;
        return;
    }
    disk.scan_done_at = core.now;
    disk.scanned = std::max(disk.scanned, scan.request);
    disk.scanned_issued = std::max(disk.scanned_issued, scan.issued);
    disk.round_scanned = std::max(disk.round_scanned, scan.round);
    bool clean = true;
    HostId host = read.first;
    for (const SlotView& view : read.slots) {
        if (host == core.config.self) {
            if (scan.request > past.since || phase != HostPhase::Reading)
                learn_own_slot(read.datastore, view);
        } else if (Peer* peer = peers.find(host)) {
            if (view.reading == SlotReading::Unusable) {
                clean = false;
                ++disk.slots_unusable;
            } else {
                peer->read_request[read.datastore] =
                    std::max(peer->read_request[read.datastore], scan.request);
                peer->read_issued[read.datastore] =
                    std::max(peer->read_issued[read.datastore], scan.issued);
                if (view.reading == SlotReading::Valid && view.record.host == host) {
                    if (!core.quorum.votes(read.datastore))
                        peer->note_spare(read.datastore, view.record.sequence, core.now);
                    learn_slot(view.record);
                }
            }
        }
        host = host.next();
    }
    const bool shows_all =
        scan.whole && (scan.request > core.listed_since || planted(Mutant::ScanWithoutNewMember));
    if (!shows_all || (!clean && !planted(Mutant::UnreadableSlotsCount))) return;
    disk.scanned_clean = std::max(disk.scanned_clean, scan.request);
    if (scan.validates > disk.validated) {
        disk.validated = scan.validates;
        disk.validated_issued = scan.validates_issued;
    }
}

void EngineState::learn_slot(const SlotRecord& record) {
    const bool provisional = record.flags.provisional && !planted(Mutant::ProvisionalIsNewerLife);
    const bool news =
        provisional ? peers.learn_provisional(core, record) : peers.learn_slot(core, record);
    if (!news) return;
    look_again(record.host);
    membership.note(record.config, record.host);
    leadership.learn_ballot(record.ballot);
    leadership.learn_decided(core, record.decided_epoch, record.winner);
    if (provisional) return;
    learn_marks(record);
    const Peer& peer = *peers.find(record.host);
    const RosterTable::Known* known = rosters.find(record.host);
    if (known->valid && known->boot_id != peer.boot_id) plan_due = true;
}

void EngineState::learn_marks(const SlotRecord& record) {
    const bool from_leader = record.decided_epoch == leadership.decided_epoch() &&
                             HostKey{record.host, record.incarnation} == leadership.winner();
    if (!from_leader) return;
    for (const Mark& mark : record.marks) {
        if (Peer* peer = peers.find(mark.who.host);
            peer != nullptr && !leadership.leading(core.now)) {
            peer->certified_dead = std::max(peer->certified_dead,
                                            mark.who.incarnation);  // to show; a leader proves anew
        }
        const bool about_me =
            mark.who.host == core.config.self &&
            (mark.who.incarnation >= core.incarnation || planted(Mutant::PillOfThePastTaken));
        if (!about_me || core.incarnation.boot() == 0) continue;
        if (phase != HostPhase::Member && phase != HostPhase::Reading &&
            phase != HostPhase::Writing)
            continue;
        Trace line;
        line.code = TraceCode::PillTaken;
        line.who = {record.host, record.incarnation};
        core.trace(line);
        lapse();
    }
}

void EngineState::on(const RosterWritten& written) {
    roster_writer.take(core, written.datastore, written.request, written.status == IoStatus::Done);
}

void EngineState::on(const OrdersWritten& written) {
    orders_writer.take(core, written.datastore, written.request, written.status == IoStatus::Done);
}

void EngineState::on(const RosterRead& read) {
    if (read.host == core.config.self) {
        learn_own_roster(read);
        return;
    }
    const RosterTable::Known* before = rosters.find(read.host);
    if (before == nullptr) return;
    if (read.reading == RegionReading::Valid && read.roster->host == read.host)
        peers.learn_roster(core, *read.roster);
    restless.insert(read.host);
    const RequestId thorough = before->thorough;
    const bool changed = rosters.take(core, read);
    if (changed) forget_superseded(*before);
    hand_overs_due = hand_overs_due || changed;
    if (changed || before->thorough != thorough) plan_due = true;
}

// An entry that claims nothing is dropped once a higher number was read elsewhere; not for a claim that is only starting, which
// may be withdrawn again.
void EngineState::forget_superseded(const RosterTable::Known& known) {
    rosters.for_each_of_host(known, [this, &known](const Claim& claim) {
        OwnVm* own = vms.find(claim.spec.vm);
        if (own == nullptr || own->claim.number >= claim.number ||
            claim.state == ClaimState::Starting || claim.state == ClaimState::Arriving)
            return;
        if (!own->listed || own->claim.holds() || own->under_way() || own->qemu_seen ||
            own->destroying)
            return;
        Trace line;
        line.code = TraceCode::VmForgotten;
        line.vm = claim.spec.vm;
        line.vm_name = claim.spec.name;
        line.number = claim.number.value();
        line.who = {known.host, known.incarnation};
        core.trace(line);
        vms.remove(claim.spec.vm);
        roster_writer.touch();
    });
}

void EngineState::on(const OrdersRead& read) {
    if (read.datastore >= core.config.datastores_count) return;
    orders_asked = static_cast<std::uint8_t>(orders_asked & ~(1U << read.datastore));
    if (read.reading != RegionReading::Valid || read.orders->leader != read.host) return;
    const HostKey author{read.orders->leader, read.orders->incarnation};
    if (read.orders->epoch != leadership.decided_epoch() || author != leadership.winner()) return;
    if (orders_known && known_orders.epoch == read.orders->epoch &&
        known_orders.version >= read.orders->version)
        return;
    known_orders = *read.orders;
    orders_known = true;
    orders_taken = false;
}

}  // namespace holdfast
