// What a step leaves to be written and sent.
#include "engine/base/mutant.h"
#include "engine/machine/engine_state.h"

namespace holdfast {

namespace {

// A provisional slot overwrites the last ones of the life before, whose claims still stand: without its promises nobody who starts
// now could prove its death (seed 2703).
void speak_for(const SlotRecord& before, SlotRecord& slot) {
    if (planted(Mutant::ProvisionalHidesPromises)) return;
    slot.lease = std::max(slot.lease, before.lease);
    slot.watchdog = std::max(slot.watchdog, before.watchdog);
    slot.watchdog_class = before.watchdog_class;
    slot.flags.armed = before.flags.armed;
    slot.flags.no_vms = before.flags.no_vms;
}

}  // namespace

bool EngineState::may_write() const {
    return phase == HostPhase::Writing || phase == HostPhase::Member ||
           // Who was told to go before it knew its past would forget its ballots (seed 572).
           ((phase == HostPhase::Lapsed || phase == HostPhase::Leaving) && past.known &&
            (core.incarnation == persisted || planted(Mutant::ProvisionalSaysFarewell)) &&
            !sequence.is_none());
}

bool EngineState::is_over() const {
    return phase == HostPhase::Leaving && !roster_writer.dirty() &&
           (own_roster.version.is_none() || own_slot.roster_version >= own_roster.version);
}

// Versions go into the slot only once their region is on a majority, so that whoever reads the slot can read the region.
void EngineState::announce() {
    const Version roster = planted(Mutant::VersionAnnouncedEarly) ? roster_writer.version()
                                                                  : roster_writer.on_majority(core);
    if (roster > own_slot.roster_version) {
        own_slot.roster_version = roster;
        touch_slot();
    }
    const Version orders = orders_writer.on_majority(core);
    if (orders > own_slot.orders_version) {
        own_slot.orders_version = orders;
        touch_slot();
        doorbell = true;
    }
    publish_config();
}

void EngineState::compose_config() {
    own_config.writer = core.config.self;
    own_config.incarnation = core.incarnation;
    own_config.config = membership.held();
    config_writer.composed();
    own_config.version = config_writer.version();
}

void EngineState::compose_roster() {
    own_roster.host = core.config.self;
    own_roster.incarnation = core.incarnation;
    own_roster.boot_id = core.config.boot_id;
    own_roster.capacity = host_goes_down ? Capacity{} : capacity;  // no room on a host that leaves
    vms.write_to(own_roster);
    roster_writer.composed();
    own_roster.version = roster_writer.version();
}

void EngineState::compose_orders() {
    own_orders.leader = core.config.self;
    own_orders.incarnation = core.incarnation;
    own_orders.epoch = leadership.decided_epoch();
    orders_writer.composed();
    own_orders.version = orders_writer.version();
}

void EngineState::compose_slot() {
    sequence = sequence.next();
    own_slot.host = core.config.self;
    own_slot.host_uuid = core.config.host_uuid;
    own_slot.boot_id = core.config.boot_id;
    own_slot.incarnation = core.incarnation;
    own_slot.sequence = sequence;
    own_slot.lease = timing_stage.published_lease();
    own_slot.watchdog = published_watchdog();
    own_slot.interval = core.config.timing.interval;
    own_slot.watchdog_class = own_watchdog_class();
    own_slot.flags.armed = keeper.armed();
    own_slot.flags.maintenance = core.in_maintenance;
    own_slot.flags.no_vms = (!vms.any_held() && !keeper.armed()) || planted(Mutant::NoVmsLies);
    own_slot.flags.clean_shutdown = is_over();
    if (own_slot.flags.clean_shutdown && leaving_over.is_none()) leaving_over = sequence;
    own_slot.flags.provisional =
        core.incarnation != persisted && !planted(Mutant::ProvisionalNotSaid);
    if (own_slot.flags.provisional && past.slot_found) speak_for(past.slot, own_slot);
    own_slot.flags.barred = phase != HostPhase::Member || membership.barred();
    own_slot.storage_lost_mask = slots.lost_mask();
    own_slot.ballot = leadership.ballot();
    own_slot.decided_epoch = leadership.decided_epoch();
    own_slot.winner = leadership.winner();
    own_slot.resigned_epoch = leadership.resigned_epoch();
    own_slot.marks = marks;
    own_slot.heard = peers.heard(core);
}

void EngineState::note_usable() {
    const Instant silent_since = core.now - core.config.timing.silent;
    for (std::size_t d = 0; d < slots.disks_count(); ++d) {
        SlotIo::Disk& disk = slots.disk(d);
        disk.usable =
            disk.scan_done_at > silent_since && (disk.write_done_at > silent_since || !may_write());
    }
}

void EngineState::issue_slots() {
    bool due = false;
    for (std::size_t d = 0; d < slots.disks_count(); ++d) {
        const SlotIo::Disk& disk = slots.disk(d);
        due = due || (!disk.writing &&
                      (beat_due || (disk.content_issued < content && disk.content_issued != 0)));
    }
    const bool write = due && may_write();
    if (write) compose_slot();
    if (write) begin_round();
    note_usable();
    const bool all = !beat_due || scans_all();
    for (std::uint8_t d = 0; d < slots.disks_count(); ++d) {
        SlotIo::Disk& disk = slots.disk(d);
        const bool writes = write && !disk.writing;
        if (writes) {
            disk.writing = true;
            disk.write_counts = true;
            disk.write_request = core.new_request();
            disk.write_issued = core.now;
            disk.write_sequence = sequence;
            disk.content_issued = content;
            core.emit(WriteSlot{d, disk.write_request});
        }
        const bool needed = disk.scan_wanted_after >= disk.scan_issued_last;
        if (!(needed || beat_due) || disk.scans.full() || core.config.members.empty()) continue;
        SlotIo::Scan scan;
        scan.whole = needed || all;
        scan.request = core.new_request();
        scan.issued = core.now;
        scan.validates = disk.written;
        scan.validates_issued = disk.written_issued;
        if (writes) scan.round = sequence;
        disk.scans.push(scan);
        if (!scan.whole) {
            const HostId leader = leadership.winner().host;
            core.emit(ScanSlots{d, scan.request, leader, leader});
            continue;
        }
        disk.scan_issued_last = scan.request;
        disk.scan_issued_last_at = core.now;
        core.emit(ScanSlots{
            d, scan.request, HostId{1}, core.config.members[core.config.members.size() - 1]});
    }
}

// The host goes down: once its VMs are gone, and not before, this incarnation is over.
void EngineState::settle_departure() {
    if (!host_goes_down || !past.known || !list_complete || vms.any_held()) return;
    const HostPhase before = phase;
    change_phase(PhaseInput::HostLeaves);
    if (phase == before) return;
    if (keeper.arming != 0) disarm_keeper();
    roster_writer.touch();
    doorbell = true;
}

// Tells the agent when it may go.  For an upgrade: the roster and a fresh slot are on a majority, so that the successor finds everything and a
// whole lease.  A minority that hangs holds up nobody; where a majority does, the answers of others carry the lease and the
// agent goes after a while all the same.  With its host: a majority holds that this incarnation is over, or every other member
// has acknowledged it; until then the host goes on answering, for others may live on that.
void EngineState::settle_shutdown() {
    if (ready_said || (!stopping && phase != HostPhase::Leaving)) return;
    if (stopping) {
        const bool slot_written = slots.written_by_majority(core) >= leaving_sequence;
        const bool roster_written =
            !roster_writer.dirty() && roster_writer.on_majority(core) >= own_roster.version;
        const bool waited = core.now - stopping_since >= core.config.timing.lease;
        if (!(slot_written && roster_written) && !waited)
            return core.wake_at(stopping_since + core.config.timing.lease);
    } else {
        const bool held =
            !leaving_over.is_none() && slots.written_by_majority(core) >= leaving_over;
        bool acknowledged = !leaving_beat.is_none();
        for (const Peer& peer : peers.all())
            acknowledged = acknowledged && peer.answered >= leaving_beat;
        if (!held && !acknowledged && !planted(Mutant::LeavesUnheard)) return;
    }
    ready_said = true;
    core.emit(ShutdownReady{});
}

void EngineState::put_out() {
    if (phase == HostPhase::Refused) {
        core.wake_at(next_beat_at);
        beat_due = false;
        return;
    }
    // A region of an incarnation that a majority does not hold might outlive it, and hide those of the next (seed 323).
    const bool held =
        past.known && (core.incarnation == persisted || planted(Mutant::ProvisionalWritesRegions));
    const bool may_write_regions =
        phase == HostPhase::Member ||
        ((phase == HostPhase::Writing || phase == HostPhase::Leaving) && held);
    if (may_write_regions) {
        if (roster_writer.dirty()) compose_roster();
        roster_writer.issue<WriteRoster>(core);
        // Kept first: nobody may read a record that an agent started after this one knows nothing of.
        const bool kept = membership.is_kept() || planted(Mutant::NumberBeforeKept);
        if (config_writer.dirty() && kept) compose_config();
        config_writer.issue<WriteConfig>(core);
        if (orders_writer.dirty()) compose_orders();
        orders_writer.issue<WriteOrders>(core);
    }
    settle_shutdown();
    issue_slots();
    if (beat_due || doorbell) send_beats();
    beat_due = false;
    doorbell = false;
    core.wake_at(next_beat_at);
    if (lease.held(core.now)) core.wake_at(lease.ends());
}

}  // namespace holdfast
